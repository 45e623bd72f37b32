package dynamo

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// ErrCondition says that a condition of a write did not hold: somebody else
// was there first, and the caller must look again.
var ErrCondition = errors.New("a condition did not hold")

// maxConflicts bounds how often a transaction that lost against another one is
// tried again. With full jitter up to a second this outlasts a crowd of 50, also
// where every second try meets another one.
const maxConflicts = 20

// Transact writes all items or none. A transaction that ran into another one
// is tried again with jitter (the SDK does not: it counts a conflict as final);
// a condition that does not hold is ErrCondition.
func Transact(ctx context.Context, client *dynamodb.Client, items ...types.TransactWriteItem) error {
	input := &dynamodb.TransactWriteItemsInput{TransactItems: items}
	for try := 1; ; try++ {
		// The SDK adds a client request token, the same over its own
		// retries: a lost answer cannot make it write twice.
		_, err := client.TransactWriteItems(ctx, input)
		if err == nil {
			return nil
		}
		if conditionFailed(err) {
			return ErrCondition
		}
		if !conflicted(err) || try == maxConflicts {
			return err
		}
		if err := Pause(ctx, try); err != nil {
			return err
		}
	}
}

// Update changes one item, with ErrCondition and conflicts as in Transact.
func Update(ctx context.Context, client *dynamodb.Client, input *dynamodb.UpdateItemInput) error {
	for try := 1; ; try++ {
		_, err := client.UpdateItem(ctx, input)
		if err == nil {
			return nil
		}
		if conditionFailed(err) {
			return ErrCondition
		}
		if !conflicted(err) || try == maxConflicts {
			return err
		}
		if err := Pause(ctx, try); err != nil {
			return err
		}
	}
}

func conditionFailed(err error) bool {
	var single *types.ConditionalCheckFailedException
	if errors.As(err, &single) {
		return true
	}
	return slices.Contains(cancellations(err), "ConditionalCheckFailed")
}

// conflicted says whether a write failed only because others were at the same
// items, or because a partition was busy.
func conflicted(err error) bool {
	var single *types.TransactionConflictException
	if errors.As(err, &single) {
		return true
	}
	codes := cancellations(err)
	return slices.ContainsFunc(codes, func(code string) bool {
		return code == "TransactionConflict" || code == "ThrottlingError" || code == "ProvisionedThroughputExceeded"
	})
}

func cancellations(err error) []string {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return nil
	}
	var codes []string
	for _, reason := range cancelled.CancellationReasons {
		if reason.Code != nil && *reason.Code != "None" {
			codes = append(codes, *reason.Code)
		}
	}
	return codes
}

// Pause waits a random time of at most 10 ms × 2^try, capped at a second.
func Pause(ctx context.Context, try int) error {
	limit := min(10*time.Millisecond<<min(try, 10), maxBackoff)
	timer := time.NewTimer(rand.N(limit))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// parallelBatches is how many BatchGets are under way at once.
const parallelBatches = 8

func inParallel(ctx context.Context, keys []Item, read func(context.Context, []Item) ([]Item, error)) ([]Item, error) {
	if len(keys) <= batchSize {
		return read(ctx, keys)
	}
	chunks := slices.Collect(slices.Chunk(keys, batchSize))
	found := make([][]Item, len(chunks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for i, chunk := range chunks {
		group.Go(func() (err error) {
			found[i], err = read(ctx, chunk)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}
