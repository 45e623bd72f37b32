package grant

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
)

// Store remembers in the Ephemera table which credentials a grant was used for,
// under "grant#<grant>#<credential>". IAM can hold the function that opens
// credentials to those keys (dynamodb:LeadingKeys "grant#*").
type Store struct{ Table string }

const usedKey = "grant#"

// keptAfter is how long a use is remembered after the grant has expired. By
// then the grant is refused for its time, so the item does not matter; but TTL
// goes by DynamoDB's clock and expiry by ours, and they may differ.
const keptAfter = time.Hour

// Use returns the write that uses a grant for a credential that it covers, for
// a transaction with the ledger entry that tells of it: it lets the transaction
// through once and makes it dynamo.ErrCondition after that. The grant must come
// from [Verifier.Verify].
func (s *Store) Use(g Grant, credential string, at time.Time) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.Table,
		Item: dynamo.Item{
			"key":        dynamo.S(usedKey + g.ID + "#" + credential),
			"at":         dynamo.Time(at),
			"expires_at": dynamo.N(g.ExpiresAt.Add(keptAfter).Unix()),
		},
		// An item that is still there counts, however late it is: only TTL
		// takes it away.
		ConditionExpression:      aws.String("attribute_not_exists(#key)"),
		ExpressionAttributeNames: map[string]string{"#key": "key"},
	}}
}
