// The floor of a cold start of the functions that need DynamoDB alone: tokens,
// workspaces and introspect. It makes the same SDK client in the same way and
// gives fixed answers, those that the real functions give to a path that is not
// there and to an introspection without a form. `make bench` checks that the
// answers are the same, and times both.
package main

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// As in the real functions, where a call needs it.
var tables *dynamodb.Client

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	tables = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second)
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = 8
			r.RateLimiter = ratelimit.None
		})
	})
	lambda.Start(handle)
}

func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	answer := events.LambdaFunctionURLResponse{
		StatusCode: 404,
		Headers:    map[string]string{"Content-Type": "application/problem+json"},
		Body:       `{"type":"about:blank","title":"Not Found","status":404,"detail":"There is nothing at this path."}`,
	}
	if event.RawPath == "/tokens/introspect" {
		answer.StatusCode = 400
		answer.Body = `{"type":"about:blank","title":"Bad Request","status":400,"detail":"Send the token as a form: Content-Type application/x-www-form-urlencoded, body token=…."}`
	}
	if event.Body != "" {
		// Never so in the bench. It keeps the calls that all three make in the
		// program, so that both load about the same code.
		if _, err := tables.GetItem(ctx, &dynamodb.GetItemInput{}); err != nil {
			return answer, err
		}
		if _, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{}); err != nil {
			return answer, err
		}
	}
	return answer, nil
}
