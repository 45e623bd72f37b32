package notice

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// LedgerDebts is Debts on the Ledger table. There it writes the attributes owes
// and mail and no others: the story itself is append-only. The notes on groups
// stand in the Ephemera table, under "mail#<workspace>#<report>".
type LedgerDebts struct {
	Client   *dynamodb.Client
	Ledger   string
	Ephemera string
}

// keepGroups is how long a group's note is kept, far longer than mails are
// tried and reports are sent again.
const keepGroups = 30 * 24 * time.Hour

func entryKey(k Key) dynamo.Item {
	return dynamo.Item{"workspace": dynamo.S(k.Workspace), "seq": dynamo.S(k.Seq)}
}

func groupKey(workspace, report string) dynamo.Item {
	return dynamo.Item{"key": dynamo.S("mail#" + workspace + "#" + report)}
}

// where returns the table and key of the item that a mail's deliveries are
// noted on.
func (l *LedgerDebts) where(at slip) (table *string, key dynamo.Item) {
	if at.batch == 0 {
		return &l.Ledger, entryKey(at.entry)
	}
	return &l.Ephemera, groupKey(at.entry.Workspace, at.report)
}

// Entries implements Debts.
func (l *LedgerDebts) Entries(ctx context.Context, keys []Key) ([]Debt, error) {
	wanted := make([]dynamo.Item, 0, len(keys))
	for i, key := range keys {
		if !slices.Contains(keys[:i], key) { // a batch of the stream may repeat one
			wanted = append(wanted, entryKey(key))
		}
	}
	items, err := dynamo.BatchGet(ctx, l.Client, l.Ledger, wanted)
	if err != nil {
		return nil, fmt.Errorf("reading what is owed: %w", err)
	}
	var debts []Debt
	for _, item := range items {
		if debt := decodeDebt(item); debt.Owes {
			debts = append(debts, debt)
		}
	}
	slices.SortFunc(debts, func(a, b Debt) int { return strings.Compare(a.Seq, b.Seq) })
	return debts, nil
}

// Group implements Debts.
func (l *LedgerDebts) Group(ctx context.Context, workspace, report string) (Group, error) {
	out, err := l.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.Ephemera, Key: groupKey(workspace, report), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Group{}, fmt.Errorf("reading what is told together: %w", err)
	}
	return decodeGroup(workspace, report, out.Item), nil
}

// Form implements Debts.
func (l *LedgerDebts) Form(ctx context.Context, g Group, batches map[int64][]string) (bool, error) {
	update := &dynamodb.UpdateItemInput{
		TableName: &l.Ephemera, Key: groupKey(g.Workspace, g.Report),
		ExpressionAttributeValues: dynamo.Item{":expires": dynamo.N(time.Now().Add(keepGroups).Unix())},
	}
	if g.Version == 0 {
		mail := dynamo.Item{"version": dynamo.N(1), "waiting": listOf(g.Waiting)}
		for number, entries := range batches {
			mail[batchName(number)] = listOf(entries)
		}
		update.UpdateExpression = aws.String("SET mail = :mail, expires_at = :expires")
		update.ConditionExpression = aws.String("attribute_not_exists(mail)")
		update.ExpressionAttributeValues[":mail"] = mapOf(mail)
	} else {
		update.UpdateExpression = aws.String("SET mail.#version = :next, mail.waiting = :waiting, expires_at = :expires")
		update.ConditionExpression = aws.String("mail.#version = :version")
		update.ExpressionAttributeNames = map[string]string{"#version": "version"}
		update.ExpressionAttributeValues[":version"] = dynamo.N(g.Version)
		update.ExpressionAttributeValues[":next"] = dynamo.N(g.Version + 1)
		update.ExpressionAttributeValues[":waiting"] = listOf(g.Waiting)
		for number, entries := range batches {
			name := fmt.Sprint("b", number)
			*update.UpdateExpression += ", mail.#" + name + " = :" + name
			update.ExpressionAttributeNames["#"+name] = batchName(number)
			update.ExpressionAttributeValues[":"+name] = listOf(entries)
		}
	}
	err := dynamo.Update(ctx, l.Client, update)
	if errors.Is(err, dynamo.ErrCondition) {
		// Another courier was there first; look again a moment later.
		return false, dynamo.Pause(ctx, 3)
	}
	if err != nil {
		return false, fmt.Errorf("noting what is told together: %w", err)
	}
	return true, nil
}

