package workspace

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
)

func (w Workspace) item() dynamo.Item {
	item := dynamo.Item{
		"workspace": dynamo.S(w.ID), "item": dynamo.S(settingsItem), "name": dynamo.S(w.Name),
		"auto_revoke":    &types.AttributeValueMemberBOOL{Value: w.AutoRevoke},
		"sso":            &types.AttributeValueMemberBOOL{Value: w.SSO},
		"require_mfa":    &types.AttributeValueMemberBOOL{Value: w.RequireMFA},
		"block_breached": &types.AttributeValueMemberBOOL{Value: w.BlockBreached},
		"created_at":     dynamo.Time(w.CreatedAt), "version": dynamo.N(w.Version),
	}
	if !w.EndedAt.IsZero() {
		item["ended_at"] = dynamo.Time(w.EndedAt)
	}
	return item
}

func decodeWorkspace(item dynamo.Item) Workspace {
	return Workspace{
		ID: dynamo.Text(item, "workspace"), Name: dynamo.Text(item, "name"),
		AutoRevoke: truth(item, "auto_revoke"), SSO: truth(item, "sso"),
		RequireMFA: truth(item, "require_mfa"), BlockBreached: truth(item, "block_breached"),
		CreatedAt: dynamo.TimeOf(item, "created_at"), EndedAt: dynamo.TimeOf(item, "ended_at"), Version: dynamo.Number(item, "version"),
	}
}

func (m Member) item() dynamo.Item {
	item := dynamo.Item{
		"workspace": dynamo.S(m.Workspace), "item": dynamo.S(memberPrefix + m.User), "user": dynamo.S(m.User),
		"role": dynamo.S(string(m.Role)), "added_at": dynamo.Time(m.AddedAt), "version": dynamo.N(m.Version),
	}
	if m.Email != "" {
		item["email"] = dynamo.S(m.Email)
	}
	if !m.LeftAt.IsZero() {
		item["left_at"] = dynamo.Time(m.LeftAt)
	}
	return item
}

func decodeMember(item dynamo.Item) Member {
	m := Member{
		Workspace: dynamo.Text(item, "workspace"), User: strings.TrimPrefix(dynamo.Text(item, "item"), memberPrefix),
		Email: dynamo.Text(item, "email"), Role: Role(dynamo.Text(item, "role")),
		AddedAt: dynamo.TimeOf(item, "added_at"), LeftAt: dynamo.TimeOf(item, "left_at"), Version: dynamo.Number(item, "version"),
	}
	if item["left_at"] != nil && m.LeftAt.IsZero() {
		m.Role = nobody // it cannot be said whether they are there
	}
	return m
}

func truth(item dynamo.Item, name string) bool {
	b, ok := item[name].(*types.AttributeValueMemberBOOL)
	return ok && b.Value
}
