package warehouse_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
)

// ours is all that we say ourselves: what stands in our source, or is put together
// from it when nothing secret is there, is no echo.
var ours = sync.OnceValue(func() string {
	var all strings.Builder
	for _, room := range []string{".", "../snowflake", "../web", "../identity"} {
		files, _ := filepath.Glob(room + "/*.go")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				panic(err)
			}
			all.Write(text)
		}
	}
	say := func(kind warehouse.Kind, settings, secret string) {
		_, err := warehouse.Check(context.Background(), anywhere{}, kind, json.RawMessage(settings), json.RawMessage(secret))
		if p, ok := problem.Of(err); ok {
			all.WriteString(p.Field + "\n" + p.Detail + "\n")
		}
	}
	for kind, e := range examples() {
		for _, empty := range []string{``, `[]`, `{"x":1}`, `{"x1":1}`} {
			say(kind, empty, string(e[1].raw()))
			say(kind, string(e[0].raw()), empty)
		}
	}
	for member := range serviceAccount() {
		for _, value := range []any{"-", 1, "external_account", "authorized_user", "impersonated_service_account"} {
			say(warehouse.BigQuery, string(bigQuerySettings.raw()), string(object{"service_account": serviceAccount().with(member, value)}.raw()))
		}
	}
	return all.String()
})

// mend is where a setting is repeated on purpose.
var mend = regexp.MustCompile(`give ".*"`)

// echoed returns a piece of 8 bytes that an error has from the secret and from
// nowhere else, or "". Not meant is the name of an unknown field that looks like
// the name of one.
func echoed(err error, settings, secret string) string {
	p, _ := problem.Of(err)
	texts := []string{mend.ReplaceAllString(p.Detail, "")}
	_, name, _ := strings.Cut(p.Field, ".")
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		texts = append(texts, name)
	}
	for _, text := range texts {
		for i := 0; i+8 <= len(text); i++ {
			piece := text[i : i+8]
			if strings.Contains(secret, piece) && !strings.Contains(settings, piece) && !strings.Contains(ours(), piece) {
				return piece
			}
		}
	}
	return ""
}

// canary stands for the secret part of a value; nothing of ours is like it.
const canary = "Qz7Xv9Kw3Jy5Gh1Pn8Rt2Lm4"

// wrong are ways in which a secret value can be wrong, or right.
func wrong() []any {
	key := pkcs8(rsaKey())
	return []any{
		canary, canary + "\n", " " + canary, "a\x00" + canary, canary + "\ufffd", strings.Repeat(canary, 60), "dapi" + canary,
		[]string{canary}, object{canary: canary}, object{"type": canary}, `{"type":"` + canary + `"}`, "{" + canary,
		"-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----\n",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + canary + "\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"-----BEGIN " + canary + "-----\n" + canary + "\n-----END " + canary + "-----\n",
		"https://" + canary + ".googleapis.com/token", canary + "@acme-analytics.iam.gserviceaccount.com",
		strings.Replace(key, "A", canary, 1), key[:400] + canary + key[400:], canary + key, key + canary,
		key, key[:800], 1234567890123456789, nil, true,
	}
}

// secretFields and fileFields are the names of all fields of secrets.
var (
	secretFields = []string{"private_key", "passphrase", "password", "service_account", "client_secret", canary, "Password"}
	fileFields   = []string{
		"type", "project_id", "private_key_id", "private_key", "client_email", "client_id", "auth_uri", "token_uri",
		"auth_provider_x509_cert_url", "client_x509_cert_url", "universe_domain",
	}
)

// noEcho checks a secret, and that nothing of it is in what is said of it. It
// says whether there was a problem.
func noEcho(t *testing.T, kind warehouse.Kind, raw []byte) bool {
	t.Helper()
	settings := examples()[kind][0].raw()
	m, err := warehouse.Check(t.Context(), world, kind, settings, raw)
	if err == nil {
		// A warning is one of our sentences and nothing else.
		for _, warning := range m.Warnings {
			if !strings.Contains(ours(), warning) {
				t.Errorf("a warning says %q", warning)
			}
		}
		return false
	}
	if piece := echoed(err, string(settings), string(raw)); piece != "" {
		t.Errorf("%s: an error repeats %q: %s", kind, piece, err)
	}
	return true
}

