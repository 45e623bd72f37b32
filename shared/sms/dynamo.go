package sms

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"safekeep/shared/dynamo"
)

// Counters is a Limiter in the Accounts table. A counter is an item
// window#<name>#<number> under its window's partition, with the count in n.
type Counters struct {
	Client *dynamodb.Client
	Table  string
}

// purgeAfter is how long a counter is kept that counts no more. DynamoDB deletes
// it some time later; nothing rests on when.
const purgeAfter = time.Hour

// Reserve implements Limiter. It looks at all windows before it writes to any,
// so that somebody who keeps asking at one limit does not use up the others.
func (c *Counters) Reserve(ctx context.Context, windows []Window, now time.Time) error {
	seen := make([]map[int64]int, len(windows))
	group, within := errgroup.WithContext(ctx)
	for i, w := range windows {
		group.Go(func() (err error) {
			seen[i], err = c.read(within, w, now)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("reading the counters of text messages: %w", err)
	}
	for i, w := range windows {
		if _, until := w.room(seen[i], now); !until.IsZero() {
			return w.full(until)
		}
	}
	for i, w := range windows {
		if err := c.reserve(ctx, w, seen[i], now); err != nil {
			return err
		}
	}
	return nil
}

// read returns the counters of a window that count now, by their numbers.
func (c *Counters) read(ctx context.Context, w Window, now time.Time) (map[int64]int, error) {
	last := w.number(now)
	if w.Shards > 1 {
		return c.sum(ctx, w, last)
	}
	query := &dynamodb.QueryInput{
		TableName: &c.Table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:   aws.String("#user = :user AND #item BETWEEN :first AND :last"),
		ExpressionAttributeNames: map[string]string{"#user": "user", "#item": "item"},
		ExpressionAttributeValues: dynamo.Item{
			":user": dynamo.S(w.Partition), ":first": dynamo.S(item(w.Name, last-w.before())), ":last": dynamo.S(item(w.Name, last)),
		},
	}
	// Some dozen items of a few bytes: one page.
	out, err := c.Client.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	counts := make(map[int64]int, len(out.Items))
	for _, found := range out.Items {
		name := dynamo.Text(found, "item")
		number, err := strconv.ParseInt(name[strings.LastIndexByte(name, '#')+1:], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is no counter", name)
		}
		counts[number] = int(dynamo.Number(found, "n"))
	}
	return counts, nil
}

// sum returns what the shards of one counter hold together.
func (c *Counters) sum(ctx context.Context, w Window, number int64) (map[int64]int, error) {
	keys := make([]dynamo.Item, w.Shards)
	for shard := range keys {
		keys[shard] = w.key(shard, number)
	}
	found, err := dynamo.BatchGet(ctx, c.Client, c.Table, keys)
	counts := map[int64]int{}
	for _, counter := range found {
		counts[number] += int(dynamo.Number(counter, "n"))
	}
	return counts, err
}

// key is that of a counter, of one of its shards where there are several.
func (w Window) key(shard int, number int64) dynamo.Item {
	name := w.Name
	if w.Shards > 1 {
		name += "-" + strconv.Itoa(shard)
	}
	return dynamo.Item{"user": dynamo.S(w.Partition), "item": dynamo.S(item(name, number))}
}

// reserve counts in one window. The counters before that of now change no more,
// so what they leave room for is a condition on that one alone.
func (c *Counters) reserve(ctx context.Context, w Window, seen map[int64]int, now time.Time) error {
	room, until := w.room(seen, now)
	first := rand.N(w.Shards)
	for i := range w.Shards {
		shard := (first + i) % w.Shards
		limit := room / w.Shards
		if shard < room%w.Shards {
			limit++
		}
		if limit <= 0 {
			continue
		}
		err := c.add(ctx, w, shard, limit, now)
		if err == nil || !errors.Is(err, dynamo.ErrCondition) {
			return err
		}
	}
	if until.IsZero() {
		until = w.ends(w.number(now))
	}
	return w.full(until)
}

// add counts one more, if the counter is below a limit.
func (c *Counters) add(ctx context.Context, w Window, shard, limit int, now time.Time) error {
	number := w.number(now)
	err := dynamo.Update(ctx, c.Client, &dynamodb.UpdateItemInput{
		TableName: &c.Table, Key: w.key(shard, number),
		UpdateExpression:    aws.String("ADD n :one SET purge_at = :purge"),
		ConditionExpression: aws.String("attribute_not_exists(n) OR n < :limit"),
		ExpressionAttributeValues: dynamo.Item{
			":one": dynamo.N(1), ":limit": dynamo.N(int64(limit)), ":purge": dynamo.N(w.ends(number).Add(purgeAfter).Unix()),
		},
	})
	if err != nil && !errors.Is(err, dynamo.ErrCondition) {
		return fmt.Errorf("counting a text message: %w", err)
	}
	return err
}

// item is a counter's sort key. The number is padded so that a range of them can
// be read.
func item(name string, number int64) string { return fmt.Sprintf("window#%s#%010d", name, number) }
