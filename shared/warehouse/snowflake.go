package warehouse

import (
	"encoding/json"

	"safekeep/shared/problem"
	"safekeep/shared/snowflake"
)

// SnowflakeSettings say which account of Snowflake to sign in to, and as whom.
// There is no host: it is made from the account, so nobody can choose it.
//
// The secret is {"private_key":"<PEM>","passphrase":"<if it has one>"} in any of
// the shapes that package snowflake reads, or {"password":"…"} for those who
// still have one. It is kept as {"private_key":"<PKCS#8 PEM, not encrypted>"},
// the passphrase dropped, or as {"password":"…"}.
type SnowflakeSettings struct {
	// Account is the account identifier, kept in lower case: myorg-myaccount, or
	// a locator with its region, xy12345.eu-central-1.aws; either may end in
	// .privatelink.
	Account string `json:"account"`
	// User is the user's LOGIN_NAME, which is what Snowflake compares a key
	// pair's token with, and need not be its NAME. 1 to 255 characters.
	User string `json:"user"`
	// The rest is where a session begins: names of at most 255 characters, the
	// longest identifier of Snowflake. Left out, the user's defaults hold.
	Role      string `json:"role,omitempty"`
	Warehouse string `json:"warehouse,omitempty"`
	Database  string `json:"database,omitempty"`
	Schema    string `json:"schema,omitempty"`
}

// maxIdentifier is the longest identifier of Snowflake and of Databricks's Unity
// Catalog, in characters.
const maxIdentifier = 255

// passwordEnds is said of every password for Snowflake. Source: "Planning for the
// deprecation of single-factor password sign-ins" in Snowflake's docs, which
// moves service users, account by account, to a type that can have no password.
const passwordEnds = "Snowflake is ending sign-ins by password alone, for service users too; hand over a key pair, or have one made here, before this password stops working."

func (s *SnowflakeSettings) check() (err error) {
	if s.Account, err = checkAccount(s.Account); err != nil {
		return err
	}
	if err := checkName("user", s.User, maxIdentifier, "give the LOGIN_NAME of the user to sign in as"); err != nil {
		return err
	}
	for _, field := range [][2]string{
		{"role", s.Role}, {"warehouse", s.Warehouse}, {"database", s.Database}, {"schema", s.Schema},
	} {
		if err := checkOptional(field[0], field[1], maxIdentifier); err != nil {
			return err
		}
	}
	return nil
}

func (s *SnowflakeSettings) server() string { return "" }

func (s *SnowflakeSettings) secret(raw json.RawMessage, m *Material) error {
	var q struct {
		PrivateKey string `json:"private_key"`
		Passphrase string `json:"passphrase"`
		Password   string `json:"password"`
	}
	if err := decode(raw, maxSecret, &q); err != nil {
		return err
	}
	switch {
	case q.PrivateKey != "" && q.Password != "":
		return problem.Field("password", "stands beside a private_key; hand over one of the two, best the key")
	case q.PrivateKey != "":
		return keepPrivateKey(q.PrivateKey, q.Passphrase, m)
	case q.Passphrase != "":
		return problem.Field("passphrase", "belongs to a private_key, which is missing")
	case q.Password == "":
		return problem.Field("private_key", "is missing; hand over a private key, or a password if there is no key yet")
	}
	if err := checkPassword("password", q.Password); err != nil {
		return err
	}
	m.Warnings = append(m.Warnings, passwordEnds)
	return keep(m, map[string]string{"password": q.Password})
}

// keepPrivateKey puts a pasted key into m. It is kept without its passphrase,
// because the envelope around it is the stronger lock and drivers differ in
// which encrypted keys they can read.
func keepPrivateKey(text, passphrase string, m *Material) error {
	key, err := snowflake.ParsePrivateKey(text, passphrase)
	if err != nil {
		return err
	}
	m.Fingerprint = snowflake.Fingerprint(&key.PublicKey)
	return keep(m, map[string]string{"private_key": string(snowflake.MarshalPrivateKey(key))})
}
