// The floor of a cold start of function notify: a bootstrap that makes the same
// SDK clients in the same way, has the template packages that its mails need,
// and has nothing to do. `make bench` times it beside the real one.
package main

import (
	"context"
	"encoding/json"
	html "html/template"
	"io"
	"net/http"
	text "text/template"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
)

// As in the real function, where a call needs them.
var (
	tables *dynamodb.Client
	mails  *sesv2.Client
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	tables = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = 8
			r.RateLimiter = ratelimit.None
		})
	})
	mails = sesv2.NewFromConfig(cfg, func(o *sesv2.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(10 * time.Second)
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = 5
			r.RateLimiter = ratelimit.None
		})
	})
	lambda.Start(handle)
}

func handle(ctx context.Context, event struct{ Records []json.RawMessage }) error {
	if len(event.Records) == 0 {
		return nil
	}
	// Never so in the bench. It keeps the calls and the templates in the program,
	// so that both load about the same code.
	if err := html.Must(html.New("").Parse("<p>{{.}}</p>")).Execute(io.Discard, event.Records); err != nil {
		return err
	}
	if err := text.Must(text.New("").Parse("{{.}}")).Execute(io.Discard, event.Records); err != nil {
		return err
	}
	if _, err := tables.Query(ctx, &dynamodb.QueryInput{}); err != nil {
		return err
	}
	if _, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{}); err != nil {
		return err
	}
	_, err := mails.SendEmail(ctx, &sesv2.SendEmailInput{})
	return err
}
