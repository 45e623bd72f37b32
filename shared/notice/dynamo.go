package notice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// LedgerDebts is Debts on the Ledger table. It writes the attributes owes and
// mail and no others: the story itself is append-only.
//
// mail is a map: "entries" is the list of those told together, "to#<user>" how
// that user's mail stands.
type LedgerDebts struct {
	Client *dynamodb.Client
	Table  string
}

const toPrefix = "to#"

func (l *LedgerDebts) key(k Key) dynamo.Item {
	return dynamo.Item{"workspace": dynamo.S(k.Workspace), "seq": dynamo.S(k.Seq)}
}

// Get implements Debts.
func (l *LedgerDebts) Get(ctx context.Context, key Key) (*Debt, error) {
	out, err := l.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &l.Table, Key: l.key(key), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("reading an entry: %w", err)
	}
	if out.Item == nil {
		return nil, nil
	}
	debt := decodeDebt(out.Item)
	return &debt, nil
}

// Report implements Debts.
func (l *LedgerDebts) Report(ctx context.Context, debt Debt) ([]Debt, error) {
	var from ulid.ULID // the lowest ULID of its time
	if err := from.SetTime(ulid.Timestamp(ledger.SeqTime(debt.Seq).Add(-groupLookback))); err != nil {
		return nil, fmt.Errorf("entry %s: %w", debt.Seq, err)
	}
	pages := dynamodb.NewQueryPaginator(l.Client, &dynamodb.QueryInput{
		TableName: &l.Table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("workspace = :w AND seq BETWEEN :from AND :to"),
		FilterExpression:       aws.String("report = :report AND report_size > :one"),
		ExpressionAttributeValues: dynamo.Item{
			":w": dynamo.S(debt.Workspace), ":from": dynamo.S(from.String()), ":to": dynamo.S("8"),
			":report": dynamo.S(debt.Entry.Report), ":one": dynamo.N(1),
		},
	})
	var debts []Debt
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the entries of a report: %w", err)
		}
		for _, item := range page.Items {
			debts = append(debts, decodeDebt(item))
		}
	}
	return debts, nil
}

// Form implements Debts.
func (l *LedgerDebts) Form(ctx context.Context, leader Key, entries []string) ([]string, error) {
	list := make([]types.AttributeValue, len(entries))
	for i, seq := range entries {
		list[i] = dynamo.S(seq)
	}
	err := dynamo.Update(ctx, l.Client, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: l.key(leader),
		UpdateExpression:          aws.String("SET mail.entries = :entries"),
		ConditionExpression:       aws.String("attribute_exists(owes) AND attribute_not_exists(mail.entries)"),
		ExpressionAttributeValues: dynamo.Item{":entries": &types.AttributeValueMemberL{Value: list}},
	})
	if err == nil {
		return entries, nil
	}
	if !errors.Is(err, dynamo.ErrCondition) {
		return nil, fmt.Errorf("noting which entries are told together: %w", err)
	}
	debt, err := l.Get(ctx, leader)
	if err != nil || debt == nil {
		return nil, err
	}
	return debt.Mail.Entries, nil
}

// Claim implements Debts.
func (l *LedgerDebts) Claim(ctx context.Context, leader Key, user string, claim Delivery, now time.Time) (bool, error) {
	err := dynamo.Update(ctx, l.Client, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: l.key(leader),
		UpdateExpression: aws.String("SET mail.#to = :claim"),
		// The last clause is for a claim of ours whose answer was lost.
		ConditionExpression: aws.String("attribute_exists(owes) AND (attribute_not_exists(mail.#to)" +
			" OR (mail.#to.#state IN (:claimed, :failed) AND mail.#to.#until <= :now) OR mail.#to.#by = :by)"),
		ExpressionAttributeNames: map[string]string{"#to": toPrefix + user, "#state": "state", "#until": "until", "#by": "by"},
		ExpressionAttributeValues: dynamo.Item{
			":claim": claim.value(), ":by": dynamo.S(claim.By), ":now": dynamo.N(now.UnixMilli()),
			":claimed": dynamo.S(string(claimed)), ":failed": dynamo.S(string(failed)),
		},
	})
	if errors.Is(err, dynamo.ErrCondition) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("claiming a mail: %w", err)
	}
	return true, nil
}

