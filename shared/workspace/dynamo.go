package workspace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/identity"
	"safekeep/shared/ledger"
)

// UserIndex lists the workspaces a user is or was in.
const UserIndex = "by-user"

// The sort keys of the Workspaces table.
const (
	settingsItem = "workspace"
	memberPrefix = "member#"
)

// Store keeps workspaces and members in the Workspaces table and tells the
// ledger of every change, each in one transaction.
type Store struct {
	Client *dynamodb.Client
	Table  string
	Ledger *ledger.Store
}

// maxRaces bounds how often a change is decided anew because somebody else
// changed the same thing in between.
const maxRaces = 8

// Get returns a workspace, consistently, or ErrNotFound, also for one that has
// ended.
func (s *Store) Get(ctx context.Context, id string) (Workspace, error) {
	w, err := s.Ever(ctx, id)
	if err == nil && !w.EndedAt.IsZero() {
		return w, ErrNotFound
	}
	return w, err
}

// Ever returns a workspace that is there or was, consistently, or ErrNotFound.
func (s *Store) Ever(ctx context.Context, id string) (Workspace, error) {
	if identity.Check("workspace", id) != nil {
		return Workspace{}, ErrNotFound // no such id can ever have been put
	}
	item, err := s.item(ctx, id, settingsItem)
	if err != nil {
		return Workspace{}, err
	}
	if item == nil {
		return Workspace{}, ErrNotFound
	}
	return decodeWorkspace(item), nil
}

// End marks a workspace as ended; one that has ended stays as it is.
func (s *Store) End(ctx context.Context, id, actor string, now time.Time) error {
	for range maxRaces {
		w, err := s.Ever(ctx, id)
		if err != nil || !w.EndedAt.IsZero() {
			return err
		}
		version := w.Version
		w.EndedAt, w.Version = now, version+1
		entry := ledger.New(id, now, ledger.WorkspaceEnded, actor, id, settingsOf(w))
		err = s.write(ctx, w.item(), version, entry)
		if err == nil {
			return nil
		}
		if !errors.Is(err, dynamo.ErrCondition) {
			return fmt.Errorf("ending workspace %s: %w", id, err)
		}
	}
	return errBusy
}

// Member returns who a user is or was in a workspace, consistently, or
// ErrMemberNotFound for somebody who never was in it.
func (s *Store) Member(ctx context.Context, workspace, user string) (Member, error) {
	if identity.Check("user", user) != nil || identity.Check("workspace", workspace) != nil {
		return Member{}, ErrMemberNotFound
	}
	item, err := s.item(ctx, workspace, memberPrefix+user)
	if err != nil {
		return Member{}, err
	}
	if item == nil {
		return Member{}, ErrMemberNotFound
	}
	return decodeMember(item), nil
}

func (s *Store) item(ctx context.Context, workspace, item string) (dynamo.Item, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true),
		Key: dynamo.Item{"workspace": dynamo.S(workspace), "item": dynamo.S(item)},
	})
	if err != nil {
		return nil, fmt.Errorf("reading workspace %s: %w", workspace, err)
	}
	return out.Item, nil
}

// Choices returns the settings of the given distinct workspaces, consistently.
// One that does not exist is left out.
func (s *Store) Choices(ctx context.Context, ids []string) (map[string]Workspace, error) {
	keys := make([]dynamo.Item, len(ids))
	for i, id := range ids {
		keys[i] = dynamo.Item{"workspace": dynamo.S(id), "item": dynamo.S(settingsItem)}
	}
	items, err := dynamo.BatchGet(ctx, s.Client, s.Table, keys)
	if err != nil {
		return nil, fmt.Errorf("reading the settings of %d workspaces: %w", len(ids), err)
	}
	found := make(map[string]Workspace, len(items))
	for _, item := range items {
		w := decodeWorkspace(item)
		found[w.ID] = w
	}
	return found, nil
}

