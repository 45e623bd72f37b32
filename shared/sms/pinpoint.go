package sms

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Pinpoint sends by AWS End User Messaging SMS, whose API still bears the name
// of Amazon Pinpoint.
type Pinpoint struct {
	Client *pinpointsmsvoicev2.Client
	// Origination is what messages come from: a phone number, its id, a pool, or
	// the ARN of one. For the United States and Canada it must reach both.
	Origination string
}

// NewPinpointClient returns a client that never tries again by itself, and uses
// no connection twice; see [Pinpoint.Send].
func NewPinpointClient(cfg aws.Config) *pinpointsmsvoicev2.Client {
	return pinpointsmsvoicev2.NewFromConfig(cfg, func(o *pinpointsmsvoicev2.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DisableKeepAlives = true })
		// SendTextMessage has no token by which a second call would be known as
		// the first: the SDK's usual retry would send another message.
		o.Retryer = aws.NopRetryer{}
	})
}

// Name implements Sender.
func (*Pinpoint) Name() string { return "aws" }

// Send implements Sender. It takes at most five seconds. The message is not
// delivered after ten minutes, when its code is no good any more.
func (p *Pinpoint) Send(ctx context.Context, to Number, message Message) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	input := &pinpointsmsvoicev2.SendTextMessageInput{
		DestinationPhoneNumber: aws.String(to.Reveal()),
		OriginationIdentity:    &p.Origination,
		MessageBody:            aws.String(message.Reveal()),
		MessageType:            types.MessageTypeTransactional,
		TimeToLive:             aws.Int32(int32(lifetime.Seconds())),
		// Stands in the events of the messages, so nothing of a person is in it.
		Context: map[string]string{"purpose": "sign-in-code"},
	}
	return again(ctx, func(ctx context.Context, w *wire) error {
		_, err := p.Client.SendTextMessage(ctx, input)
		if err == nil {
			return nil
		}
		var answer *smithyhttp.ResponseError
		if !errors.As(err, &answer) || answer.HTTPStatusCode() == 0 {
			return w.lost(ctx, endUserMessaging, err)
		}
		if answer.HTTPStatusCode() == http.StatusOK {
			return nil // sent; the answer broke off behind its first line
		}
		return explain(answer.HTTPStatusCode(), err)
	})
}

// endUserMessaging is what errors and logs call the service.
const endUserMessaging = "AWS End User Messaging"
