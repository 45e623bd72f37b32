package token

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
)

// Store keeps tokens in the Tokens table and tells the ledger what happens to
// them, each change and its entries in one transaction.
type Store struct {
	Client *dynamodb.Client
	Table  string
	Ledger *ledger.Store
	// Tombstone is how long a token that ended is still known as ours, so
	// that a report about it is still a true positive.
	Tombstone time.Duration
}

// Create stores a new token.
func (s *Store) Create(ctx context.Context, t Token, actor string) error {
	if err := dynamo.Transact(ctx, s.Client, s.birth(t, issuedEntry(t, actor))...); err != nil {
		return fmt.Errorf("storing token %s: %w", t.ID, err)
	}
	return nil
}

// birth returns the writes of a token that was not there before: itself, the
// pointer from its id, and the entry that tells of it.
func (s *Store) birth(t Token, entry ledger.Entry) []types.TransactWriteItem {
	item := t.item()
	pointer := dynamo.Item{"hash": dynamo.S(pointerKey(t.ID)), "target": dynamo.S(string(t.Hash))}
	if !t.ExpiresAt.IsZero() && t.ImportedAt.IsZero() {
		item["purge_at"] = s.purgeAt(t.ExpiresAt)
		pointer["purge_at"] = s.purgeAt(t.ExpiresAt)
	}
	entry.Version = t.Version
	unused := aws.String("attribute_not_exists(#hash)")
	names := map[string]string{"#hash": "hash"}
	return []types.TransactWriteItem{
		{Put: &types.Put{TableName: &s.Table, Item: item, ConditionExpression: unused, ExpressionAttributeNames: names}},
		{Put: &types.Put{TableName: &s.Table, Item: pointer, ConditionExpression: unused, ExpressionAttributeNames: names}},
		s.Ledger.Put(entry),
	}
}

func (s *Store) purgeAt(end time.Time) types.AttributeValue {
	return dynamo.N(end.Add(s.Tombstone).Unix())
}

// Lookup returns the token stored under hash, consistently, or ErrNotFound.
func (s *Store) Lookup(ctx context.Context, hash Hash) (Token, error) {
	item, err := s.item(ctx, string(hash))
	if err != nil {
		return Token{}, err
	}
	return decode(item), nil
}

// Get returns a workspace's token by id, consistently, or ErrNotFound.
func (s *Store) Get(ctx context.Context, workspace, id string) (Token, error) {
	pointer, err := s.item(ctx, pointerKey(id))
	if err != nil {
		return Token{}, err
	}
	t, err := s.Lookup(ctx, Hash(dynamo.Text(pointer, "target")))
	if err == nil && t.Workspace != workspace {
		return Token{}, ErrNotFound
	}
	return t, err
}

func (s *Store) item(ctx context.Context, key string) (dynamo.Item, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.Table, Key: dynamo.Item{"hash": dynamo.S(key)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("reading a token: %w", err)
	}
	if out.Item == nil {
		return nil, ErrNotFound
	}
	return out.Item, nil
}

// Find returns the tokens among hashes that exist, consistently.
func (s *Store) Find(ctx context.Context, hashes []Hash) (map[Hash]Token, error) {
	keys := make([]dynamo.Item, len(hashes))
	for i, hash := range hashes {
		keys[i] = dynamo.Item{"hash": dynamo.S(string(hash))}
	}
	items, err := dynamo.BatchGet(ctx, s.Client, s.Table, keys)
	if err != nil {
		return nil, fmt.Errorf("looking tokens up: %w", err)
	}
	found := make(map[Hash]Token, len(items))
	for _, item := range items {
		t := decode(item)
		found[t.Hash] = t
	}
	return found, nil
}

// List returns a page of a workspace's tokens, newest first, and the cursor of
// the next page. It reads an index: a token of this second may be missing.
func (s *Store) List(ctx context.Context, workspace, cursor string, limit int) ([]Token, string, error) {
	query := &dynamodb.QueryInput{
		TableName: &s.Table, IndexName: aws.String(WorkspaceIndex),
		KeyConditionExpression:    aws.String("workspace = :w"),
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(workspace)},
		ScanIndexForward:          aws.Bool(false),
	}
	if cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(cursor)
		id := string(text)
		if err != nil || !isID(id) {
			return nil, "", problem.Field("cursor", "is not one that this list gave out")
		}
		query.KeyConditionExpression = aws.String("workspace = :w AND id < :id")
		query.ExpressionAttributeValues[":id"] = dynamo.S(id)
	}
	items, more, err := dynamo.Page(ctx, s.Client, query, limit)
	if err != nil {
		return nil, "", fmt.Errorf("listing tokens: %w", err)
	}
	tokens := make([]Token, len(items))
	for i, item := range items {
		tokens[i] = decode(item)
	}
	if !more {
		return tokens, "", nil
	}
	return tokens, base64.RawURLEncoding.EncodeToString([]byte(tokens[limit-1].ID)), nil
}

// newAddress is how often a change of address is noted within a day.
const newAddress = time.Hour

// Touch notes that a token was used, if there is anything to note by what was
// read of it: the first use of a day, or an hour later one from another
// address. So it is at most one write a token a day for most, and none for
// most calls. Its failure is the caller's to ignore: the token is good all the
// same.
func (s *Store) Touch(ctx context.Context, t Token, use Use, now time.Time) error {
	day := Day(now)
	condition := "last_used_on < :day"
	switch {
	case t.LastUsedOn < day:
	case t.LastUsedOn == day && use.IP != "" && use.IP != t.LastUse.IP && now.Sub(t.LastUsedAt) >= newAddress:
		condition = "attribute_not_exists(last_used_at) OR last_used_at <= :before" // an import knows the day only
	default:
		return nil
	}
	update := &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: dynamo.Item{"hash": dynamo.S(string(t.Hash))},
		UpdateExpression:         aws.String("SET last_used_on = :day, last_used_at = :now, last_used_ip = :ip, last_used_agent = :agent"),
		ConditionExpression:      aws.String("attribute_exists(#hash) AND (attribute_not_exists(last_used_on) OR " + condition + ")"),
		ExpressionAttributeNames: map[string]string{"#hash": "hash"},
		ExpressionAttributeValues: dynamo.Item{
			":day": dynamo.S(day), ":now": dynamo.Time(now), ":ip": dynamo.S(use.IP), ":agent": dynamo.S(use.Agent),
		},
	}
	if t.LastUsedOn == day {
		update.ExpressionAttributeValues[":before"] = dynamo.Time(now.Add(-newAddress))
	}
	if err := dynamo.Update(ctx, s.Client, update); err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("noting the use of token %s: %w", t.ID, err)
	}
	return nil
}
