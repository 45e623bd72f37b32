package rotation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
)

// LeaseStore keeps leases in the Ephemera table, under "lease#rotate#…". IAM can
// hold a function to those keys (dynamodb:LeadingKeys).
type LeaseStore struct {
	Client *dynamodb.Client
	Table  string
}

const leaseKey = "lease#rotate#"

// Take implements Leases. TTL is only to clean up: the time is compared.
func (s *LeaseStore) Take(ctx context.Context, name string, now, until time.Time) (func(context.Context), bool, error) {
	owner := rand.Text()
	_, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.Table,
		Item: dynamo.Item{
			"key": dynamo.S(leaseKey + name), "owner": dynamo.S(owner),
			"until": dynamo.N(until.UnixMilli()), "expires_at": dynamo.N(until.Add(time.Hour).Unix()),
		},
		ConditionExpression:       aws.String("attribute_not_exists(#key) OR #until <= :now OR #owner = :owner"),
		ExpressionAttributeNames:  map[string]string{"#key": "key", "#until": "until", "#owner": "owner"},
		ExpressionAttributeValues: dynamo.Item{":now": dynamo.N(now.UnixMilli()), ":owner": dynamo.S(owner)},
	})
	var taken *types.ConditionalCheckFailedException
	if errors.As(err, &taken) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("taking the lease of a rotation: %w", err)
	}
	return func(ctx context.Context) { s.release(ctx, name, owner) }, true, nil
}

// release gives a lease back. Should it fail, the lease ends by itself.
func (s *LeaseStore) release(ctx context.Context, name, owner string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, _ = s.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &s.Table, Key: dynamo.Item{"key": dynamo.S(leaseKey + name)},
		ConditionExpression:       aws.String("#owner = :owner"),
		ExpressionAttributeNames:  map[string]string{"#owner": "owner"},
		ExpressionAttributeValues: dynamo.Item{":owner": dynamo.S(owner)},
	})
}
