package warehouse_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"testing"

	"safekeep/shared/snowflake"
	"safekeep/shared/warehouse"
)

var bigQuerySettings = object{"project": "acme-analytics", "dataset": "Loads_1", "location": "EU"}

// serviceAccount is a key file with all fields that Google writes.
func serviceAccount() object {
	return object{
		"type":                        "service_account",
		"project_id":                  "acme-analytics",
		"private_key_id":              "0123456789abcdef0123456789abcdef01234567",
		"private_key":                 pkcs8(rsaKey()),
		"client_email":                "loader@acme-analytics.iam.gserviceaccount.com",
		"client_id":                   "123456789012345678901",
		"auth_uri":                    "https://accounts.google.com/o/oauth2/auth",
		"token_uri":                   "https://oauth2.googleapis.com/token",
		"auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
		"client_x509_cert_url":        "https://www.googleapis.com/robot/v1/metadata/x509/loader%40acme-analytics.iam.gserviceaccount.com",
		"universe_domain":             "googleapis.com",
	}
}

func TestBigQuerySettings(t *testing.T) {
	secret := object{"service_account": serviceAccount()}
	settingsRules(t, warehouse.BigQuery, bigQuerySettings, secret, []rule{
		{"project", "other-project", "", "", "other-project"},
		{"project", "example.com:my-project", "", "", "example.com:my-project"},
		{"project", strings.Repeat("a", 30), "", "", strings.Repeat("a", 30)},
		{"project", nil, "settings.project", "is missing", nil},
		{"project", strings.Repeat("a", 31), "settings.project", "must be a project's id", nil},
		{"project", "short", "settings.project", "must be a project's id", nil},
		{"project", "Acme Analytics", "settings.project", "must be a project's id", nil},
		{"project", "123456789012", "settings.project", "must be a project's id", nil},
		{"project", "acme-analytics-", "settings.project", "must be a project's id", nil},
		{"project", "acme_analytics", "settings.project", "must be a project's id", nil},
		{"project", "acme-analytics\n", "settings.project", "must be a project's id", nil},
		{"project", "a/../../acme-analytics", "settings.project", "must be a project's id", nil},
		{"dataset", nil, "", "", nil},
		{"dataset", "acme-analytics.loads", "settings.dataset", "without the project", nil},
		{"dataset", strings.Repeat("d", 1025), "settings.dataset", "1 to 1024", nil},
		{"dataset", "`d`; DROP", "settings.dataset", "1 to 1024", nil},
		{"location", nil, "", "", nil},
		{"location", "us", "", "", "US"},
		{"location", "Europe-West4", "", "", "europe-west4"},
		{"location", "aws-us-east-1", "", "", "aws-us-east-1"},
		{"location", "europe west4", "settings.location", "must be a region", nil},
		{"location", "-", "settings.location", "must be a region", nil},
		{"location", strings.Repeat("x", 200), "settings.location", "must be a region", nil},
	})
}

