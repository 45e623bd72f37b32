package warehouse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
)

// examples are the good settings and secret of each kind.
func examples() map[warehouse.Kind][2]object {
	return map[warehouse.Kind][2]object{
		warehouse.Snowflake:  {snowflakeSettings, {"private_key": pkcs8(rsaKey())}},
		warehouse.BigQuery:   {bigQuerySettings, {"service_account": serviceAccount()}},
		warehouse.Redshift:   {redshiftSettings, {"password": "correct horse"}},
		warehouse.Postgres:   {postgresSettings, {"password": "correct horse"}},
		warehouse.Databricks: {databricksSettings, {"client_secret": "doseQRSTUVWXYZ"}},
	}
}

func TestNormalFormIsStable(t *testing.T) {
	for kind, e := range examples() {
		m, err := warehouse.Check(t.Context(), world, kind, e[0].raw(), e[1].raw())
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		again, err := warehouse.Check(t.Context(), world, kind, m.Settings, m.Secret.Reveal())
		if err != nil || !bytes.Equal(again.Settings, m.Settings) || !bytes.Equal(again.Secret, m.Secret) || again.Fingerprint != m.Fingerprint {
			t.Errorf("%s checked again: %v\n%s\n%s", kind, err, m.Settings, again.Settings)
		}
		only, err := warehouse.CheckSettings(t.Context(), world, kind, e[0].raw())
		if err != nil || !bytes.Equal(only.Settings, m.Settings) || len(only.Secret) != 0 || only.Kind != kind {
			t.Errorf("%s without secret: %v, %s", kind, err, only.Settings)
		}
		if want := kind == warehouse.Snowflake || kind == warehouse.BigQuery; strings.HasPrefix(m.Fingerprint, "SHA256:") != want {
			t.Errorf("%s has the fingerprint %q", kind, m.Fingerprint)
		}
	}
}

