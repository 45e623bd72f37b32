package token

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
)

// The indexes of the Tokens table.
const (
	// WorkspaceIndex lists a workspace's tokens by id, which is by age.
	WorkspaceIndex = "by-workspace"
	// CreatorIndex lists the tokens one user made, keys only.
	CreatorIndex = "by-creator"
)

// item encodes a token as it is stored. Empty values are left out, so that a
// later release may give an absent attribute a meaning.
func (t *Token) item() dynamo.Item {
	item := dynamo.Item{
		"hash":       dynamo.S(string(t.Hash)),
		"id":         dynamo.S(t.ID),
		"workspace":  dynamo.S(t.Workspace),
		"creator":    dynamo.S(creatorKey(t.Workspace, t.CreatedBy)),
		"name":       dynamo.S(t.Name),
		"hint":       dynamo.S(t.Hint),
		"created_by": dynamo.S(t.CreatedBy),
		"created_at": dynamo.Time(t.CreatedAt),
		"status":     dynamo.S(string(t.Status)),
		"version":    dynamo.N(t.Version),
	}
	if len(t.Scopes) > 0 {
		scopes := make([]types.AttributeValue, len(t.Scopes))
		for i, scope := range t.Scopes {
			scopes[i] = dynamo.S(scope)
		}
		item["scopes"] = &types.AttributeValueMemberL{Value: scopes}
	}
	for name, at := range map[string]time.Time{
		"expires_at": t.ExpiresAt, "imported_at": t.ImportedAt, "retires_at": t.RetiresAt,
		"kept_until": t.Kept.Until, "kept_at": t.Kept.At,
	} {
		if !at.IsZero() {
			item[name] = dynamo.Time(at)
		}
	}
	for name, text := range map[string]string{
		"last_used_on":   t.LastUsedOn,
		"predecessor_id": t.Predecessor.ID, "predecessor_hint": t.Predecessor.Hint,
		"kept_reason": t.Kept.Reason, "kept_by": t.Kept.By,
	} {
		if text != "" {
			item[name] = dynamo.S(text)
		}
	}
	return item
}

func creatorKey(workspace, user string) string { return workspace + "#" + user }

// pointerKey is the key of the item that leads from a token's id to its hash,
// so that a read by id can be consistent; an index could not.
func pointerKey(id string) string { return "id#" + id }

// decode reads a token from its item.
func decode(item dynamo.Item) Token {
	t := Token{
		Hash: Hash(dynamo.Text(item, "hash")), ID: dynamo.Text(item, "id"),
		Workspace: dynamo.Text(item, "workspace"), Name: dynamo.Text(item, "name"),
		Hint: dynamo.Text(item, "hint"), CreatedBy: dynamo.Text(item, "created_by"),
		CreatedAt: dynamo.TimeOf(item, "created_at"), ExpiresAt: dynamo.TimeOf(item, "expires_at"),
		Status: Status(dynamo.Text(item, "status")), Version: dynamo.Number(item, "version"),
		RevokedAt: dynamo.TimeOf(item, "revoked_at"), RevokedReason: Reason(dynamo.Text(item, "revoked_reason")),
		LastUsedOn: dynamo.Text(item, "last_used_on"), ExposedAt: dynamo.TimeOf(item, "exposed_at"), ExposedBy: dynamo.Text(item, "exposed_by"),
		MorePlaces: dynamo.Number(item, "more_places"),
		LastUsedAt: dynamo.TimeOf(item, "last_used_at"),
		LastUse:    Use{dynamo.Text(item, "last_used_ip"), dynamo.Text(item, "last_used_agent")},
		ImportedAt: dynamo.TimeOf(item, "imported_at"), RetiresAt: dynamo.TimeOf(item, "retires_at"),
		Successor:   Sibling{dynamo.Text(item, "successor_id"), dynamo.Text(item, "successor_hint")},
		Predecessor: Sibling{dynamo.Text(item, "predecessor_id"), dynamo.Text(item, "predecessor_hint")},
		Orphaned:    markOf(item, "orphaned"), Unused: markOf(item, "unused"),
		Kept: Keep{
			Until: dynamo.TimeOf(item, "kept_until"), Reason: dynamo.Text(item, "kept_reason"),
			By: dynamo.Text(item, "kept_by"), At: dynamo.TimeOf(item, "kept_at"),
		},
	}
	if swept := dynamo.Number(item, "swept_at"); swept > 0 {
		t.SweptAt = time.Unix(swept, 0).UTC()
	}
	if scopes, ok := item["scopes"].(*types.AttributeValueMemberL); ok {
		for _, scope := range scopes.Value {
			if s, ok := scope.(*types.AttributeValueMemberS); ok {
				t.Scopes = append(t.Scopes, s.Value)
			}
		}
	}
	if places, ok := item["places"].(*types.AttributeValueMemberSS); ok {
		t.Places = places.Value
	}
	return t
}