func TestBigQueryServiceAccount(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := pkcs8(rsaKey())
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey())}))
	public, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	at := "secret.service_account."
	for _, r := range []rule{
		{"type", nil, at + "type", "JSON key file of a service account", nil},
		{"type", "Service_Account", at + "type", "JSON key file", nil},
		{"type", "external_account", at + "type", "external_account is not taken", nil},
		{"type", "external_account_authorized_user", at + "type", "external_account_authorized_user is not taken", nil},
		{"type", "authorized_user", at + "type", "authorized_user is not taken", nil},
		{"type", "impersonated_service_account", at + "type", "impersonated_service_account is not taken", nil},
		{"type", "gdch_service_account", at + "type", "gdch_service_account is not taken", nil},
		{"type", 1, at + "type", "must be a string", nil},

		{"project_id", nil, at + "project_id", "must be a project's id", nil},
		{"project_id", "acme-analytics-2", at + "client_email", "another project", nil},
		{"client_email", nil, at + "client_email", "address of a service account", nil},
		{"client_email", "ann@example.com", at + "client_email", "address of a service account", nil},
		{"client_email", "loader@acme-analytics.iam.gserviceaccount.com.evil.example", at + "client_email", "address of a service account", nil},
		{"client_email", "loader@evil-project.iam.gserviceaccount.com", at + "client_email", "another project", nil},
		{"client_email", "a\nb@acme-analytics.iam.gserviceaccount.com", at + "client_email", "address of a service account", nil},
		{"client_email", "acme-analytics@appspot.gserviceaccount.com", "", "", nil},
		{"client_email", "123456-compute@developer.gserviceaccount.com", "", "", nil},

		{"token_uri", nil, at + "token_uri", "must be https://oauth2.googleapis.com/token", nil},
		{"token_uri", "https://accounts.google.com/o/oauth2/token", at + "token_uri", "older address", nil},
		{"token_uri", "https://oauth2.googleapis.com/token?x", at + "token_uri", "must be", nil},
		{"token_uri", "http://oauth2.googleapis.com/token", at + "token_uri", "must be", nil},
		{"token_uri", "https://oauth2.googleapis.com.evil.example/token", at + "token_uri", "must be", nil},
		{"token_uri", "http://169.254.169.254/latest", at + "token_uri", "must be", nil},
		{"auth_uri", "https://evil.example/auth", at + "auth_uri", "must be https://accounts.google.com", nil},
		{"auth_uri", nil, "", "", nil},
		{"universe_domain", "evil.example", at + "universe_domain", "must be googleapis.com", nil},
		{"universe_domain", nil, "", "", nil},
		{"auth_provider_x509_cert_url", "https://evil.example/", at + "auth_provider_x509_cert_url", "must be", nil},
		{"client_x509_cert_url", "https://evil.example/", at + "client_x509_cert_url", "must begin with", nil},
		{"client_x509_cert_url", "https://www.googleapis.com/robot/v1/metadata/x509/../../x", at + "client_x509_cert_url", "must begin with", nil},
		{"client_x509_cert_url", nil, "", "", nil},
		{"private_key_id", nil, "", "", nil},
		{"private_key_id", "a b", at + "private_key_id", "is not the id", nil},
		{"client_id", "x", at + "client_id", "must be a number", nil},

		{"private_key", nil, at + "private_key", "is missing", nil},
		{"private_key", strings.ReplaceAll(good, "\n", `\n`), "", "", nil},
		{"private_key", strings.ReplaceAll(good, "\n", "\r\n"), "", "", nil},
		{"private_key", "MIIE", at + "private_key", "one PEM block", nil},
		{"private_key", pkcs1, at + "private_key", "BEGIN PRIVATE KEY", nil},
		{"private_key", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), at + "private_key", "BEGIN PRIVATE KEY", nil},
		{"private_key", good + good, at + "private_key", "one PEM block", nil},
		{"private_key", good[:len(good)/2], at + "private_key", "one PEM block", nil},
		{"private_key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("nonsense")})), at + "private_key", "is damaged", nil},
		{"private_key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: make([]byte, 6000)})), at + "private_key", "is longer than", nil},
		{"private_key", pkcs8(other), at + "private_key", "must be an RSA key", nil},
	} {
		account := serviceAccount().with(r.member, r.value)
		m, err := warehouse.Check(t.Context(), world, warehouse.BigQuery, bigQuerySettings.raw(), object{"service_account": account}.raw())
		expect(t, r, nil, err)
		// The file may come as text as well.
		asText, err := warehouse.Check(t.Context(), world, warehouse.BigQuery, bigQuerySettings.raw(), object{"service_account": "\ufeff" + string(account.raw())}.raw())
		expect(t, r, nil, err)
		if string(m.Secret) != string(asText.Secret) {
			t.Errorf("%s %v: as text it is kept otherwise", r.member, r.value)
		}
	}
}

func TestBigQueryDomainScopedProject(t *testing.T) {
	account := serviceAccount().with("project_id", "example.com:reports").with("client_email", "loader@reports.example.com.iam.gserviceaccount.com")
	m, err := warehouse.Check(t.Context(), world, warehouse.BigQuery, bigQuerySettings.with("project", "example.com:reports").raw(), object{"service_account": account}.raw())
	if err != nil || len(m.Warnings) != 0 {
		t.Error(err, m.Warnings)
	}
}

