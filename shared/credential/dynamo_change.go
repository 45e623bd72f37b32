package credential

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// ErrRaced says that nothing was written because the credential had changed.
var ErrRaced = errors.New("the credential changed in between")

// Create stores a new credential.
func (s *Store) Create(ctx context.Context, c Credential, actor string) error {
	entry := ledger.New(c.Workspace, c.CreatedAt, ledger.CredentialStored, actor, c.ID, detailOf(c, c.Current))
	return s.write(ctx, c, entry)
}

// Replace makes a version the current one; the one before stays openable for
// the store's grace. It returns ErrRaced when the credential is not the one
// that was read any more.
func (s *Store) Replace(ctx context.Context, c Credential, next Version, actor string) (Credential, error) {
	before := c.Current
	c.Current, c.Pending, c.Status = next, Version{}, Ready
	// A rotation under way was of the key that has just been replaced. What it left
	// in the warehouse is known as made here, and its slot may be used again.
	c.Rotation.Step, c.Rotation.Old, c.Rotation.Trouble, c.Rotation.Slot = Idle, "", Trouble{}, ""
	c.Rotation.Planned = ""
	c.Rotation.RetireAt, c.Rotation.RotatedAt = time.Time{}, time.Time{}
	c.Rotation.noteReplaced(before.Fingerprint, next.CreatedAt.Add(s.Grace))
	c.Numbers, c.UpdatedAt = max(c.Numbers, next.Number), next.CreatedAt
	detail := detailOf(c, next)
	var others []types.TransactWriteItem
	if len(before.Sealed) > 0 && s.Grace > 0 {
		before.Until = next.CreatedAt.Add(s.Grace)
		detail.Until = before.Until
		others = append(others, s.retire(c, before))
	}
	err := s.write(ctx, c, ledger.New(c.Workspace, next.CreatedAt, ledger.CredentialReplaced, actor, c.ID, detail), others...)
	c.Revision++
	return c, err
}

// Await notes a key pair that was made here and that the warehouse may not know
// yet. It replaces one that was awaited before.
func (s *Store) Await(ctx context.Context, c Credential, next Version, actor string) (Credential, error) {
	c.Pending, c.Numbers, c.UpdatedAt = next, next.Number, next.CreatedAt
	c.Rotation.noteMade(next.Fingerprint)
	entry := ledger.New(c.Workspace, next.CreatedAt, ledger.CredentialKeyMade, actor, c.ID, detailOf(c, next))
	err := s.write(ctx, c, entry)
	c.Revision++
	return c, err
}

// Delete leaves a tombstone without settings and secret, and no other version. Of
// a tombstone it removes what a delete that was cut off has left, and then says
// ErrNotFound.
func (s *Store) Delete(ctx context.Context, c Credential, actor string, now time.Time) error {
	if !c.DeletedAt.IsZero() {
		if err := s.forget(ctx, c.Workspace, c.ID); err != nil {
			return err // not ErrNotFound: the caller would not come again
		}
		return ErrNotFound
	}
	detail := detailOf(c, c.Current)
	c.Current, c.Pending, c.DeletedAt, c.UpdatedAt = Version{}, Version{}, now, now
	c.Connection, c.Rotation = Connection{}, Rotation{}
	if err := s.write(ctx, c, ledger.New(c.Workspace, now, ledger.CredentialDeleted, actor, c.ID, detail)); err != nil {
		return err
	}
	return s.forget(ctx, c.Workspace, c.ID)
}

// write puts a credential over the one of the revision before, 0 for none, with
// the entry that tells of it and other writes. It returns ErrRaced, and writes
// nothing, when somebody else was there first.
func (s *Store) write(ctx context.Context, c Credential, entry ledger.Entry, others ...types.TransactWriteItem) error {
	before := c.Revision
	c.Revision++
	entry.Version = c.Revision
	put := &types.Put{TableName: &s.Table, Item: c.item(), ConditionExpression: aws.String("attribute_not_exists(workspace)")}
	if before > 0 {
		put.ConditionExpression = aws.String("revision = :before")
		put.ExpressionAttributeValues = dynamo.Item{":before": dynamo.N(before)}
	}
	err := dynamo.Transact(ctx, s.Client, append([]types.TransactWriteItem{{Put: put}, s.Ledger.Put(entry)}, others...)...)
	if errors.Is(err, dynamo.ErrCondition) {
		return ErrRaced
	}
	if err != nil {
		return fmt.Errorf("writing credential %s: %w", c.ID, err)
	}
	return nil
}

// retire returns the write that keeps a replaced version for its grace.
func (s *Store) retire(c Credential, v Version) types.TransactWriteItem {
	item := v.attributes()
	maps.Copy(item, key(c.Workspace, versionKey(c.ID, v.Number)))
	return types.TransactWriteItem{Put: &types.Put{TableName: &s.Table, Item: item}}
}

// forget deletes what was replaced of a credential. The tombstone is there
// already, so none of it can be opened any more.
func (s *Store) forget(ctx context.Context, workspace, id string) error {
	pages := dynamodb.NewQueryPaginator(s.Client, &dynamodb.QueryInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("workspace, credential"),
		KeyConditionExpression:    aws.String("workspace = :w AND begins_with(credential, :v)"),
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(workspace), ":v": dynamo.S("v#" + id + "#")},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("looking for the versions of credential %s: %w", id, err)
		}
		for _, item := range page.Items {
			if _, err := s.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.Table, Key: item}); err != nil {
				return fmt.Errorf("deleting a version of credential %s: %w", id, err)
			}
		}
	}
	return nil
}
