package credential

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
)

// Store keeps credentials in the Credentials table and tells the ledger of
// every change, each in one transaction.
type Store struct {
	Client *dynamodb.Client
	Table  string
	Ledger *ledger.Store
	// Grace is how long a version that was replaced can still be opened.
	Grace time.Duration
}

// Get returns a credential, consistently, or ErrNotFound, also for a deleted one.
func (s *Store) Get(ctx context.Context, workspace, id string) (Credential, error) {
	c, err := s.Ever(ctx, workspace, id)
	if err == nil && !c.DeletedAt.IsZero() {
		return Credential{}, ErrNotFound
	}
	return c, err
}

// Ever returns a credential that is there or was, consistently, or ErrNotFound.
func (s *Store) Ever(ctx context.Context, workspace, id string) (Credential, error) {
	item, err := s.item(ctx, key(workspace, id))
	if err == nil && item == nil {
		err = ErrNotFound
	}
	return decode(item), err
}

// Replaced returns a version that was replaced, consistently, or ErrNotFound
// once its grace is over.
func (s *Store) Replaced(ctx context.Context, workspace, id string, number int64, now time.Time) (Version, error) {
	item, err := s.item(ctx, key(workspace, versionKey(id, number)))
	if err != nil {
		return Version{}, err
	}
	// The table forgets it some time later; until then the time is compared.
	if v := decodeVersion(item); now.Before(v.Until) {
		return v, nil
	}
	return Version{}, ErrNotFound
}

func (s *Store) item(ctx context.Context, key dynamo.Item) (dynamo.Item, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("reading a credential: %w", err)
	}
	return out.Item, nil
}

// Missing returns the first of some distinct ids that is no credential of the
// workspace, or "".
func (s *Store) Missing(ctx context.Context, workspace string, ids []string) (string, error) {
	keys := make([]dynamo.Item, len(ids))
	for i, id := range ids {
		keys[i] = key(workspace, id)
	}
	items, err := dynamo.BatchGet(ctx, s.Client, s.Table, keys)
	if err != nil {
		return "", fmt.Errorf("looking credentials up: %w", err)
	}
	there := map[string]bool{}
	for _, item := range items {
		c := decode(item)
		there[c.ID] = c.DeletedAt.IsZero()
	}
	for _, id := range ids {
		if !there[id] {
			return id, nil
		}
	}
	return "", nil
}

// List returns a page of a workspace's credentials, by id, and the cursor of
// the next page.
func (s *Store) List(ctx context.Context, workspace, cursor string, limit int) ([]Credential, string, error) {
	from := "0"
	if cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(cursor)
		id, ok := ParseID(string(text))
		if err != nil || !ok {
			return nil, "", problem.Field("cursor", "is not one that this list gave out")
		}
		from = id + "\x00" // the lowest text above it
	}
	items, more, err := dynamo.Page(ctx, s.Client, &dynamodb.QueryInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("workspace = :w AND credential BETWEEN :from AND :end"),
		FilterExpression:       aws.String("attribute_not_exists(deleted_at)"),
		// All but the secrets.
		ProjectionExpression: aws.String("workspace, credential, #name, warehouse, #status, created_at, updated_at, numbers, revision, #connection, #rotation," +
			" #current.#number, #current.settings, #current.fingerprint, #current.created_at," +
			" pending.#number, pending.settings, pending.fingerprint, pending.created_at"),
		ExpressionAttributeNames:  map[string]string{"#name": "name", "#status": "status", "#current": "current", "#number": "number", "#rotation": "rotation", "#connection": "connection"},
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(workspace), ":from": dynamo.S(from), ":end": dynamo.S("g")},
	}, limit)
	if err != nil {
		return nil, "", fmt.Errorf("listing credentials: %w", err)
	}
	list := make([]Credential, len(items))
	for i, item := range items {
		list[i] = decode(item)
	}
	if !more {
		return list, "", nil
	}
	return list, base64.RawURLEncoding.EncodeToString([]byte(list[limit-1].ID)), nil
}
