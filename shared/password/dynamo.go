package password

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
)

// EphemeraShelf shares ranges in the Ephemera table, under "pwned#<prefix>":
// one of a million beginnings that somebody's password has, and not whose.
type EphemeraShelf struct {
	Client *dynamodb.Client
	Table  string
}

func (s *EphemeraShelf) key(prefix string) dynamo.Item {
	return dynamo.Item{"key": dynamo.S("pwned#" + prefix)}
}

// Load implements Shelf. It need not see what was written this moment.
func (s *EphemeraShelf) Load(ctx context.Context, prefix string) (*Range, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: s.key(prefix)})
	if err != nil {
		return nil, fmt.Errorf("reading a shared range: %w", err)
	}
	rows, ok := out.Item["rows"].(*types.AttributeValueMemberB)
	if !ok {
		return nil, nil //nolint:nilnil // no range and no error: it is not there
	}
	r := &Range{Rows: rows.Value, Source: dynamo.Text(out.Item, "source"), FetchedAt: dynamo.TimeOf(out.Item, "fetched_at")}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("reading a shared range: %w", err)
	}
	return r, nil
}

// Store implements Shelf. Of two instances that fetched at once either may win.
func (s *EphemeraShelf) Store(ctx context.Context, prefix string, r *Range) error {
	item := s.key(prefix)
	item["rows"] = &types.AttributeValueMemberB{Value: r.Rows}
	item["source"] = dynamo.S(r.Source)
	item["fetched_at"] = dynamo.Time(r.FetchedAt)
	// DynamoDB removes it in its own time; readers go by fetched_at.
	item["expires_at"] = dynamo.N(r.FetchedAt.Add(freshFor).Unix())
	if _, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Table, Item: item}); err != nil {
		return fmt.Errorf("sharing a range: %w", err)
	}
	return nil
}
