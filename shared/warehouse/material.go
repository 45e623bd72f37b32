// Package warehouse knows what a customer hands over so that a connector can
// sign in to a data warehouse: settings, which may be seen, and a secret, which
// may not.
//
// Each warehouse has its own settings and its own rules, in a file of its own.
// Check takes the two as they came and returns them in one normal form, so that
// nothing is stored, and later handed to a connector, that was not understood
// here. A value that breaks a rule is refused with what to do about it and is
// never mended by a guess.
package warehouse

import (
	"context"
	"encoding/json"

	"safekeep/shared/problem"
)

// Kind is a sort of data warehouse.
type Kind string

// The warehouses that there are rules for.
const (
	Snowflake  Kind = "snowflake"
	BigQuery   Kind = "bigquery"
	Redshift   Kind = "redshift"
	Postgres   Kind = "postgres"
	Databricks Kind = "databricks"
)

// The longest settings and secret in bytes, as JSON. The longest honest ones are
// a Postgres connection with its own root certificates, some 6 KB, and an
// encrypted 4096-bit key or a service account's key file, under 4 KB.
const (
	maxSettings = 8 << 10
	maxSecret   = 16 << 10
)

// Material is what was handed over, checked and in normal form.
type Material struct {
	Kind Kind
	// Settings is a JSON object of the kind's settings struct, defaults filled
	// in. Nothing in it is secret.
	Settings json.RawMessage
	// Secret is a JSON object whose shape the kind's settings struct describes.
	// It is empty when only settings were checked.
	Secret Secret
	// Fingerprint is "SHA256:" and the standard base64 of the SHA-256 of the
	// public key that belongs to the secret, or "" when that holds no key.
	Fingerprint string
	// Warnings are sentences about what is taken but will make trouble. They
	// hold nothing secret.
	Warnings []string
}

// settings is what each kind's settings struct can do. Problems of all of these
// name the field within the settings or the secret, without that word.
type settings interface {
	// check returns the first broken rule, and brings the values to normal form.
	check() error
	// server is the host whose addresses the customer chooses, or "" where the
	// name alone proves that the vendor does.
	server() string
	// secret checks a secret that belongs to these settings and puts it into m.
	secret(raw json.RawMessage, m *Material) error
}

// blank returns a kind's settings with their defaults, or nil for no such kind.
func blank(kind Kind) settings {
	switch kind {
	case Snowflake:
		return &SnowflakeSettings{}
	case BigQuery:
		return &BigQuerySettings{}
	case Redshift:
		return &RedshiftSettings{Port: 5439, SSLMode: verifyFull}
	case Postgres:
		return &PostgresSettings{Port: 5432, SSLMode: verifyFull}
	case Databricks:
		return &DatabricksSettings{Port: 443}
	}
	return nil
}

// Check returns settings and secret in normal form. What cannot be read is a
// problem of kind Unreadable, what breaks a rule one of kind Unacceptable, each
// naming its field ("settings.account", "secret.password", "warehouse"). A host
// whose addresses the customer may choose is looked up with look, which gets 2 s;
// when that gives no answer, the problem is of kind Unavailable. No problem repeats a value of the
// secret.
func Check(ctx context.Context, look Resolver, kind Kind, settings, secret json.RawMessage) (Material, error) {
	s, m, err := form(kind, settings)
	if err != nil {
		return Material{}, err
	}
	if err := s.secret(secret, &m); err != nil {
		return Material{}, within("secret", err)
	}
	// Last, so that nobody makes us look up names with a request that is
	// refused anyhow.
	return m.reach(ctx, look, s.server())
}

// CheckSettings is Check for settings whose secret is still to be made, such as
// a key pair that we generate. The material has no secret.
func CheckSettings(ctx context.Context, look Resolver, kind Kind, settings json.RawMessage) (Material, error) {
	s, m, err := form(kind, settings)
	if err != nil {
		return Material{}, err
	}
	return m.reach(ctx, look, s.server())
}

// form checks all that can be said of settings without asking anybody.
func form(kind Kind, raw json.RawMessage) (settings, Material, error) {
	s := blank(kind)
	if s == nil {
		return nil, Material{}, problem.Field("warehouse", "must be snowflake, bigquery, redshift, postgres or databricks")
	}
	if err := decode(raw, maxSettings, s); err != nil {
		return nil, Material{}, within("settings", err)
	}
	if err := s.check(); err != nil {
		return nil, Material{}, within("settings", err)
	}
	normal, err := json.Marshal(s)
	if len(normal) > maxSettings { // PEM can grow when its lines are set anew
		return nil, Material{}, within("settings", tooLong(maxSettings))
	}
	return s, Material{Kind: kind, Settings: normal}, err
}

// reach returns the material if its host may be connected to.
func (m Material) reach(ctx context.Context, look Resolver, host string) (Material, error) {
	warning, err := reachable(ctx, look, host)
	if err != nil {
		return Material{}, within("settings", err)
	}
	if warning != "" {
		m.Warnings = append(m.Warnings, warning)
	}
	return m, nil
}
