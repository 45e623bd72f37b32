package credential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// Promote puts the awaited key in use, as of the sign-in that has shown it to
// work. The version before stays openable for the overlap, and its key is to be
// retired after that. It returns ErrRaced when the credential is not the one that
// was read any more.
func (s *Store) Promote(ctx context.Context, c Credential, tried Connection, overlap time.Duration, actor string) (Credential, error) {
	before, at := c.Current, tried.At
	c.Current, c.Pending, c.Status, c.UpdatedAt, c.Connection = c.Pending, Version{}, Ready, at, tried
	detail, kind := detailOf(c, c.Current), ledger.CredentialActivated
	place := c.Current.Place()
	detail.Account, detail.User = place.Account, place.User
	owed := c.Rotation.Trouble.Told // who was written to hears how it ended
	detail.Retires = c.Rotation.Removes(before.Fingerprint) && c.Rotation.Trouble.Reason != NoPrivilege
	c.Rotation.Slot, c.Rotation.Planned = c.Rotation.Planned, ""
	c.Rotation.Step, c.Rotation.Trouble, c.Rotation.RotatedAt = Idle, Trouble{}, at
	var others []types.TransactWriteItem
	if len(before.Sealed) > 0 {
		kind = ledger.CredentialRotated
		before.Until = at.Add(overlap)
		detail.Until, detail.Replaced = before.Until, before.Fingerprint
		others = append(others, s.retire(c, before))
		if before.Fingerprint != "" {
			c.Rotation.Step, c.Rotation.Began, c.Rotation.Old, c.Rotation.RetireAt = Retiring, at, before.Fingerprint, before.Until
			c.Rotation.noteReplaced(before.Fingerprint, before.Until)
		}
	}
	entry := ledger.New(c.Workspace, at, kind, actor, c.ID, detail)
	entry.Owes = owed && kind == ledger.CredentialRotated
	err := s.write(ctx, c, entry, others...)
	c.Revision++
	return c, err
}

// Begin stores a new key and the rotation that it is for, before anything is
// changed in the warehouse.
func (s *Store) Begin(ctx context.Context, c Credential, next Version, at time.Time, actor string) (Credential, error) {
	if next.Number != c.Pending.Number {
		c.Pending, c.Numbers = next, next.Number
		c.Rotation.noteMade(next.Fingerprint)
	}
	c.UpdatedAt, c.Rotation.Step, c.Rotation.Began = at, Placing, at
	detail := detailOf(c, c.Pending)
	detail.Replaced = c.Current.Fingerprint
	return s.Advance(ctx, c, ledger.New(c.Workspace, at, ledger.CredentialRotationStarted, actor, c.ID, detail))
}

// Advance writes a step of a rotation with the entry that tells of it.
func (s *Store) Advance(ctx context.Context, c Credential, entry ledger.Entry) (Credential, error) {
	err := s.write(ctx, c, entry)
	c.Revision++
	return c, err
}

// NoteConnection keeps how a sign-in went. It is no change that anybody asks about
// later, so no entry tells of it, and a credential that has moved on keeps what it
// has.
func (s *Store) NoteConnection(ctx context.Context, c Credential, tried Connection) error {
	_, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: key(c.Workspace, c.ID),
		UpdateExpression:          aws.String("SET #connection = :connection"),
		ConditionExpression:       aws.String("revision = :revision"),
		ExpressionAttributeNames:  map[string]string{"#connection": "connection"},
		ExpressionAttributeValues: dynamo.Item{":connection": document(tried), ":revision": dynamo.N(c.Revision)},
	})
	var moved *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &moved) {
		return fmt.Errorf("noting a sign-in of credential %s: %w", c.ID, err)
	}
	return nil
}

// EachKeyPair calls yield with every Snowflake key pair in use, without secrets,
// of all workspaces. It may be a moment behind.
func (s *Store) EachKeyPair(ctx context.Context, yield func(Credential) error) error {
	pages := dynamodb.NewScanPaginator(s.Client, &dynamodb.ScanInput{
		TableName:                &s.Table,
		FilterExpression:         aws.String("attribute_exists(revision) AND attribute_not_exists(deleted_at) AND attribute_exists(#current.fingerprint)"),
		ProjectionExpression:     aws.String("workspace, credential, warehouse, #status, #rotation, #current.#number, #current.fingerprint, #current.created_at"),
		ExpressionAttributeNames: map[string]string{"#current": "current", "#number": "number", "#status": "status", "#rotation": "rotation"},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("looking for key pairs: %w", err)
		}
		for _, item := range page.Items {
			if c := decode(item); c.HasKeyPair() {
				if err := yield(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// OtherKeys returns the fingerprints of the keys that other credentials of a
// workspace sign in with as the same user of Snowflake: in use, awaited, or replaced
// and still given out.
func (s *Store) OtherKeys(ctx context.Context, c Credential, now time.Time) (map[string]bool, error) {
	own, keys := c.Current.Place().Whereabouts(), map[string]bool{}
	note := func(v Version) {
		if v.Fingerprint != "" && v.Place().Whereabouts() == own && (v.Until.IsZero() || now.Before(v.Until)) {
			keys[v.Fingerprint] = true
		}
	}
	pages := dynamodb.NewQueryPaginator(s.Client, &dynamodb.QueryInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("workspace = :w"),
		ProjectionExpression: aws.String("credential, #settings, fingerprint, #until, #current.#settings, #current.fingerprint, pending.#settings, pending.fingerprint"),
		ExpressionAttributeNames: map[string]string{
			"#current": "current", "#settings": "settings", "#until": "until",
		},
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(c.Workspace)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking for the keys of other credentials: %w", err)
		}
		for _, item := range page.Items {
			if name := dynamo.Text(item, "credential"); name == c.ID || strings.HasPrefix(name, versionKey(c.ID, 0)[:len(c.ID)+3]) {
				continue
			}
			other := decode(item)
			note(other.Current)
			note(other.Pending)
			note(decodeVersion(item)) // of one that was replaced
		}
	}
	return keys, nil
}
