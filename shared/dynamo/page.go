package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Page runs a query until it has one page of a list: at most limit items, and
// whether there are more. A filter, or DynamoDB's own page of 1 MB, may take
// several reads for that.
func Page(ctx context.Context, client *dynamodb.Client, query *dynamodb.QueryInput, limit int) (items []Item, more bool, err error) {
	for len(items) <= limit { // one more than asked for tells whether there is a next page
		query.Limit = aws.Int32(int32(limit + 1 - len(items)))
		out, err := client.Query(ctx, query)
		if err != nil {
			return nil, false, err
		}
		items = append(items, out.Items...)
		if query.ExclusiveStartKey = out.LastEvaluatedKey; query.ExclusiveStartKey == nil {
			break
		}
	}
	if len(items) <= limit {
		return items, false, nil
	}
	return items[:limit], true, nil
}
