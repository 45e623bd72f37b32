package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// SweepQuery is the query by which a sweep reads a workspace's tokens: those
// that are active, and of those that have ended the ones that still bear a
// mark. What a sweep has no use for is left out of the answer.
func SweepQuery(table, workspace string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &table, IndexName: aws.String(WorkspaceIndex),
		KeyConditionExpression: aws.String("workspace = :w"),
		FilterExpression:       aws.String("#status = :active OR attribute_exists(orphaned_stage) OR attribute_exists(unused_stage)"),
		ProjectionExpression: aws.String("#hash, id, workspace, #name, hint, created_by, created_at, #status, version," +
			" expires_at, imported_at, retires_at, successor_id, revoked_at, revoked_reason, last_used_on, exposed_at," +
			" orphaned_stage, orphaned_since, unused_stage, unused_since, swept_at, kept_until, kept_reason, kept_by"),
		ExpressionAttributeNames:  map[string]string{"#hash": "hash", "#name": "name", "#status": "status"},
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(workspace), ":active": dynamo.S(string(Active))},
	}
}

// Each calls yield with a workspace's tokens, page by page, as SweepQuery finds
// them. It reads an index, which may be a moment behind.
func (s *Store) Each(ctx context.Context, workspace string, yield func([]Token) error) error {
	return s.pages(ctx, SweepQuery(s.Table, workspace), yield)
}

// EachWithLeaked is Each with those that have ended too, if they leaked since a
// time.
func (s *Store) EachWithLeaked(ctx context.Context, workspace string, since time.Time, yield func([]Token) error) error {
	query := SweepQuery(s.Table, workspace)
	*query.FilterExpression += " OR exposed_at >= :since"
	query.ExpressionAttributeValues[":since"] = dynamo.Time(since)
	return s.pages(ctx, query, yield)
}

func (s *Store) pages(ctx context.Context, query *dynamodb.QueryInput, yield func([]Token) error) error {
	for pages := dynamodb.NewQueryPaginator(s.Client, query); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("reading tokens: %w", err)
		}
		tokens := make([]Token, len(page.Items))
		for i, item := range page.Items {
			tokens[i] = decode(item)
		}
		if err := yield(tokens); err != nil {
			return err
		}
	}
	return nil
}

// Mark writes what a sweep changes of several tokens in one transaction with
// other writes, if each token is still the one that was judged and the others'
// conditions hold, else nothing and dynamo.ErrCondition. DynamoDB takes 100
// writes at once: each marking is one, and each of its entries another.
func (s *Store) Mark(ctx context.Context, markings []Marking, others ...types.TransactWriteItem) error {
	items := others
	for _, m := range markings {
		change := s.change(&m.Token)
		change.mark("orphaned", m.Token.Orphaned, m.Orphaned)
		change.mark("unused", m.Token.Unused, m.Unused)
		change.set("swept_at", dynamo.N(m.At.Unix()))
		if m.ByUse {
			change.unusedSince()
		}
		for _, entry := range m.Entries {
			change.tell(entry)
		}
		items = append(items, change.items()...)
	}
	err := dynamo.Transact(ctx, s.Client, items...)
	if err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("marking %d tokens: %w", len(markings), err)
	}
	return err
}

// mark sets or removes one mark, where it changes.
func (c *change) mark(name string, before, after Mark) {
	switch {
	case before == after:
	case after.Stage == "":
		c.remove(name + "_stage")
		c.remove(name + "_since")
	default:
		c.set(name+"_stage", dynamo.S(string(after.Stage)))
		c.set(name+"_since", dynamo.Time(after.Since))
	}
}

// unusedSince demands that the token was not used since it was read. The use of
// a token does not raise its version.
func (c *change) unusedSince() {
	c.names["#used"] = "last_used_on"
	if c.token.LastUsedOn == "" {
		c.conditions = append(c.conditions, "attribute_not_exists(#used)")
		return
	}
	c.conditions = append(c.conditions, "#used = :used")
	c.values[":used"] = dynamo.S(c.token.LastUsedOn)
}

func markOf(item dynamo.Item, name string) Mark {
	return Mark{Stage(dynamo.Text(item, name+"_stage")), dynamo.TimeOf(item, name+"_since")}
}

// Keep notes that somebody wants the token left in peace until a day.
func (s *Store) Keep(ctx context.Context, t Token, keep Keep) error {
	change := s.change(&t)
	change.set("kept_until", dynamo.Time(keep.Until))
	change.set("kept_reason", dynamo.S(keep.Reason))
	change.set("kept_by", dynamo.S(keep.By))
	change.set("kept_at", dynamo.Time(keep.At))
	change.tell(ledger.New(t.Workspace, keep.At, ledger.TokenKept, keep.By, t.ID, keptDetail{
		Name: t.Name, Hint: t.Hint, Reason: keep.Reason, Until: Day(keep.Until),
	}))
	err := change.commit(ctx)
	if errors.Is(err, dynamo.ErrCondition) {
		return errRaced
	}
	if err != nil {
		return fmt.Errorf("keeping token %s: %w", t.ID, err)
	}
	return nil
}
