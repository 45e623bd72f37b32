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

// Other returns the other slot of the two.
func (s Slot) Other() Slot {
	if s == Slot1 {
		return Slot2
	}
	return Slot1
}

// The statements below take a user by NAME, exactly as CURRENT_USER() gives it,
// and names of key pairs. Both are quoted, so neither can end the statement or
// add to it.

// NameOf is what a user's NAME most likely is when only the LOGIN_NAME is known:
// Snowflake stores both in upper case unless somebody insisted otherwise.
func NameOf(login string) string { return strings.ToUpper(login) }

// Identifier quotes a name so that it means exactly what it says.
func Identifier(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// literal quotes a text. A backslash begins an escape in Snowflake's strings.
func literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// SetPublicKey puts a public key into a slot of a user, over the one that stands
// there.
func SetPublicKey(user string, slot Slot, key *rsa.PublicKey) string {
	return alter(user) + "SET " + string(slot) + "=" + literal(PublicKeyBody(key)) + ";"
}

// UnsetPublicKey empties a slot of a user.
func UnsetPublicKey(user string, slot Slot) string {
	return alter(user) + "UNSET " + string(slot) + ";"
}

// DescribeUser shows a user's slots, by fingerprint.
func DescribeUser(user string) string { return "DESC USER " + Identifier(user) + ";" }

// AddKeyPair registers a public key under a name that is free. Source: "ALTER
// USER … ADD KEY PAIR" in Snowflake's docs; accounts have it since July 2026.
func AddKeyPair(user, name string, key *rsa.PublicKey) string {
	return alter(user) + "ADD KEY PAIR " + Identifier(name) + " PUBLIC_KEY=" + literal(PublicKeyBody(key)) + ";"
}

// RemoveKeyPair removes a named key pair for good.
func RemoveKeyPair(user, name string) string {
	return alter(user) + "REMOVE KEY PAIR " + Identifier(name) + ";"
}

// ShowKeyPairs lists a user's named key pairs, by fingerprint.
func ShowKeyPairs(user string) string {
	return "SHOW USER KEY PAIRS FOR USER " + Identifier(user) + ";"
}

func alter(user string) string { return "ALTER USER " + Identifier(user) + " " }

// whoAmI shows as whom a sign-in acts. It needs no warehouse to run.
const whoAmI = "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE()"

// loginFailure shows an account's admin why a sign-in was refused; the id comes
// from Snowflake's own message. It takes a role with the privilege MONITOR.
// Source: "Key-pair authentication: Troubleshooting".
func loginFailure(id string) string {
	return "SELECT JSON_EXTRACT_PATH_TEXT(SYSTEM$GET_LOGIN_FAILURE_DETAILS(" + literal(id) + "), 'errorCode');"
}
