// Package answer is what the floors of the functions with a Function URL share: the
// client of DynamoDB as the real functions make it, and one fixed answer, which
// `make bench` takes from the real function (HELLO_STATUS, HELLO_BODY).
package answer

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

var (
	status, _ = strconv.Atoi(os.Getenv("HELLO_STATUS"))
	body      = os.Getenv("HELLO_BODY")
)

// Config is the configuration of the clients.
func Config() aws.Config {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	return cfg
}

// Tables returns a client with the time limit and the retries of the real one.
func Tables(cfg aws.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = 8
			r.RateLimiter = ratelimit.None
		})
	})
}

// Start gives the answer to every event, after keep, which does nothing in the
// bench: it keeps the calls that the real function makes in the program, so that
// both load about the same code.
func Start(keep func(ctx context.Context, event events.LambdaFunctionURLRequest) error) {
	lambda.Start(func(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		if err := keep(ctx, event); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		return events.LambdaFunctionURLResponse{
			StatusCode: status,
			Headers:    map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"},
			Body:       body,
		}, nil
	})
}
