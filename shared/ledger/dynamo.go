package ledger

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/problem"
)

// Shards is how many values the index of debts is spread over, so that no
// single index key takes all the writes of a busy minute.
const Shards = 16

// OwingIndex lists the entries that owe a mail, by shard.
const OwingIndex = "owing"

// Store reads and writes the Ledger table.
type Store struct {
	Client *dynamodb.Client
	Table  string
	// Retention is how long entries are kept; 0 is for ever.
	Retention time.Duration
}

// Put returns the write of an entry, to be part of the transaction that makes
// the change.
func (s *Store) Put(e Entry) types.TransactWriteItem {
	item := dynamo.Item{
		"workspace": dynamo.S(e.Workspace),
		"seq":       dynamo.S(e.Seq),
		"at":        dynamo.Time(e.At),
		"kind":      dynamo.S(string(e.Kind)),
		"actor":     dynamo.S(e.Actor),
		"subject":   dynamo.S(e.Subject),
		"detail":    dynamo.S(string(e.Detail)),
	}
	if e.Version > 0 {
		item["version"] = dynamo.N(e.Version)
	}
	if e.Owes {
		item["owes"] = dynamo.S(Shard(rand.N(Shards)))
		// notify keeps its own notes here and may touch nothing else.
		item["mail"] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
	}
	if e.Report != "" {
		item["report"] = dynamo.S(e.Report)
		item["report_size"] = dynamo.N(int64(e.ReportSize))
	}
	if s.Retention > 0 {
		retention := s.Retention
		if e.Owes {
			retention = max(retention, owedAtLeast)
		}
		item["purge_at"] = dynamo.N(e.At.Add(retention).Unix())
	}
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.Table, Item: item,
		// An entry is never overwritten, whatever goes wrong elsewhere.
		ConditionExpression: aws.String("attribute_not_exists(seq)"),
	}}
}

// Write writes an entry about something that is no change of an item.
func (s *Store) Write(ctx context.Context, e Entry) error {
	if err := dynamo.Transact(ctx, s.Client, s.Put(e)); err != nil {
		return fmt.Errorf("writing %s to the ledger: %w", e.Kind, err)
	}
	return nil
}

// owedAtLeast keeps an entry that owes a mail longer than a mail is tried.
const owedAtLeast = 14 * 24 * time.Hour

// Shard names a shard of the index of debts, 0 to Shards-1.
func Shard(n int) string { return fmt.Sprintf("%02d", n) }

// List returns a page of a workspace's entries, newest first, and the cursor
// of the next page, empty at the end.
func (s *Store) List(ctx context.Context, workspace, cursor string, limit int) ([]Entry, string, error) {
	// Entries are ULIDs, which begin with 0 to 7. Markers of things that may
	// happen only once share the table and begin with a letter.
	before := "8"
	if cursor != "" {
		seq, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || SeqTime(string(seq)).IsZero() {
			return nil, "", problem.Field("cursor", "is not one that this list gave out")
		}
		before = string(seq)
	}
	items, more, err := dynamo.Page(ctx, s.Client, &dynamodb.QueryInput{
		TableName:                 &s.Table,
		KeyConditionExpression:    aws.String("workspace = :w AND seq < :before"),
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(workspace), ":before": dynamo.S(before)},
		ScanIndexForward:          aws.Bool(false),
		ConsistentRead:            aws.Bool(true),
	}, limit)
	if err != nil {
		return nil, "", fmt.Errorf("listing the ledger: %w", err)
	}
	entries := make([]Entry, len(items))
	for i, item := range items {
		entries[i] = Decode(item)
	}
	if !more {
		return entries, "", nil
	}
	return entries, base64.RawURLEncoding.EncodeToString([]byte(entries[limit-1].Seq)), nil
}

// Since calls yield with the entries of some kinds that were written from a time
// on, by the clocks of those who wrote them, oldest first and consistently.
func (s *Store) Since(ctx context.Context, workspace string, from time.Time, kinds []Kind, yield func(Entry)) error {
	names := make([]string, len(kinds))
	values := dynamo.Item{":w": dynamo.S(workspace), ":from": dynamo.S(SeqAt(from)), ":end": dynamo.S("8")}
	for i, kind := range kinds {
		names[i] = fmt.Sprint(":k", i)
		values[names[i]] = dynamo.S(string(kind))
	}
	pages := dynamodb.NewQueryPaginator(s.Client, &dynamodb.QueryInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("workspace = :w AND seq BETWEEN :from AND :end"),
		FilterExpression:          aws.String("kind IN (" + strings.Join(names, ", ") + ")"),
		ExpressionAttributeValues: values,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("reading the ledger of workspace %s: %w", workspace, err)
		}
		for _, item := range page.Items {
			yield(Decode(item))
		}
	}
	return nil
}

// Decode reads an entry from its item, as stored or as a stream shows it.
// What is missing stays empty: an entry written by a later release is still
// listed.
func Decode(item dynamo.Item) Entry {
	return Entry{
		Workspace: dynamo.Text(item, "workspace"), Seq: dynamo.Text(item, "seq"), At: dynamo.TimeOf(item, "at"),
		Kind: Kind(dynamo.Text(item, "kind")), Actor: dynamo.Text(item, "actor"),
		Subject: dynamo.Text(item, "subject"), Version: dynamo.Number(item, "version"),
		Detail: json.RawMessage(dynamo.Text(item, "detail")),
		Owes:   dynamo.Text(item, "owes") != "",
		Report: dynamo.Text(item, "report"), ReportSize: int(dynamo.Number(item, "report_size")),
	}
}