func TestBigQueryKeepsOnlyWhatIsKnown(t *testing.T) {
	account := serviceAccount().with("quota_project_id", "evil").with("service_account_impersonation_url", "https://evil.example/").with("private_key", strings.ReplaceAll(pkcs8(rsaKey()), "\n", `\n`))
	m, err := warehouse.Check(t.Context(), world, warehouse.BigQuery, bigQuerySettings.with("project", "jobs-project").raw(), object{"service_account": account}.raw())
	if err != nil {
		t.Fatal(err)
	}
	var kept map[string]map[string]string
	if err := json.Unmarshal(m.Secret.Reveal(), &kept); err != nil {
		t.Fatal(err)
	}
	want := serviceAccount()
	if !slices.Equal(slices.Sorted(maps.Keys(kept["service_account"])), slices.Sorted(maps.Keys(want))) {
		t.Errorf("kept are %q", slices.Sorted(maps.Keys(kept["service_account"])))
	}
	for name, value := range want {
		if kept["service_account"][name] != value {
			t.Errorf("%s is kept as %q", name, kept["service_account"][name])
		}
	}
	if m.Fingerprint != snowflake.Fingerprint(&rsaKey().PublicKey) {
		t.Errorf("the fingerprint is %q", m.Fingerprint)
	}
	if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "another project") {
		t.Errorf("the warnings are %q", m.Warnings)
	}
}

func TestBigQueryOtherFiles(t *testing.T) {
	for file, field := range map[string]string{
		`{"service_account":null}`:   "secret.service_account",
		`{}`:                         "secret.service_account",
		`{"service_account":""}`:     "secret.service_account",
		`{"service_account":"{"}`:    "secret.service_account",
		`{"service_account":7}`:      "secret.service_account",
		`{"service_account":[]}`:     "secret.service_account",
		`{"service_account":"null"}`: "secret.service_account.type",
		`{"service_account":{}}`:     "secret.service_account.type",
		`{"service_account":{"installed":{"client_secret":"x"}}}`:                  "secret.service_account.type",
		`{"type":"service_account","project_id":"x","private_key":"x"}`:            "secret.type", // the file itself, not under its name
		`{"service_account":"{\"type\":\"service_account\"} {\"a\":1}"}`:           "secret.service_account",
		`{"service_account":{"type":{"private_key":"x"}}}`:                         "secret.service_account.type",
		`{"service_account":{"type":"external_account","TYPE":"authorized_user"}}`: "secret.service_account.type",
	} {
		_, err := warehouse.Check(t.Context(), world, warehouse.BigQuery, bigQuerySettings.raw(), json.RawMessage(file))
		if p := refused(t, err); p.Field != field {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestBigQueryShortKey(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	account := serviceAccount().with("private_key", pkcs8(short))
	_, err = warehouse.Check(t.Context(), world, warehouse.BigQuery, bigQuerySettings.raw(), object{"service_account": account}.raw())
	if p := refused(t, err); p.Field != "secret.service_account.private_key" || !strings.Contains(p.Detail, "2048 bits") {
		t.Error(err)
	}
}

func TestBigQueryOddKeys(t *testing.T) {
	for _, c := range []struct {
		primes, bits int
		says         string
	}{{3, 2048, "two primes"}} {
		key, err := rsa.GenerateMultiPrimeKey(rand.Reader, c.primes, c.bits) //nolint:staticcheck // deprecated, and the reason of this test
		if err != nil {
			t.Fatal(err)
		}
		account := serviceAccount().with("private_key", pkcs8(key))
		_, err = warehouse.Check(t.Context(), world, warehouse.BigQuery, bigQuerySettings.raw(), object{"service_account": account}.raw())
		if p := refused(t, err); p.Field != "secret.service_account.private_key" || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%d primes: %v", c.primes, err)
		}
	}
}
