// The floor of a cold start of function mfa: a bootstrap with the same SDK clients
// and the same package for phone numbers, which gives one fixed answer. `make
// bench` tells it what the real function answers to its first event (HELLO_STATUS,
// HELLO_BODY), and times both.
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
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/nyaruka/phonenumbers"
)

// As in the real function, where a call needs them.
var (
	tables  *dynamodb.Client
	keys    *kms.Client
	secrets *secretsmanager.Client
	texts   *pinpointsmsvoicev2.Client
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
	keys = kms.NewFromConfig(cfg)
	secrets = secretsmanager.NewFromConfig(cfg)
	texts = pinpointsmsvoicev2.NewFromConfig(cfg)
	lambda.Start(handle)
}

func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	if event.Body != "" {
		// Never so in the bench. It keeps the calls that mfa makes in the program, so
		// that both load about the same code.
		if err := all(ctx, event.Body); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
	}
	return events.LambdaFunctionURLResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"},
		Body:       body,
	}, nil
}

func all(ctx context.Context, text string) error {
	if _, err := phonenumbers.Parse(text, "US"); err != nil {
		return err
	}
	if _, err := tables.Query(ctx, &dynamodb.QueryInput{}); err != nil {
		return err
	}
	if _, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{}); err != nil {
		return err
	}
	if _, err := tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{}); err != nil {
		return err
	}
	if _, err := keys.Encrypt(ctx, &kms.EncryptInput{}); err != nil {
		return err
	}
	if _, err := keys.Decrypt(ctx, &kms.DecryptInput{}); err != nil {
		return err
	}
	if _, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{}); err != nil {
		return err
	}
	_, err := texts.SendTextMessage(ctx, &pinpointsmsvoicev2.SendTextMessageInput{})
	return err
}
