package notice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"safekeep/shared/letter"
)

// sendTimeout bounds one try of one mail.
const sendTimeout = 10 * time.Second

// NewSESClient returns a client that tries again only when SES says that it is
// busy. After anything else the mail may have gone out, and the SDK's usual
// retry would send it twice.
func NewSESClient(cfg aws.Config) *sesv2.Client {
	return sesv2.NewFromConfig(cfg, func(o *sesv2.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(sendTimeout)
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
			r.MaxAttempts = 5
			r.MaxBackoff = 2 * time.Second
			r.RateLimiter = ratelimit.None
		})
	})
}

// SES sends mail by Amazon SES.
type SES struct {
	Client *sesv2.Client
	// From is the sender, "Acme Security <security@acme.example>".
	From string
	// ConfigurationSet is the one whose events tell of bounces; may be empty.
	ConfigurationSet string
}

// Send implements Sender.
func (s *SES) Send(ctx context.Context, to string, mail letter.Mail) error {
	utf8 := aws.String("UTF-8")
	input := &sesv2.SendEmailInput{
		FromEmailAddress: &s.From,
		Destination:      &types.Destination{ToAddresses: []string{to}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: &types.Content{Data: &mail.Subject, Charset: utf8},
			Body: &types.Body{
				Text: &types.Content{Data: &mail.Text, Charset: utf8},
				Html: &types.Content{Data: &mail.HTML, Charset: utf8},
			},
		}},
	}
	if s.ConfigurationSet != "" {
		input.ConfigurationSetName = &s.ConfigurationSet
	}
	for name, value := range mail.Headers {
		input.Content.Simple.Headers = append(input.Content.Simple.Headers, types.MessageHeader{Name: aws.String(name), Value: aws.String(value)})
	}
	_, err := s.Client.SendEmail(ctx, input)
	return classify(err)
}

// classify tells what surely was not sent from what may have been.
func classify(err error) error {
	var refused *types.BadRequestException
	var answer *smithyhttp.ResponseError
	var dial *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	// Without any answer the status is 0, and the mail may have gone out.
	case errors.As(err, &answer) && answer.HTTPStatusCode() >= 400 && answer.HTTPStatusCode() < 500:
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	default:
		return fmt.Errorf("sending: %w", err)
	}
}
