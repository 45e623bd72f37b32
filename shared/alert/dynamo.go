package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// fetchBucket is how often the stack as a whole asks a host for its keys.
var fetchBucket = Bucket{Burst: 10, Every: 10 * time.Second}

// leaseFor is how long one fetch may take, so how long the others wait for an
// instance that died over it.
const leaseFor = 7 * time.Second

// EphemeraShelf shares one host's keys in the Ephemera table, under
// "hostkey#<host>", which no other function may write.
// A keyring has one of its own.
type EphemeraShelf struct {
	Client *dynamodb.Client
	Table  string
	Host   string
	// URL is where the keys come from. Keys from another address are not
	// this host's.
	URL string

	lease string // the name of the lease last asked for
}

func (s *EphemeraShelf) key() dynamo.Item { return dynamo.Item{"key": dynamo.S("hostkey#" + s.Host)} }

func (s *EphemeraShelf) read(ctx context.Context) (dynamo.Item, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: s.key(), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("reading the shared keys of %s: %w", s.Host, err)
	}
	return out.Item, nil
}

// Load implements Shelf.
func (s *EphemeraShelf) Load(ctx context.Context) (*KeySet, error) {
	item, err := s.read(ctx)
	if err != nil || dynamo.Text(item, "document") == "" || dynamo.Text(item, "url") != s.URL {
		return nil, err
	}
	return &KeySet{
		Document: []byte(dynamo.Text(item, "document")),
		ETag:     dynamo.Text(item, "etag"),
		Began:    dynamo.TimeOf(item, "began_at"),
	}, nil
}

// Lease implements Shelf. A unit of the bucket and the lease are taken in one
// write.
func (s *EphemeraShelf) Lease(ctx context.Context, now time.Time) (granted, wait bool, err error) {
	item, err := s.read(ctx)
	if err != nil {
		return false, false, err
	}
	ms := now.UnixMilli()
	s.lease = ledger.NewSeq()
	if dynamo.Number(item, "lease_until") > ms {
		return false, true, nil
	}
	empty := dynamo.Number(item, "empty_at")
	next, full := fetchBucket.take(empty, ms)
	if full > 0 {
		return false, false, nil
	}
	err = dynamo.Update(ctx, s.Client, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: s.key(),
		UpdateExpression: aws.String("SET empty_at = :next, lease_until = :until, lease_by = :by"),
		// The last clause is for a lease of ours whose answer was lost.
		ConditionExpression: aws.String("((attribute_not_exists(empty_at) OR empty_at = :empty) AND" +
			" (attribute_not_exists(lease_until) OR lease_until <= :now)) OR lease_by = :by"),
		ExpressionAttributeValues: dynamo.Item{
			":next": dynamo.N(next), ":empty": dynamo.N(empty), ":now": dynamo.N(ms), ":by": dynamo.S(s.lease),
			":until": dynamo.N(now.Add(leaseFor).UnixMilli()),
		},
	})
	if errors.Is(err, dynamo.ErrCondition) {
		return false, true, nil // somebody else was a moment faster
	}
	if err != nil {
		return false, false, fmt.Errorf("leasing the fetch of the keys of %s: %w", s.Host, err)
	}
	return true, false, nil
}

// Store implements Shelf.
func (s *EphemeraShelf) Store(ctx context.Context, set *KeySet) error {
	err := dynamo.Update(ctx, s.Client, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: s.key(),
		UpdateExpression: aws.String("SET #document = :document, etag = :etag, began_at = :began, #url = :url, expires_at = :expires REMOVE lease_until"),
		// A slow instance does not put an older set over a newer one.
		ConditionExpression:      aws.String("attribute_not_exists(began_at) OR began_at < :began OR #url <> :url"),
		ExpressionAttributeNames: map[string]string{"#document": "document", "#url": "url"},
		ExpressionAttributeValues: dynamo.Item{
			":document": dynamo.S(string(set.Document)), ":etag": dynamo.S(set.ETag), ":began": dynamo.Time(set.Began),
			":url": dynamo.S(s.URL), ":expires": dynamo.N(set.Began.Add(servedFor).Unix()),
		},
	})
	if errors.Is(err, dynamo.ErrCondition) {
		return s.Release(ctx)
	}
	if err != nil {
		return fmt.Errorf("sharing the keys of %s: %w", s.Host, err)
	}
	return nil
}

// Release implements Shelf.
func (s *EphemeraShelf) Release(ctx context.Context) error {
	err := dynamo.Update(ctx, s.Client, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: s.key(), UpdateExpression: aws.String("REMOVE lease_until"),
		ConditionExpression:       aws.String("lease_by = :by"),
		ExpressionAttributeValues: dynamo.Item{":by": dynamo.S(s.lease)},
	})
	if err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("releasing the lease on the keys of %s: %w", s.Host, err)
	}
	return nil
}
