// The floor of a cold start of function alerts: a bootstrap that makes the same
// SDK clients in the same way and gives one fixed answer. `make bench` tells it
// what the real function answers to its first event (HELLO_STATUS, HELLO_BODY),
// and times both.
package main

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// As in the real function, where a call needs them.
var (
	tables  *dynamodb.Client
	secrets *secretsmanager.Client
)

var (
	status, _ = strconv.Atoi(os.Getenv("HELLO_STATUS"))
	body      = os.Getenv("HELLO_BODY")
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
	secrets = secretsmanager.NewFromConfig(cfg)
	lambda.Start(handle)
}

func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	if event.Headers["github-public-key-signature"] != "" {
		// Never so in the bench. It keeps the calls that alerts makes in the
		// program, so that both load about the same code.
		if _, err := tables.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{}); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		if _, err := tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{}); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		if _, err := tables.GetItem(ctx, &dynamodb.GetItemInput{}); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		if _, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{}); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		if _, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{}); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
	}
	return events.LambdaFunctionURLResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"},
		Body:       body,
	}, nil
}
