package credential

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/warehouse"
)

// A credential is one item, "<id>", with its current and its pending version in
// it. Versions that were replaced are items of their own, "v#<id>#<number>",
// which sort after all ids.

func versionKey(id string, number int64) string { return fmt.Sprintf("v#%s#%d", id, number) }

func key(workspace, credential string) dynamo.Item {
	return dynamo.Item{"workspace": dynamo.S(workspace), "credential": dynamo.S(credential)}
}

func (c Credential) item() dynamo.Item {
	item := key(c.Workspace, c.ID)
	for name, text := range map[string]string{"name": c.Name, "warehouse": string(c.Warehouse), "status": string(c.Status)} {
		item[name] = dynamo.S(text)
	}
	item["created_at"], item["updated_at"] = dynamo.Time(c.CreatedAt), dynamo.Time(c.UpdatedAt)
	item["numbers"], item["revision"] = dynamo.N(c.Numbers), dynamo.N(c.Revision)
	if !c.DeletedAt.IsZero() {
		item["deleted_at"] = dynamo.Time(c.DeletedAt)
	}
	if c.Connection.State != "" {
		item["connection"] = document(c.Connection)
	}
	item["rotation"] = document(c.Rotation)
	for name, v := range map[string]Version{"current": c.Current, "pending": c.Pending} {
		if v.Settings != nil {
			item[name] = &types.AttributeValueMemberM{Value: v.attributes()}
		}
	}
	return item
}

// document is a struct of plain fields as JSON text.
func document(v any) types.AttributeValue {
	text, _ := json.Marshal(v) // plain fields cannot fail
	return dynamo.S(string(text))
}

func (v Version) attributes() dynamo.Item {
	item := dynamo.Item{
		"number": dynamo.N(v.Number), "settings": dynamo.S(string(v.Settings)), "created_at": dynamo.Time(v.CreatedAt),
	}
	if len(v.Sealed) > 0 {
		item["sealed"] = &types.AttributeValueMemberB{Value: v.Sealed}
	}
	if v.Fingerprint != "" {
		item["fingerprint"] = dynamo.S(v.Fingerprint)
	}
	if !v.Until.IsZero() {
		item["until"] = dynamo.Time(v.Until)
		item["purge_at"] = dynamo.N(v.Until.Unix())
	}
	return item
}

func decode(item dynamo.Item) Credential {
	c := Credential{
		Workspace: dynamo.Text(item, "workspace"), ID: dynamo.Text(item, "credential"), Name: dynamo.Text(item, "name"),
		Warehouse: warehouse.Kind(dynamo.Text(item, "warehouse")), Status: Status(dynamo.Text(item, "status")),
		CreatedAt: dynamo.TimeOf(item, "created_at"), UpdatedAt: dynamo.TimeOf(item, "updated_at"),
		DeletedAt: dynamo.TimeOf(item, "deleted_at"),
		Numbers:   dynamo.Number(item, "numbers"), Revision: dynamo.Number(item, "revision"),
	}
	// A text of ours; one of a later release is read as far as it is understood.
	_ = json.Unmarshal([]byte(dynamo.Text(item, "connection")), &c.Connection)
	_ = json.Unmarshal([]byte(dynamo.Text(item, "rotation")), &c.Rotation)
	if m, ok := item["current"].(*types.AttributeValueMemberM); ok {
		c.Current = decodeVersion(m.Value)
	}
	if m, ok := item["pending"].(*types.AttributeValueMemberM); ok {
		c.Pending = decodeVersion(m.Value)
	}
	return c
}

func decodeVersion(item dynamo.Item) Version {
	v := Version{
		Number: dynamo.Number(item, "number"), Settings: json.RawMessage(dynamo.Text(item, "settings")),
		Fingerprint: dynamo.Text(item, "fingerprint"), CreatedAt: dynamo.TimeOf(item, "created_at"), Until: dynamo.TimeOf(item, "until"),
	}
	if b, ok := item["sealed"].(*types.AttributeValueMemberB); ok {
		v.Sealed = b.Value
	}
	return v
}
