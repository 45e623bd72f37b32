package ledger

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
)

// onceKey begins the keys of markers. A listing reads only what begins with 0
// to 7, so markers never show.
const onceKey = "once#"

// Once returns the write of a marker: in a transaction with the entry of
// something that may happen only once, it lets the transaction through once and
// makes it dynamo.ErrCondition after that. A marker outlives the entries, for
// what has happened may be reported again at any time.
func (s *Store) Once(workspace, name string, at time.Time) types.TransactWriteItem {
	item := markerKey(workspace, name)
	item["at"] = dynamo.Time(at)
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.Table, Item: item, ConditionExpression: aws.String("attribute_not_exists(seq)"),
	}}
}

// Mark sets a marker outside a transaction, whether it is set already or not:
// it notes that something is about to be done where no transaction reaches.
func (s *Store) Mark(ctx context.Context, workspace, name string, at time.Time) error {
	item := markerKey(workspace, name)
	item["at"] = dynamo.Time(at)
	if _, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Table, Item: item}); err != nil {
		return fmt.Errorf("marking in the ledger: %w", err)
	}
	return nil
}

// Note returns the write of a marker that remembers more than that it is set,
// and may change: it replaces version last, 0 for none yet, by version next, and
// is refused when last is not the one that stands there.
func (s *Store) Note(workspace, name string, at time.Time, last, next int64, attributes dynamo.Item) types.TransactWriteItem {
	item := markerKey(workspace, name)
	maps.Copy(item, attributes)
	item["at"], item["version"] = dynamo.Time(at), dynamo.N(next)
	put := &types.Put{TableName: &s.Table, Item: item, ConditionExpression: aws.String("attribute_not_exists(seq)")}
	if last > 0 {
		put.ConditionExpression = aws.String("#version = :last")
		put.ExpressionAttributeNames = map[string]string{"#version": "version"}
		put.ExpressionAttributeValues = dynamo.Item{":last": dynamo.N(last)}
	}
	return types.TransactWriteItem{Put: put}
}

// Marker names one marker of a workspace.
type Marker struct{ Workspace, Name string }

// Markers returns those that are set, consistently. The markers asked for must
// be distinct.
func (s *Store) Markers(ctx context.Context, markers []Marker) (map[Marker]dynamo.Item, error) {
	keys := make([]dynamo.Item, len(markers))
	for i, m := range markers {
		keys[i] = markerKey(m.Workspace, m.Name)
	}
	items, err := dynamo.BatchGet(ctx, s.Client, s.Table, keys)
	if err != nil {
		return nil, fmt.Errorf("reading markers in the ledger: %w", err)
	}
	set := make(map[Marker]dynamo.Item, len(items))
	for _, item := range items {
		set[Marker{dynamo.Text(item, "workspace"), dynamo.Text(item, "seq")[len(onceKey):]}] = item
	}
	return set, nil
}

func markerKey(workspace, name string) dynamo.Item {
	return dynamo.Item{"workspace": dynamo.S(workspace), "seq": dynamo.S(onceKey + name)}
}
