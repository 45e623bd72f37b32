// The floor of a cold start of function passwords: a bootstrap with the same SDK
// client and the same dictionaries, which gives one fixed answer. `make bench`
// tells it what the real function answers to its first event (HELLO_STATUS,
// HELLO_BODY), and times both.
package main

import (
	"context"
	"errors"
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
	"github.com/trustelem/zxcvbn/adjacency"
	"github.com/trustelem/zxcvbn/frequency"
)

// As in the real functions, where a call needs it.
var tables *dynamodb.Client

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
	lambda.Start(handle)
}

func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	if event.Body != "" {
		// Never so in the bench. It keeps the calls and the dictionaries in the
		// program, so that both load about the same code.
		if len(frequency.FrequencyLists) == 0 || len(adjacency.Graphs) == 0 {
			return events.LambdaFunctionURLResponse{}, errors.New("no dictionaries")
		}
		if _, err := tables.GetItem(ctx, &dynamodb.GetItemInput{}); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		if _, err := tables.PutItem(ctx, &dynamodb.PutItemInput{}); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
	}
	return events.LambdaFunctionURLResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"},
		Body:       body,
	}, nil
}