func TestUnreadable(t *testing.T) {
	for kind, e := range examples() {
		settings, secret := e[0].raw(), e[1].raw()
		for _, c := range []struct {
			settings, secret string
			kind             problem.Kind
			field, says      string
		}{
			{string(e[0].with("nope", 1).raw()), string(secret), problem.Unreadable, "settings.nope", "is not known here; give "},
			{string(e[0].with("HOST2", 1).raw()), string(secret), problem.Unreadable, "settings", "has a field that is not known here"},
			{string(settings), string(e[1].with("nope", 1).raw()), problem.Unreadable, "secret.nope", "is not known here; give "},
			{string(settings), string(e[1].with("hunter2hunter2", 1).raw()), problem.Unreadable, "secret", "has a field that is not known here"},
			{string(settings), string(e[1].with("PASSWORD", "x").raw()), problem.Unreadable, "secret.PASSWORD", ""},
			{``, string(secret), problem.Unacceptable, "settings", "is missing; it takes "},
			{` null `, string(secret), problem.Unacceptable, "settings", "is missing"},
			{string(settings), ``, problem.Unacceptable, "secret", "is missing; it takes "},
			{string(settings), `null`, problem.Unacceptable, "secret", "is missing"},
			{`[]`, string(secret), problem.Unreadable, "settings", "must be one JSON object"},
			{`"x"`, string(secret), problem.Unreadable, "settings", "must be one JSON object"},
			{string(settings) + `{}`, string(secret), problem.Unreadable, "settings", "must be one JSON object"},
			{string(settings), `[1]`, problem.Unreadable, "secret", "must be one JSON object"},
			{string(settings), `{"`, problem.Unreadable, "secret", "must be one JSON object"},
			{string(settings), `{"password":"` + "\xff" + `"}`, problem.Unreadable, "secret", "is not UTF-8"},
			{strings.Repeat(" ", 8<<10) + string(settings), string(secret), problem.Unacceptable, "settings", "is longer than 8 KB"},
			{string(settings), strings.Repeat(" ", 16<<10) + string(secret), problem.Unacceptable, "secret", "is longer than 16 KB"},
			{string(settings), strings.Repeat("[", 16<<10), problem.Unreadable, "secret", "must be one JSON object"},
		} {
			_, err := warehouse.Check(t.Context(), world, kind, json.RawMessage(c.settings), json.RawMessage(c.secret))
			if p := refused(t, err); p.Kind != c.kind || p.Field != c.field || !strings.Contains(p.Detail, c.says) {
				t.Errorf("%s: %.60s %.60s: %+v", kind, c.settings, c.secret, p)
			}
		}
	}
	for _, kind := range []warehouse.Kind{"", "Snowflake", "oracle", "snowflake "} {
		_, err := warehouse.Check(t.Context(), world, kind, nil, nil)
		if p := refused(t, err); p.Kind != problem.Unacceptable || p.Field != "warehouse" ||
			p.Detail != "must be snowflake, bigquery, redshift, postgres or databricks" {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

func TestPasswords(t *testing.T) {
	for kind, settings := range map[warehouse.Kind]object{
		warehouse.Snowflake: snowflakeSettings, warehouse.Redshift: redshiftSettings, warehouse.Postgres: postgresSettings,
	} {
		secretRules(t, kind, settings, object{}, []rule{
			{"password", "p", "", "", "p"},
			{"password", `a "b" <&> ' \ ü 🔑 c`, "", "", `a "b" <&> ' \ ü 🔑 c`},
			{"password", strings.Repeat("x", 1024), "", "", strings.Repeat("x", 1024)},
			{"password", strings.Repeat("x", 1025), "secret.password", "is longer than 1024 bytes", nil},
			{"password", "a\x00b", "secret.password", "control character", nil},
			{"password", "a\nb", "secret.password", "control character", nil},
			{"password", " ab", "secret.password", "pasted along", nil},
			{"password", "ab\r\n", "secret.password", "pasted along", nil},
			{"password", "ab\t", "secret.password", "pasted along", nil},
			{"password", "ab\u00a0", "secret.password", "pasted along", nil},
			{"password", "\ufeffab", "secret.password", "pasted along", nil},
			{"password", "ab\u200b", "secret.password", "pasted along", nil},
			{"password", "   ", "secret.password", "pasted along", nil},
			{"password", "a\ufffdb", "secret.password", "damaged on the way", nil},
			{"password", 12345678, "secret.password", "should be a string", nil},
			{"password", []int{1}, "secret.password", "should be a string", nil},
		})
	}
	for kind, settings := range map[warehouse.Kind]object{warehouse.Redshift: redshiftSettings, warehouse.Postgres: postgresSettings} {
		secretRules(t, kind, settings, object{}, []rule{
			{"password", "", "secret.password", "is missing", nil},
			{"password", nil, "secret.password", "is missing", nil},
		})
	}
	// A lone half of a pair of surrogates is damage too, before it is a character.
	_, err := warehouse.Check(t.Context(), world, warehouse.Postgres, postgresSettings.raw(), json.RawMessage(`{"password":"a\ud800b"}`))
	if p := refused(t, err); p.Field != "secret.password" {
		t.Error(err)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = `{"password":"hunter2-hunter2"}`
	secret := warehouse.Secret(text)
	m := warehouse.Material{Kind: warehouse.Postgres, Settings: json.RawMessage(`{}`), Secret: secret}
	var out strings.Builder
	// Without %p, which go vet does not allow of these: fmt asks no method for it.
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "% x", "%08b", "%c", "%U", "%o", "%20s"} {
		for _, v := range []any{secret, &secret, m, &m, []warehouse.Secret{secret}, map[string]warehouse.Secret{"a": secret}, struct{ S any }{secret}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	fmt.Fprintln(&out, secret, &secret, m)
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(handler).Info("x", "secret", secret, "pointer", &secret, "material", m, "list", []any{secret})
	}
	encoded, err := json.Marshal([]any{secret, &secret, m, map[string]any{"s": secret}})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	out.WriteString(secret.String() + secret.GoString())
	plain, err := secret.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	out.Write(plain)
	// In clear, in hexadecimal, as numbers, in base64.
	for _, leak := range []string{"hunter2", "68756e746572", "68 75 6e", "104 117 110", "aHVudGVy", "h u n", "U+0068", "01101000", "150 165"} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(leak)) {
			t.Errorf("%q is printed", leak)
		}
	}
	if !strings.Contains(out.String(), "(secret)") || string(secret.Reveal()) != text {
		t.Error("there is no mask, or nothing behind it")
	}
	clear(secret.Reveal())
	if strings.Contains(string(secret), "hunter2") {
		t.Error("clearing what Reveal returns leaves the secret")
	}
}
