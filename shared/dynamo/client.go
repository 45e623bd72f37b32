// Package dynamo is how every room reaches DynamoDB: one client with tight
// time limits, and the loops that DynamoDB leaves to its callers (unprocessed
// keys, transaction conflicts).
package dynamo

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// The limits of one call. DynamoDB answers in milliseconds or not at all, so
// a lost answer is found out soon and asked for again.
const (
	callTimeout = 3 * time.Second
	maxAttempts = 8
	maxBackoff  = time.Second
	// maxIdle keeps the connections of a report of many tokens, which is
	// worked off 16 at a time, for the next one.
	maxIdle = 32
)

// NewClient returns a client that gives up on a single try after 3 s, tries up
// to 8 times with jitter, and stays within the deadline of each call's context.
func NewClient(cfg aws.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		// TLS guards the answers already. The SDK's own check of them warns,
		// and gives the connection up, after every answer without a body.
		o.DisableValidateResponseChecksum = true
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(callTimeout).WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = maxIdle
		})
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = maxAttempts
			r.MaxBackoff = maxBackoff
			// The default token bucket would stop retrying in the middle of
			// an outage, which is when a leak report must not be lost.
			r.RateLimiter = ratelimit.None
			// An answer that breaks off is as good as lost.
			r.Retryables = append(r.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				var cut *smithy.DeserializationError
				return aws.BoolTernary(errors.As(err, &cut))
			}))
		})
	})
}

// Item is one stored item.
type Item = map[string]types.AttributeValue

// S is a string attribute.
func S(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// Text returns the string attribute name of an item, or "".
func Text(item Item, name string) string {
	if s, ok := item[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// N is a number attribute.
func N(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// Number returns the number attribute name of an item, or 0.
func Number(item Item, name string) int64 {
	n, ok := item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	value, _ := strconv.ParseInt(n.Value, 10, 64) // DynamoDB stores only numbers in N
	return value
}

// Time is a time attribute: RFC 3339 with nanoseconds, in UTC.
func Time(t time.Time) types.AttributeValue { return S(t.UTC().Format(time.RFC3339Nano)) }

// TimeOf returns the time attribute name of an item, or the zero time.
func TimeOf(item Item, name string) time.Time {
	text := Text(item, name)
	if text == "" { // most times of most items; a failed parse would cost ten times as much
		return time.Time{}
	}
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}

// batchSize is what one BatchGetItem takes.
const batchSize = 100

// BatchGet reads the items with the given keys from one table, consistently,
// in parallel batches. The order is not kept and missing items are left out.
// Keys must be distinct.
func BatchGet(ctx context.Context, client *dynamodb.Client, table string, keys []Item) ([]Item, error) {
	return inParallel(ctx, keys, func(ctx context.Context, keys []Item) ([]Item, error) {
		var items []Item
		for try := 0; len(keys) > 0; try++ {
			if try > 0 {
				// Unprocessed keys mean that the table is being throttled.
				if err := Pause(ctx, try); err != nil {
					return nil, err
				}
			}
			out, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{
					table: {Keys: keys, ConsistentRead: aws.Bool(true)},
				},
			})
			if err != nil {
				return nil, err
			}
			items = append(items, out.Responses[table]...)
			keys = out.UnprocessedKeys[table].Keys
		}
		return items, nil
	})
}
