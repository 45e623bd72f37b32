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
	item := t.item()
	pointer := dynamo.Item{"hash": dynamo.S(pointerKey(t.ID)), "target": dynamo.S(string(t.Hash))}
	if !t.ExpiresAt.IsZero() {
		item["purge_at"] = s.purgeAt(t.ExpiresAt)
		pointer["purge_at"] = s.purgeAt(t.ExpiresAt)
	}
	entry := ledger.New(t.Workspace, t.CreatedAt, ledger.TokenIssued, actor, t.ID, issuedDetail{
		Name: t.Name, Hint: t.Hint, CreatedBy: t.CreatedBy, Scopes: t.Scopes, ExpiresAt: optional(t.ExpiresAt),
	})
	entry.Version = t.Version
	unused := aws.String("attribute_not_exists(#hash)")
	names := map[string]string{"#hash": "hash"}
	err := dynamo.Transact(ctx, s.Client,
		types.TransactWriteItem{Put: &types.Put{TableName: &s.Table, Item: item, ConditionExpression: unused, ExpressionAttributeNames: names}},
		types.TransactWriteItem{Put: &types.Put{TableName: &s.Table, Item: pointer, ConditionExpression: unused, ExpressionAttributeNames: names}},
		s.Ledger.Put(entry),
	)
	if err != nil {
		return fmt.Errorf("storing token %s: %w", t.ID, err)
	}
	return nil
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
	var tokens []Token
	for len(tokens) <= limit { // one more than asked for tells whether there is a next page
		query.Limit = aws.Int32(int32(limit + 1 - len(tokens)))
		out, err := s.Client.Query(ctx, query)
		if err != nil {
			return nil, "", fmt.Errorf("listing tokens: %w", err)
		}
		for _, item := range out.Items {
			tokens = append(tokens, decode(item))
		}
		if query.ExclusiveStartKey = out.LastEvaluatedKey; query.ExclusiveStartKey == nil {
			break
		}
	}
	if len(tokens) <= limit {
		return tokens, "", nil
	}
	tokens = tokens[:limit]
	return tokens, base64.RawURLEncoding.EncodeToString([]byte(tokens[limit-1].ID)), nil
}

// Touch notes that a token was used on the day of now: at most one write a
// token a day, and none when the day is noted already. Its failure is the
// caller's to ignore: the token is good all the same.
func (s *Store) Touch(ctx context.Context, t Token, now time.Time) error {
	day := Day(now)
	if t.LastUsedOn >= day {
		return nil
	}
	err := dynamo.Update(ctx, s.Client, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: dynamo.Item{"hash": dynamo.S(string(t.Hash))},
		UpdateExpression:          aws.String("SET last_used_on = :day"),
		ConditionExpression:       aws.String("attribute_exists(#hash) AND (attribute_not_exists(last_used_on) OR last_used_on < :day)"),
		ExpressionAttributeNames:  map[string]string{"#hash": "hash"},
		ExpressionAttributeValues: dynamo.Item{":day": dynamo.S(day)},
	})
	if err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("noting the use of token %s: %w", t.ID, err)
	}
	return nil
}