// Note implements Debts.
func (l *LedgerDebts) Note(ctx context.Context, leader Key, user string, outcome Delivery) error {
	err := dynamo.Update(ctx, l.Client, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: l.key(leader),
		UpdateExpression: aws.String("SET mail.#to = :outcome"),
		// If the claim ended meanwhile, whoever holds it now notes its own.
		ConditionExpression:       aws.String("mail.#to.#by = :by"),
		ExpressionAttributeNames:  map[string]string{"#to": toPrefix + user, "#by": "by"},
		ExpressionAttributeValues: dynamo.Item{":outcome": outcome.value(), ":by": dynamo.S(outcome.By)},
	})
	if err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("noting a mail: %w", err)
	}
	return nil
}

// clearAtOnce is how many entries of one mail are cleared at once.
const clearAtOnce = 16

// Clear implements Debts. The leader keeps the list of what was told together,
// so it goes last: while any of them owes, the list can be found.
func (l *LedgerDebts) Clear(ctx context.Context, leader Debt, entries []Debt) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(clearAtOnce)
	for _, entry := range entries {
		if entry.Seq != leader.Seq && entry.Owes {
			group.Go(func() error { return l.clear(inner, entry.Key()) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return l.clear(ctx, leader.Key())
}

func (l *LedgerDebts) clear(ctx context.Context, key Key) error {
	err := dynamo.Update(ctx, l.Client, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: l.key(key), UpdateExpression: aws.String("REMOVE owes"),
		ConditionExpression: aws.String("attribute_exists(owes)"),
	})
	if err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("clearing a debt: %w", err)
	}
	return nil
}

// Owing implements Debts.
func (l *LedgerDebts) Owing(ctx context.Context, yield func(Key) bool) error {
	for shard := range ledger.Shards {
		pages := dynamodb.NewQueryPaginator(l.Client, &dynamodb.QueryInput{
			TableName: &l.Table, IndexName: aws.String(ledger.OwingIndex),
			KeyConditionExpression:    aws.String("owes = :shard"),
			ExpressionAttributeValues: dynamo.Item{":shard": dynamo.S(ledger.Shard(shard))},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("reading the index of debts: %w", err)
			}
			for _, item := range page.Items {
				if !yield(Key{dynamo.Text(item, "workspace"), dynamo.Text(item, "seq")}) {
					return nil
				}
			}
		}
	}
	return nil
}

func (d Delivery) value() types.AttributeValue {
	return &types.AttributeValueMemberM{Value: dynamo.Item{
		"state": dynamo.S(string(d.State)), "until": dynamo.N(d.Until.UnixMilli()),
		"attempts": dynamo.N(int64(d.Attempts)), "by": dynamo.S(d.By),
	}}
}

func decodeDebt(item dynamo.Item) Debt {
	debt := Debt{Entry: ledger.Decode(item), Mail: MailState{To: map[string]Delivery{}}}
	notes, ok := item["mail"].(*types.AttributeValueMemberM)
	if !ok {
		return debt
	}
	if list, ok := notes.Value["entries"].(*types.AttributeValueMemberL); ok {
		for _, value := range list.Value {
			if seq, ok := value.(*types.AttributeValueMemberS); ok {
				debt.Mail.Entries = append(debt.Mail.Entries, seq.Value)
			}
		}
	}
	for name, value := range notes.Value {
		user, ok := strings.CutPrefix(name, toPrefix)
		note, isMap := value.(*types.AttributeValueMemberM)
		if ok && isMap {
			debt.Mail.To[user] = Delivery{
				State: state(dynamo.Text(note.Value, "state")), Until: time.UnixMilli(dynamo.Number(note.Value, "until")),
				Attempts: int(dynamo.Number(note.Value, "attempts")), By: dynamo.Text(note.Value, "by"),
			}
		}
	}
	return debt
}
