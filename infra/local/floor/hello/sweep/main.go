// The floor of a cold start of function sweep: a bootstrap that makes the same
// SDK client in the same way and refuses every event with one fixed error.
// `make bench` tells it the error by which the real function refuses its first
// event (HELLO_BODY), and times both.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// As in the real function, where a call needs it.
var tables *dynamodb.Client

var errRefused = errors.New(os.Getenv("HELLO_BODY"))

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	tables = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.DisableValidateResponseChecksum = true
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = 8
			r.RateLimiter = ratelimit.None
		})
	})
	lambda.Start(handle)
}

type event struct {
	Scheduled time.Time `json:"scheduled"`
	Segments  int       `json:"segments"`
}

func handle(ctx context.Context, e event) error {
	if e.Segments <= 0 {
		return errRefused
	}
	// Never so in the bench. It keeps the calls that sweep makes in the program,
	// so that both load about the same code.
	if _, err := tables.Scan(ctx, &dynamodb.ScanInput{}); err != nil {
		return err
	}
	if _, err := tables.Query(ctx, &dynamodb.QueryInput{}); err != nil {
		return err
	}
	if _, err := tables.GetItem(ctx, &dynamodb.GetItemInput{}); err != nil {
		return err
	}
	if _, err := tables.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{}); err != nil {
		return err
	}
	_, err := tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{})
	return err
}
