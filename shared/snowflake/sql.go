package snowflake

import (
	"crypto/rsa"
	"strings"
)

// Slot is one of the two places that a Snowflake user has for public keys.
// Source: "Key-pair authentication and key-pair rotation" in Snowflake's docs.
type Slot string

// The slots.
const (
	Slot1 Slot = "RSA_PUBLIC_KEY"
	Slot2 Slot = "RSA_PUBLIC_KEY_2"
)

// Identifier quotes a name as SQL takes it. An unquoted name is stored in upper
// case, so that is what a name as people write it means.
func Identifier(name string) string {
	return `"` + strings.ReplaceAll(strings.ToUpper(name), `"`, `""`) + `"`
}

// literal quotes a text. A backslash begins an escape in Snowflake's strings.
func literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// SetPublicKey is the statement that puts a public key into a slot of a user.
func SetPublicKey(user string, slot Slot, key *rsa.PublicKey) string {
	return "ALTER USER " + Identifier(user) + " SET " + string(slot) + "=" + literal(PublicKeyBody(key)) + ";"
}

// DescribeUser is the statement that shows a user's keys, by fingerprint.
func DescribeUser(user string) string { return "DESC USER " + Identifier(user) + ";" }
