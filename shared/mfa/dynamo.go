package mfa

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// Store keeps accounts in the Accounts table and tells the ledger of every change
// that anybody may ask about, each in one transaction.
//
// A user's items share a partition, so one query reads an account. Its profile
// holds all that verifying writes (the tries, the last step of an app, when each
// factor was used, the proofs): to verify takes one read, one write that counts
// the try before it is checked, and one that settles it. A proof and a counter
// that were items of their own would each make the last of them a transaction.
type Store struct {
	Client *dynamodb.Client
	Table  string
	Ledger *ledger.Store
}

// maxReads is how often an account is read again when a read saw half of a change.
const maxReads = 5

// Account implements Accounts.
func (s *Store) Account(ctx context.Context, user string) (a Account, err error) {
	for try := 1; ; try++ {
		if a, err = s.read(ctx, user); err != nil || !a.Torn || try == maxReads {
			return a, err
		}
		if err := dynamo.Pause(ctx, try); err != nil {
			return a, err
		}
	}
}

func (s *Store) read(ctx context.Context, user string) (Account, error) {
	a := Account{User: user, Enrolling: map[Kind]*Pending{}, Challenges: map[Kind]*Pending{}}
	var parts []string // as the profile has them
	pages := dynamodb.NewQueryPaginator(s.Client, &dynamodb.QueryInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#user = :user"),
		ExpressionAttributeNames:  map[string]string{"#user": "user"},
		ExpressionAttributeValues: dynamo.Item{":user": dynamo.S(user)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return a, fmt.Errorf("reading an account: %w", err)
		}
		for _, item := range page.Items {
			a.decode(item)
			parts = append(parts, setOf(item, "parts")...)
		}
	}
	slices.Sort(parts)
	a.Torn = !slices.Equal(parts, a.parts())
	return a, nil
}

// Kinds implements Accounts. It reads the profiles alone, which repeat the kinds.
func (s *Store) Kinds(ctx context.Context, users []string) (map[string][]Kind, error) {
	keys := make([]dynamo.Item, len(users))
	for i, user := range users {
		keys[i] = s.key(user, profileItem)
	}
	items, err := dynamo.BatchGet(ctx, s.Client, s.Table, keys)
	if err != nil {
		return nil, fmt.Errorf("reading who has second factors: %w", err)
	}
	kinds := map[string][]Kind{}
	for _, item := range items {
		for _, kind := range setOf(item, "kinds") {
			user := dynamo.Text(item, "user")
			kinds[user] = append(kinds[user], Kind(kind))
		}
	}
	return kinds, nil
}

// kindSet is kinds as an attribute.
func kindSet(kinds []Kind) types.AttributeValue {
	set := make([]string, len(kinds))
	for i, kind := range kinds {
		set[i] = string(kind)
	}
	return &types.AttributeValueMemberSS{Value: set}
}

func (s *Store) key(user, item string) dynamo.Item {
	return dynamo.Item{"user": dynamo.S(user), "item": dynamo.S(item)}
}

// expression collects what one update does to an item.
type expression struct {
	set, remove, must []string
	names             map[string]string
	values            dynamo.Item
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: dynamo.Item{}}
}

// name returns a stand-in for a name, which may be a reserved word.
func (e *expression) name(name string) string {
	short := fmt.Sprint("#n", len(e.names))
	e.names[short] = name
	return short
}

// value returns a stand-in for a value.
func (e *expression) value(v types.AttributeValue) string {
	short := fmt.Sprint(":v", len(e.values))
	e.values[short] = v
	return short
}

// put sets an attribute.
func (e *expression) put(name string, v types.AttributeValue) {
	e.set = append(e.set, e.name(name)+" = "+e.value(v))
}

// within sets an entry of a map, which must be there.
func (e *expression) within(name, entry string, v types.AttributeValue) {
	e.set = append(e.set, e.name(name)+"."+e.name(entry)+" = "+e.value(v))
}

// drop removes an attribute, or an entry of a map.
func (e *expression) drop(path ...string) {
	text := e.name(path[0])
	for _, name := range path[1:] {
		text += "." + e.name(name)
	}
	e.remove = append(e.remove, text)
}

// times brings a map of times from one state to another: whole, or by taking
// away what is gone, so that what others add meanwhile stays.
func (e *expression) times(name string, whole bool, before, after map[string]time.Time) {
	if whole {
		e.put(name, &types.AttributeValueMemberM{Value: dynamo.Item{}})
		return
	}
	for entry := range before {
		if _, stays := after[entry]; !stays {
			e.drop(name, entry)
		}
	}
}

// when adds a condition.
func (e *expression) when(condition string) { e.must = append(e.must, condition) }

// is adds the condition that an attribute is of a value.
func (e *expression) is(name string, v types.AttributeValue) {
	e.when(e.name(name) + " = " + e.value(v))
}

// write returns the update of an item as part of a transaction.
func (e *expression) write(table *string, key dynamo.Item) *types.Update {
	u := &types.Update{TableName: table, Key: key, ExpressionAttributeNames: e.names, UpdateExpression: aws.String(e.text())}
	if len(e.must) > 0 {
		u.ConditionExpression = aws.String(strings.Join(e.must, " AND "))
	}
	if len(e.values) > 0 {
		u.ExpressionAttributeValues = e.values
	}
	return u
}

// alone is write as a call of its own, at half the price.
func (e *expression) alone(table *string, key dynamo.Item) *dynamodb.UpdateItemInput {
	u := e.write(table, key)
	return &dynamodb.UpdateItemInput{
		TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression,
		ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues,
	}
}

func (e *expression) text() string {
	text := ""
	if len(e.set) > 0 {
		text = "SET " + strings.Join(e.set, ", ")
	}
	if len(e.remove) > 0 {
		text += " REMOVE " + strings.Join(e.remove, ", ")
	}
	return text
}
