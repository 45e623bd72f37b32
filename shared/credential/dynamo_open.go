package credential

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/grant"
	"safekeep/shared/ledger"
)

// GrantedStore is the Credentials table as a connector reaches it: with a grant,
// which it uses up.
type GrantedStore struct {
	*Store
	Grants *grant.Store
}

// Use implements Vault. The credential is part of the transaction, so that one
// that is being deleted or replaced is either opened before that or not at all.
func (s *GrantedStore) Use(ctx context.Context, g grant.Grant, c Credential, entry ledger.Entry, now time.Time) error {
	err := dynamo.Transact(ctx, s.Client, s.Grants.Use(g, c.ID, now), s.Ledger.Put(entry), s.unchanged(c))
	if errors.Is(err, dynamo.ErrCondition) {
		again, err := s.Get(ctx, c.Workspace, c.ID)
		if err == nil && again.Revision == c.Revision {
			err = errUsed
		} else if err == nil {
			err = ErrRaced
		}
		return err
	}
	if err != nil {
		return errors.Join(errMaybeSpent, err)
	}
	return nil
}

// unchanged is the check that a credential is the one that was read.
func (s *Store) unchanged(c Credential) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &s.Table, Key: key(c.Workspace, c.ID), ConditionExpression: aws.String("revision = :revision"),
		ExpressionAttributeValues: dynamo.Item{":revision": dynamo.N(c.Revision)},
	}}
}
