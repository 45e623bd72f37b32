// The floor of a daily sweep on which nothing changes: what function sweep would
// cost if it only read. `make bench-sweep` runs it beside the real one, under the
// same host and on the same tables.
//
// It asks the same questions in the same order, as many at once, by the same
// libraries, and counts what comes back; the bench holds the requests of the two
// against each other. What it has not: decoding, judging, marks, accounts,
// digests, metrics, and an eye on the time that is left.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// atOnce is how many workspaces the real function visits at once: more would be
// another design, and not less overhead.
const atOnce = 8

type item = map[string]types.AttributeValue

var (
	client     *dynamodb.Client
	tokens     = os.Getenv("TOKENS_TABLE")
	workspaces = os.Getenv("WORKSPACES_TABLE")
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	client = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
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
	Segment  int32 `json:"segment"`
	Segments int32 `json:"segments"`
}

type report struct {
	Workspaces int `json:"workspaces"`
	Tokens     int `json:"tokens"`
}

// handle finds the workspaces and reads each.
func handle(ctx context.Context, e event) (report, error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var r report
	var errs []error
	permits := make(chan struct{}, atOnce)
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{
		TableName: &workspaces, Segment: &e.Segment, TotalSegments: &e.Segments,
		FilterExpression: aws.String("#item = :settings AND attribute_not_exists(ended_at)"), ProjectionExpression: aws.String("workspace"),
		ExpressionAttributeNames: map[string]string{"#item": "item"}, ExpressionAttributeValues: item{":settings": s("workspace")},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			errs = append(errs, err)
			break
		}
		for _, found := range page.Items {
			permits <- struct{}{}
			all.Go(func() {
				n, err := read(ctx, found["workspace"])
				mu.Lock()
				r.Workspaces++
				r.Tokens += n
				errs = append(errs, err)
				mu.Unlock()
				<-permits
			})
		}
	}
	all.Wait()
	return r, errors.Join(errs...)
}

// read counts the tokens of a workspace. Its members are asked for when the
// first tokens have come. The expressions are the real ones, because the engine
// has to parse them.
func read(ctx context.Context, workspace types.AttributeValue) (n int, err error) {
	pages := dynamodb.NewQueryPaginator(client, &dynamodb.QueryInput{
		TableName: &tokens, IndexName: aws.String("by-workspace"), KeyConditionExpression: aws.String("workspace = :w"),
		FilterExpression: aws.String("#status = :active OR attribute_exists(orphaned_stage) OR attribute_exists(unused_stage)"),
		ProjectionExpression: aws.String("#hash, id, workspace, #name, hint, created_by, created_at, #status, version," +
			" expires_at, imported_at, retires_at, successor_id, revoked_at, revoked_reason, last_used_on, exposed_at," +
			" orphaned_stage, orphaned_since, unused_stage, unused_since, swept_at, kept_until, kept_reason, kept_by"),
		ExpressionAttributeNames:  map[string]string{"#hash": "hash", "#name": "name", "#status": "status"},
		ExpressionAttributeValues: item{":w": workspace, ":active": s("active")},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return n, err
		}
		if n == 0 && len(page.Items) > 0 {
			if err := members(ctx, workspace); err != nil {
				return n, err
			}
		}
		n += len(page.Items)
	}
	return n, nil
}

// members reads who is and was in a workspace.
func members(ctx context.Context, workspace types.AttributeValue) error {
	pages := dynamodb.NewQueryPaginator(client, &dynamodb.QueryInput{
		TableName: &workspaces, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("workspace = :w AND begins_with(#item, :member)"),
		ProjectionExpression: aws.String("#item, #role, left_at"), ExpressionAttributeNames: map[string]string{"#item": "item", "#role": "role"},
		ExpressionAttributeValues: item{":w": workspace, ":member": s("member#")},
	})
	for pages.HasMorePages() {
		if _, err := pages.NextPage(ctx); err != nil {
			return err
		}
	}
	return nil
}

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }
