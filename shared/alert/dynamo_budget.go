package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo"
)

// EphemeraBudget shares a bucket in the Ephemera table, under "verify#budget",
// which function alerts may write there beside its hosts' keys. Losing the item
// costs nothing: the bucket is empty then.
type EphemeraBudget struct {
	Client *dynamodb.Client
	Table  string
}

// maxRaces is how often a unit is asked for again after others were faster. A
// race is lost only while the bucket goes from empty to not empty or is nearly
// full; in between, units of any number of callers add up.
const maxRaces = 4

// Take implements Budget.
func (b *EphemeraBudget) Take(ctx context.Context, bucket Bucket, now time.Time) (time.Duration, error) {
	key := dynamo.Item{"key": dynamo.S("verify#budget")}
	ms := now.UnixMilli()
	for try := 1; ; try++ {
		// Read first, so that whoever is over the limit costs no write.
		out, err := b.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &b.Table, Key: key, ConsistentRead: aws.Bool(true)})
		if err != nil {
			return 0, fmt.Errorf("reading the budget of verification: %w", err)
		}
		empty := dynamo.Number(out.Item, "empty_at")
		next, wait := bucket.take(empty, ms)
		if wait > 0 {
			return wait, nil
		}
		update := &dynamodb.UpdateItemInput{
			TableName: &b.Table, Key: key,
			UpdateExpression:          aws.String("SET empty_at = :next"),
			ConditionExpression:       aws.String("attribute_not_exists(empty_at) OR empty_at <= :now"),
			ExpressionAttributeValues: dynamo.Item{":next": dynamo.N(next), ":now": dynamo.N(ms)},
		}
		// Relative to what is there, so that the calls of a crowd do not get into
		// each other's way; a full bucket refuses in the condition.
		if empty > ms {
			unit := bucket.Every.Milliseconds()
			update.UpdateExpression = aws.String("SET empty_at = empty_at + :unit")
			update.ConditionExpression = aws.String("empty_at > :now AND empty_at <= :room")
			update.ExpressionAttributeValues = dynamo.Item{
				":unit": dynamo.N(unit), ":now": dynamo.N(ms), ":room": dynamo.N(bucket.full(ms) - unit),
			}
		}
		err = dynamo.Update(ctx, b.Client, update)
		if err == nil {
			return 0, nil
		}
		if !errors.Is(err, dynamo.ErrCondition) {
			return 0, fmt.Errorf("taking from the budget of verification: %w", err)
		}
		// Whoever loses so often is in a crowd that fills the bucket.
		if try == maxRaces {
			return bucket.Every, nil
		}
		if err := dynamo.Pause(ctx, try); err != nil {
			return 0, err
		}
	}
}
