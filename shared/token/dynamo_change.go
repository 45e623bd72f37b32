package token

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// change collects one conditional update of a token and the ledger entries
// that tell of it, and writes them together.
type change struct {
	store      *Store
	token      *Token
	sets, adds []string
	removes    []string
	conditions []string
	names      map[string]string
	values     dynamo.Item
	entries    []ledger.Entry
	others     []types.TransactWriteItem
}

func (s *Store) change(t *Token) *change {
	return &change{
		store: s, token: t,
		names:  map[string]string{"#version": "version"},
		values: dynamo.Item{":version": dynamo.N(t.Version)},
	}
}

func (c *change) set(name string, value types.AttributeValue) {
	c.sets = append(c.sets, "#"+name+" = :"+name)
	c.names["#"+name], c.values[":"+name] = name, value
}

func (c *change) add(name string, value types.AttributeValue) {
	c.adds = append(c.adds, "#"+name+" :"+name)
	c.names["#"+name], c.values[":"+name] = name, value
}

// remove takes an attribute away.
func (c *change) remove(name string) {
	c.removes = append(c.removes, "#"+name)
	c.names["#"+name] = name
}

func (c *change) revoke(reason Reason, at time.Time) {
	c.set("status", dynamo.S(string(Revoked)))
	c.set("revoked_at", dynamo.Time(at))
	c.set("revoked_reason", dynamo.S(string(reason)))
	c.purge(at)
}

// purge has the tombstone of a token that ends at the given time forgotten
// some day. That of an imported one is kept: the same import may be repeated at
// any time, and must not bring back what was revoked.
func (c *change) purge(end time.Time) {
	if c.token.ImportedAt.IsZero() {
		c.set("purge_at", c.store.purgeAt(end))
	}
}

// tell adds an entry; each carries the token's version after it.
func (c *change) tell(entry ledger.Entry) {
	entry.Version = c.token.Version + int64(len(c.entries)) + 1
	c.entries = append(c.entries, entry)
}

// with adds writes of other items.
func (c *change) with(items ...types.TransactWriteItem) { c.others = append(c.others, items...) }

// commit writes everything if the token is still the one the change was
// decided on, else nothing and dynamo.ErrCondition.
func (c *change) commit(ctx context.Context) error {
	return dynamo.Transact(ctx, c.store.Client, c.items()...)
}

// items are the writes of the change.
func (c *change) items() []types.TransactWriteItem {
	var clauses []string
	if n := len(c.entries); n > 0 {
		c.sets = append(c.sets, "#version = :next")
		c.values[":next"] = dynamo.N(c.token.Version + int64(n))
	}
	if len(c.sets) > 0 {
		clauses = append(clauses, "SET "+strings.Join(c.sets, ", "))
	}
	if len(c.adds) > 0 {
		clauses = append(clauses, "ADD "+strings.Join(c.adds, ", "))
	}
	if len(c.removes) > 0 {
		clauses = append(clauses, "REMOVE "+strings.Join(c.removes, ", "))
	}
	items := make([]types.TransactWriteItem, 0, 1+len(c.entries)+len(c.others))
	items = append(items, types.TransactWriteItem{Update: &types.Update{
		TableName:        &c.store.Table,
		Key:              dynamo.Item{"hash": dynamo.S(string(c.token.Hash))},
		UpdateExpression: aws.String(strings.Join(clauses, " ")),
		// Every change but the day of last use raises the version.
		ConditionExpression:       aws.String(strings.Join(append([]string{"#version = :version"}, c.conditions...), " AND ")),
		ExpressionAttributeNames:  c.names,
		ExpressionAttributeValues: c.values,
	}})
	for _, entry := range c.entries {
		items = append(items, c.store.Ledger.Put(entry))
	}
	return append(items, c.others...)
}