// Claim implements Debts.
func (l *LedgerDebts) Claim(ctx context.Context, at slip, user string, claim Delivery, now time.Time) (bool, error) {
	stands := "attribute_exists(owes)"
	names := map[string]string{"#to": toName(at.batch, user), "#state": "state", "#until": "until", "#by": "by"}
	if at.batch > 0 {
		stands = "attribute_exists(mail.#batch)"
		names["#batch"] = batchName(at.batch)
	}
	table, key := l.where(at)
	err := dynamo.Update(ctx, l.Client, &dynamodb.UpdateItemInput{
		TableName: table, Key: key,
		UpdateExpression: aws.String("SET mail.#to = :claim"),
		// The last clause is for a claim of ours whose answer was lost.
		ConditionExpression: aws.String(stands + " AND (attribute_not_exists(mail.#to)" +
			" OR (mail.#to.#state IN (:claimed, :failed, :refused) AND mail.#to.#until <= :now) OR mail.#to.#by = :by)"),
		ExpressionAttributeNames: names,
		ExpressionAttributeValues: dynamo.Item{
			":claim": claim.value(), ":by": dynamo.S(claim.By), ":now": dynamo.N(now.UnixMilli()),
			":claimed": dynamo.S(string(claimed)), ":failed": dynamo.S(string(failed)), ":refused": dynamo.S(string(refused)),
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
func (l *LedgerDebts) Note(ctx context.Context, at slip, user string, outcome Delivery) error {
	table, key := l.where(at)
	err := dynamo.Update(ctx, l.Client, &dynamodb.UpdateItemInput{
		TableName: table, Key: key,
		UpdateExpression: aws.String("SET mail.#to = :outcome"),
		// If the claim ended meanwhile, whoever holds it now notes its own.
		ConditionExpression:       aws.String("mail.#to.#by = :by"),
		ExpressionAttributeNames:  map[string]string{"#to": toName(at.batch, user), "#by": "by"},
		ExpressionAttributeValues: dynamo.Item{":outcome": outcome.value(), ":by": dynamo.S(outcome.By)},
	})
	if err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("noting a mail: %w", err)
	}
	return nil
}

// clearAtOnce is how many entries of one mail are cleared at once.
const clearAtOnce = 16

// Clear implements Debts. The batch goes last: while one of its entries owes,
// the list that says it was told must stand.
func (l *LedgerDebts) Clear(ctx context.Context, at slip, entries []Debt) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(clearAtOnce)
	for _, entry := range entries {
		group.Go(func() error {
			return l.remove(inner, &l.Ledger, entryKey(entry.Key()), "owes", nil)
		})
	}
	if err := group.Wait(); err != nil || at.batch == 0 {
		return err
	}
	table, key := l.where(at)
	return l.remove(ctx, table, key, "mail.#batch", map[string]string{"#batch": batchName(at.batch)})
}

// remove takes one attribute away; one that is gone already is as good.
func (l *LedgerDebts) remove(ctx context.Context, table *string, key dynamo.Item, path string, names map[string]string) error {
	err := dynamo.Update(ctx, l.Client, &dynamodb.UpdateItemInput{
		TableName: table, Key: key, UpdateExpression: aws.String("REMOVE " + path),
		ConditionExpression:      aws.String("attribute_exists(" + path + ")"),
		ExpressionAttributeNames: names,
	})
	if err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("clearing a debt: %w", err)
	}
	return nil
}

// Owing implements Debts. It begins at a random shard, so that debts that
// cannot be paid do not keep those of other shards waiting for ever.
func (l *LedgerDebts) Owing(ctx context.Context, yield func(Key) bool) error {
	start := rand.N(ledger.Shards)
	for i := range ledger.Shards {
		pages := dynamodb.NewQueryPaginator(l.Client, &dynamodb.QueryInput{
			TableName: &l.Ledger, IndexName: aws.String(ledger.OwingIndex),
			KeyConditionExpression:    aws.String("owes = :shard"),
			ExpressionAttributeValues: dynamo.Item{":shard": dynamo.S(ledger.Shard((start + i) % ledger.Shards))},
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