func TestNoErrorEchoesTheSecret(t *testing.T) {
	refused := 0
	for kind, e := range examples() {
		var secrets []object
		for _, value := range wrong() {
			for _, field := range secretFields {
				secrets = append(secrets, e[1].with(field, value), object{field: value})
			}
			if kind == warehouse.BigQuery {
				for _, field := range fileFields {
					secrets = append(secrets, object{"service_account": serviceAccount().with(field, value)})
				}
			}
		}
		for _, other := range examples() { // a good secret, but another kind's
			secrets = append(secrets, other[1])
		}
		for _, secret := range secrets {
			if noEcho(t, kind, secret.raw()) {
				refused++
			}
		}
	}
	if refused < 1000 {
		t.Errorf("only %d were refused", refused)
	}
}

// The same of several fields at once, and of bodies that were cut.
func TestNoErrorEchoesAMessyLot(t *testing.T) {
	kinds := slices.Sorted(maps.Keys(examples()))
	rapid.Check(t, func(r *rapid.T) {
		secret, file := object{}, serviceAccount()
		for range rapid.IntRange(0, 2).Draw(r, "changes to the file") {
			file[rapid.SampledFrom(fileFields).Draw(r, "field")] = rapid.SampledFrom(wrong()).Draw(r, "value")
		}
		for range rapid.IntRange(1, 4).Draw(r, "fields") {
			secret[rapid.SampledFrom(secretFields).Draw(r, "field")] = rapid.SampledFrom(append(wrong(), file)).Draw(r, "value")
		}
		raw := []byte(secret.raw())
		if rapid.Bool().Draw(r, "cut") {
			raw = raw[:rapid.IntRange(0, len(raw)).Draw(r, "at")]
		}
		noEcho(t, rapid.SampledFrom(kinds).Draw(r, "kind"), raw)
	})
}

// What a customer pastes into a setting can be a secret too; only what has the
// shape of an account or a vendor's host comes back.
func TestPastedAddressDoesNotEchoItsPassword(t *testing.T) {
	const password = "hunter2!correct-horse"
	for kind, member := range map[warehouse.Kind]string{
		warehouse.Snowflake: "account", warehouse.Redshift: "host", warehouse.Postgres: "host", warehouse.Databricks: "host",
	} {
		e := examples()[kind]
		for _, address := range []string{
			"https://u:" + password + "@myorg-myaccount.snowflakecomputing.com/",
			"https://u:" + password + "@dbc-1.cloud.databricks.com/",
			"https://dbc-1.cloud.databricks.com/?token=" + password,
			"postgres://u:" + password + "@db.example.com/x",
			"jdbc:redshift://main.abc.eu-west-1.redshift.amazonaws.com:5439/dev?password=" + password,
			password,
		} {
			_, err := warehouse.Check(t.Context(), world, kind, e[0].with(member, address).raw(), e[1].raw())
			if err == nil {
				t.Errorf("%s takes %q", kind, address)
			} else if strings.Contains(err.Error(), password[:8]) || strings.Contains(err.Error(), password[8:16]) {
				t.Errorf("%s: the password is repeated: %v", kind, err)
			}
		}
	}
}

// The secret in clear stands in one place of the material only.
func TestSecretStandsNowhereElse(t *testing.T) {
	for kind, e := range examples() {
		m, err := warehouse.Check(t.Context(), world, kind, e[0].raw(), e[1].raw())
		if err != nil {
			t.Fatal(err)
		}
		printed, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{"correct horse", "doseQRSTUVWXYZ", pkcs8(rsaKey())[200:300]} {
			if strings.Contains(string(printed), value[:8]) {
				t.Errorf("%s: %q stands in %s", kind, value[:8], printed)
			}
		}
	}
}