// Roster returns a workspace and all who are in it now, consistently; a
// workspace that was never put has only an id.
func (s *Store) Roster(ctx context.Context, id string) (Workspace, []Member, error) {
	w := Workspace{ID: id}
	var members []Member
	pages := dynamodb.NewQueryPaginator(s.Client, &dynamodb.QueryInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("workspace = :w"),
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(id)},
		FilterExpression:          aws.String("attribute_not_exists(left_at)"),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return w, nil, fmt.Errorf("reading the members of workspace %s: %w", id, err)
		}
		for _, item := range page.Items {
			if dynamo.Text(item, "item") == settingsItem {
				w = decodeWorkspace(item)
			} else if m := decodeMember(item); m.Present() {
				members = append(members, m)
			}
		}
	}
	return w, members, nil
}

// IDs calls yield with the ids of all workspaces that have not ended, of one of
// several segments of the table, page by page. Segments count from 0.
func (s *Store) IDs(ctx context.Context, segment, segments int, yield func([]string) error) error {
	pages := dynamodb.NewScanPaginator(s.Client, IDScan(s.Table, segment, segments))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("reading the workspaces: %w", err)
		}
		ids := make([]string, len(page.Items))
		for i, item := range page.Items {
			ids[i] = dynamo.Text(item, "workspace")
		}
		if err := yield(ids); err != nil {
			return err
		}
	}
	return nil
}

// IDScan is the scan by which a sweep finds the workspaces.
func IDScan(table string, segment, segments int) *dynamodb.ScanInput {
	return &dynamodb.ScanInput{
		TableName: &table, Segment: aws.Int32(int32(segment)), TotalSegments: aws.Int32(int32(segments)),
		FilterExpression:          aws.String("#item = :settings AND attribute_not_exists(ended_at)"),
		ProjectionExpression:      aws.String("workspace"),
		ExpressionAttributeNames:  map[string]string{"#item": "item"},
		ExpressionAttributeValues: dynamo.Item{":settings": dynamo.S(settingsItem)},
	}
}

// Put makes or replaces a workspace's settings and returns it as it is then.
// What is already so is not written again.
func (s *Store) Put(ctx context.Context, want Workspace, actor string, now time.Time) (Workspace, error) {
	for range maxRaces {
		old, err := s.Ever(ctx, want.ID)
		found := !errors.Is(err, ErrNotFound)
		if err != nil && found {
			return Workspace{}, err
		}
		if !old.EndedAt.IsZero() {
			return Workspace{}, ErrEnded
		}
		if found && settingsOf(old) == settingsOf(want) {
			return old, nil
		}
		kind := ledger.WorkspaceChanged
		want.CreatedAt, want.Version = old.CreatedAt, old.Version+1
		if !found {
			kind, want.CreatedAt = ledger.WorkspaceCreated, now
		}
		entry := ledger.New(want.ID, now, kind, actor, want.ID, settingsOf(want))
		err = s.write(ctx, want.item(), old.Version, entry)
		if err == nil {
			return want, nil
		}
		if !errors.Is(err, dynamo.ErrCondition) {
			return Workspace{}, fmt.Errorf("writing workspace %s: %w", want.ID, err)
		}
	}
	return Workspace{}, errBusy
}

// settingsDetail is the detail of workspace.created and workspace.changed: all
// that a workspace has chosen. What came after the first release is left out
// while it is off, so that entries read as they always did.
type settingsDetail struct {
	Name          string `json:"name"`
	AutoRevoke    bool   `json:"auto_revoke"`
	SSO           bool   `json:"sso"`
	RequireMFA    bool   `json:"require_mfa,omitempty"`
	BlockBreached bool   `json:"block_breached,omitempty"`
}

func settingsOf(w Workspace) settingsDetail {
	return settingsDetail{w.Name, w.AutoRevoke, w.SSO, w.RequireMFA, w.BlockBreached}
}

// write puts an item over the one of the given version, 0 for none, and tells
// the ledger.
func (s *Store) write(ctx context.Context, item dynamo.Item, version int64, entry ledger.Entry) error {
	entry.Version = version + 1
	put := &types.Put{TableName: &s.Table, Item: item}
	if version == 0 {
		put.ConditionExpression = aws.String("attribute_not_exists(workspace)")
	} else {
		put.ConditionExpression = aws.String("#version = :version")
		put.ExpressionAttributeNames = map[string]string{"#version": "version"}
		put.ExpressionAttributeValues = dynamo.Item{":version": dynamo.N(version)}
	}
	return dynamo.Transact(ctx, s.Client, types.TransactWriteItem{Put: put}, s.Ledger.Put(entry))
}
