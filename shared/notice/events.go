package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
)

// settleAtOnce is how many workspaces are told at once; SES allows a new
// account 14 mails a second.
const settleAtOnce = 4

// Handle takes what invokes function notify: a batch of the ledger's stream,
// or the schedule's {"scheduled": …}.
func (c *Courier) Handle(ctx context.Context, payload json.RawMessage) error {
	var event struct {
		Records   []record
		Scheduled time.Time `json:"scheduled"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return fmt.Errorf("reading the event: %w", err)
	}
	if event.Records != nil {
		return c.settleAll(ctx, keysOf(event.Records))
	}
	if event.Scheduled.IsZero() {
		return errors.New(`the event is neither a stream batch nor {"scheduled": "<time>"}`)
	}
	return c.settleOwing(ctx)
}

// record is what is needed of one record of a DynamoDB stream.
type record struct {
	DynamoDB struct {
		Keys struct {
			Workspace struct{ S string } `json:"workspace"`
			Seq       struct{ S string } `json:"seq"`
		}
	} `json:"dynamodb"`
}

// keysOf are the entries of a batch. The entry itself is read anew: a batch may
// be an old one that is handed over again.
func keysOf(records []record) []Key {
	var keys []Key
	for _, r := range records {
		if key := (Key{r.DynamoDB.Keys.Workspace.S, r.DynamoDB.Keys.Seq.S}); key.Workspace != "" && key.Seq != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// settleAll settles the keys, each workspace's in one go. One that fails does
// not stop the others. When time is up the rest is left to the next run.
func (c *Courier) settleAll(ctx context.Context, keys []Key) error {
	byWorkspace := map[string][]Key{}
	for _, key := range keys {
		byWorkspace[key.Workspace] = append(byWorkspace[key.Workspace], key)
	}
	var mu sync.Mutex
	var errs []error
	var group errgroup.Group
	group.SetLimit(settleAtOnce)
	for workspace, keys := range byWorkspace {
		group.Go(func() error {
			if c.late(ctx, c.Now()) {
				return nil
			}
			if err := c.settle(ctx, workspace, keys); err != nil {
				slog.ErrorContext(ctx, "debts not settled", "workspace", workspace, "debts", len(keys), "error", err.Error())
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(errs...)
}

// settleOwing works off the index of debts and says how old the oldest is.
func (c *Courier) settleOwing(ctx context.Context) error {
	var keys []Key
	err := c.Debts.Owing(ctx, func(key Key) bool {
		keys = append(keys, key)
		return len(keys) < maxOwing
	})
	if err != nil {
		return err
	}
	now := c.Now()
	var oldest time.Duration
	for _, key := range keys {
		oldest = max(oldest, now.Sub(ledger.SeqTime(key.Seq)))
	}
	c.Metrics.Record(now, []metrics.Value{{Name: "OldestDebtSeconds", Unit: metrics.Seconds, Value: oldest.Seconds()}})
	return c.settleAll(ctx, keys)
}

// maxOwing is how many debts one scheduled run takes on; the next run is a
// minute away.
const maxOwing = 10_000
