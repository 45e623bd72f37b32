package workspace

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/identity"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
)

// Members returns a page of those who are in a workspace now, by user, and the
// cursor of the next page.
func (s *Store) Members(ctx context.Context, workspace, cursor string, limit int) ([]Member, string, error) {
	from := memberPrefix
	if cursor != "" {
		user, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || identity.Check("cursor", string(user)) != nil {
			return nil, "", problem.Field("cursor", "is not one that this list gave out")
		}
		// The lowest string above the last one given.
		from = memberPrefix + string(user) + "\x00"
	}
	query := &dynamodb.QueryInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("workspace = :w AND #item BETWEEN :from AND :to"),
		FilterExpression:       aws.String("attribute_not_exists(left_at)"),
		ExpressionAttributeNames: map[string]string{
			"#item": "item",
		},
		ExpressionAttributeValues: dynamo.Item{
			":w": dynamo.S(workspace), ":from": dynamo.S(from), ":to": dynamo.S(memberPrefix + "\x7f"),
		},
	}
	items, more, err := dynamo.Page(ctx, s.Client, query, limit)
	if err != nil {
		return nil, "", fmt.Errorf("listing members: %w", err)
	}
	members := make([]Member, len(items))
	for i, item := range items {
		members[i] = decodeMember(item)
	}
	if !more {
		return members, "", nil
	}
	return members, base64.RawURLEncoding.EncodeToString([]byte(members[limit-1].User)), nil
}

// PutMember adds a member, brings one back, or changes one, and returns the
// member as it is then. What is already so is not written again.
func (s *Store) PutMember(ctx context.Context, want Member, actor string, now time.Time) (Member, error) {
	for range maxRaces {
		old, err := s.Member(ctx, want.Workspace, want.User)
		found := !errors.Is(err, ErrMemberNotFound)
		if err != nil && found {
			return Member{}, err
		}
		if old.Present() && old.Email == want.Email && old.Role == want.Role {
			return old, nil
		}
		kind := ledger.MemberChanged
		detail := memberDetail{Role: want.Role, Before: old.Role, EmailChanged: old.Email != want.Email}
		want.AddedAt, want.Version = old.AddedAt, old.Version+1
		if !old.Present() {
			kind, want.AddedAt, detail = ledger.MemberAdded, now, memberDetail{Role: want.Role}
		}
		err = s.write(ctx, want.item(), old.Version, ledger.New(want.Workspace, now, kind, actor, want.User, detail))
		if err == nil {
			return want, nil
		}
		if !errors.Is(err, dynamo.ErrCondition) {
			return Member{}, fmt.Errorf("writing a member of workspace %s: %w", want.Workspace, err)
		}
	}
	return Member{}, errBusy
}

// RemoveMember turns a member into a tombstone, without the address. Removing
// one who has left changes nothing; one who never was is ErrMemberNotFound.
func (s *Store) RemoveMember(ctx context.Context, workspace, user, actor string, now time.Time) error {
	for range maxRaces {
		m, err := s.Member(ctx, workspace, user)
		if err != nil || !m.Present() {
			return err
		}
		version := m.Version
		m.Email, m.LeftAt, m.Version = "", now, version+1
		err = s.write(ctx, m.item(), version, ledger.New(workspace, now, ledger.MemberLeft, actor, user, memberDetail{Role: m.Role}))
		if err == nil {
			return nil
		}
		if !errors.Is(err, dynamo.ErrCondition) {
			return fmt.Errorf("removing a member of workspace %s: %w", workspace, err)
		}
	}
	return errBusy
}

// Everybody calls yield with all who are or were in a workspace, page by page
// and consistently.
func (s *Store) Everybody(ctx context.Context, workspace string, yield func([]Member)) error {
	pages := dynamodb.NewQueryPaginator(s.Client, EverybodyQuery(s.Table, workspace))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("reading who is or was in workspace %s: %w", workspace, err)
		}
		members := make([]Member, len(page.Items))
		for i, item := range page.Items {
			members[i] = decodeMember(item)
		}
		yield(members)
	}
	return nil
}

// EverybodyQuery is the query by which a sweep reads a workspace's members and
// those who have left.
func EverybodyQuery(table, workspace string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("workspace = :w AND begins_with(#item, :member)"),
		ProjectionExpression:      aws.String("#item, #role, left_at"),
		ExpressionAttributeNames:  map[string]string{"#item": "item", "#role": "role"},
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(workspace), ":member": dynamo.S(memberPrefix)},
	}
}

// Stays returns a check that a member is still there (left is false) or has
// still left, for a transaction that goes by it.
func (s *Store) Stays(workspace, user string, left bool) types.TransactWriteItem {
	condition := "attribute_exists(workspace) AND attribute_not_exists(left_at)"
	if left {
		condition = "attribute_exists(left_at)"
	}
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &s.Table, ConditionExpression: &condition,
		Key: dynamo.Item{"workspace": dynamo.S(workspace), "item": dynamo.S(memberPrefix + user)},
	}}
}

// memberDetail is the detail of the member entries. The address itself stays
// out of the ledger.
type memberDetail struct {
	Role         Role `json:"role"`
	Before       Role `json:"before,omitempty"`
	EmailChanged bool `json:"email_changed,omitempty"`
}

// CheckWorkspace returns ErrNotFound unless the workspace exists.
func (s *Store) CheckWorkspace(ctx context.Context, id string) error {
	_, err := s.Get(ctx, id)
	return err
}

// CheckEver returns ErrNotFound unless the workspace exists or did.
func (s *Store) CheckEver(ctx context.Context, id string) error {
	_, err := s.Ever(ctx, id)
	return err
}

// CheckCreator returns a problem unless the user may make tokens in the
// workspace: a member may; in a workspace whose members were never synced
// anybody may, for then we do not know.
func (s *Store) CheckCreator(ctx context.Context, workspace, user string) error {
	if err := s.CheckWorkspace(ctx, workspace); err != nil {
		return err
	}
	m, err := s.Member(ctx, workspace, user)
	if err == nil && m.Present() {
		return nil
	}
	if err != nil && !errors.Is(err, ErrMemberNotFound) {
		return err
	}
	if errors.Is(err, ErrMemberNotFound) {
		if synced, err := s.synced(ctx, workspace); err != nil || !synced {
			return err
		}
	}
	return problem.Field("created_by", "is not a member of this workspace; put the member first")
}

// synced says whether the workspace has or ever had a member.
func (s *Store) synced(ctx context.Context, workspace string) (bool, error) {
	out, err := s.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(1),
		KeyConditionExpression:    aws.String("workspace = :w AND begins_with(#item, :member)"),
		ExpressionAttributeNames:  map[string]string{"#item": "item"},
		ExpressionAttributeValues: dynamo.Item{":w": dynamo.S(workspace), ":member": dynamo.S(memberPrefix)},
	})
	if err != nil {
		return false, fmt.Errorf("looking for members of workspace %s: %w", workspace, err)
	}
	return len(out.Items) > 0, nil
}
