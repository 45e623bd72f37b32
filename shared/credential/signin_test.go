package credential_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/ledger"
	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
)

// loader makes the account and its user, with a key in the first slot.
func (w *world) loader() (*snowflaketest.Account, *rsa.PrivateKey) {
	w.t.Helper()
	key, err := snowflake.GenerateKey(rand.Reader, 2048)
	if err != nil {
		w.t.Fatal(err)
	}
	account := w.double.Account("myorg-myaccount")
	if _, err := account.Exec(`CREATE ROLE LOADER; CREATE USER LOADER DEFAULT_ROLE=LOADER DEFAULT_WAREHOUSE=LOADING PASSWORD='` + password + `' RSA_PUBLIC_KEY='` +
		snowflake.PublicKeyBody(&key.PublicKey) + `'; GRANT ROLE LOADER TO USER LOADER`); err != nil {
		w.t.Fatal(err)
	}
	return account, key
}

func keySecret(key *rsa.PrivateKey) string {
	text, _ := json.Marshal(map[string]string{"private_key": string(snowflake.MarshalPrivateKey(key))})
	return string(text)
}

func snowflakeBody(user, secret string) string {
	return `{"warehouse":"snowflake","name":"main","settings":{"account":"myorg-myaccount","user":"` + user + `"},"secret":` + secret + `}`
}

const acme = "/workspaces/acme/credentials"

// What is stored signs in, and says as whom; what does not is not stored, and says
// why and what to do.
func TestSignsInBeforeStoring(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account, key := w.loader()
	stranger, err := snowflake.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	made := w.need(201, "POST", acme, snowflakeBody("loader", keySecret(key)))
	want := map[string]any{
		"state": "ok", "at": "2026-11-22T12:00:00Z", "version": 1., "user": "LOADER", "role": "LOADER", "warehouse": "LOADING",
		"reason": nil, "explanation": nil, "sql": nil,
	}
	if got := made["connection"].(map[string]any); !maps.Equal(got, want) {
		t.Errorf("the connection is %v", got)
	}
	w.need(201, "POST", acme, snowflakeBody("loader", `{"password":"`+password+`"}`))
	for name, test := range map[string]struct{ user, secret, field, reason string }{
		"another key":      {"loader", keySecret(stranger), "secret.private_key", "key"},
		"another password": {"loader", `{"password":"another password"}`, "secret.password", "password"},
		"another user":     {"nobody", keySecret(key), "secret.private_key", "key"},
	} {
		status, problem := w.call("POST", acme, snowflakeBody(test.user, test.secret))
		if status != 422 || problem["field"] != test.field || problem["reason"] != test.reason || problem["detail"] == "" {
			t.Errorf("%s: %d %v", name, status, problem)
		}
		if sql, _ := problem["sql"].(string); strings.Contains(test.secret, "private_key") && !strings.HasPrefix(sql, "SELECT ") {
			t.Errorf("%s: the SQL is %q", name, sql)
		}
	}
	account.SetPlainRefusals(false)
	if _, problem := w.call("POST", acme, snowflakeBody("loader", keySecret(stranger))); problem["reason"] != "fingerprint" {
		t.Errorf("told as %v", problem)
	}
	w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault { return snowflaketest.Fault{Status: 503} })
	if status, problem := w.call("POST", acme, snowflakeBody("loader", keySecret(key))); status != 503 || !strings.Contains(problem["detail"].(string), "?test=false") {
		t.Errorf("while Snowflake is down: %d %v", status, problem)
	}
	if list := w.need(200, "GET", acme, "")["credentials"].([]any); len(list) != 2 {
		t.Errorf("%d are stored", len(list))
	}
	untested := w.need(201, "POST", acme+"?test=false", snowflakeBody("loader", keySecret(key)))
	if untested["connection"] != nil {
		t.Errorf("untested: %v", untested["connection"])
	}
	if status, problem := w.call("POST", acme+"?test=maybe", snowflakeBody("loader", keySecret(key))); status != 400 || problem["field"] != "test" {
		t.Errorf("?test=maybe: %d %v", status, problem)
	}
	// An update is tried, too, and what does not sign in leaves what was there.
	w.double.SetMisbehave(nil)
	path := acme + "/" + made["id"].(string)
	update := func(secret string) string {
		return `{"name":"main","settings":{"account":"myorg-myaccount","user":"loader"},"secret":` + secret + `}`
	}
	w.need(422, "PUT", path, update(keySecret(stranger)))
	if got := w.need(200, "GET", path, ""); got["version"] != 1. || got["connection"].(map[string]any)["state"] != "ok" {
		t.Errorf("after a refused update: %v", got)
	}
	if got := w.need(200, "PUT", path, update(keySecret(key))); got["version"] != 2. || got["connection"].(map[string]any)["version"] != 2. {
		t.Errorf("after an update: %v", got)
	}
}

// A test at any time keeps what it found, and puts a key in use that waited for
// the customer's SQL.
func TestTestsAtAnyTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account, key := w.loader()
	id := w.need(201, "POST", acme+"?test=false", snowflakeBody("loader", keySecret(key)))["id"].(string)
	path := acme + "/" + id
	if got := w.need(200, "POST", path+"/test", ""); got["ok"] != true || got["user"] != "LOADER" || got["version"] != 1. || got["promoted"] != false {
		t.Errorf("tested as %v", got)
	}
	account.SetNetworkPolicy(true)
	w.now = noon.Add(time.Hour)
	if got := w.need(200, "POST", path+"/test", ""); got["ok"] != false || got["reason"] != "network_policy" || got["explanation"] == nil || got["user"] != nil {
		t.Errorf("tested as %v", got)
	}
	if got := w.need(200, "GET", path, "")["connection"].(map[string]any); got["state"] != "refused" || got["at"] != "2026-11-22T13:00:00Z" {
		t.Errorf("kept as %v", got)
	}
	account.SetNetworkPolicy(false)
	w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault { return snowflaketest.Fault{Status: 503} })
	w.need(503, "POST", path+"/test", "")
	if got := w.need(200, "GET", path, "")["connection"].(map[string]any); got["state"] != "unreachable" {
		t.Errorf("kept as %v", got)
	}
	w.double.SetMisbehave(nil)

	pair := w.need(201, "POST", path+"/keypair", `{}`)
	if got := w.need(200, "POST", path+"/test", ""); got["ok"] != true || got["version"] != 1. || got["promoted"] != false {
		t.Errorf("before the SQL was run: %v", got)
	}
	if _, err := account.Exec(pair["sql"].(string)); err != nil {
		t.Fatal(err)
	}
	if got := w.need(200, "POST", path+"/test", ""); got["ok"] != true || got["version"] != 2. || got["promoted"] != true || got["fingerprint"] != pair["pending"].(map[string]any)["fingerprint"] {
		t.Errorf("after the SQL was run: %v", got)
	}
	got := w.need(200, "GET", path, "")
	if rotation := got["rotation"].(map[string]any); got["version"] != 2. || got["pending"] != nil || rotation["step"] != "retiring" || rotation["retire_at"] != "2026-11-23T13:00:00Z" {
		t.Errorf("in use: %v", got)
	}
	if kinds := w.kinds("acme"); kinds[ledger.CredentialRotated] != 1 {
		t.Errorf("the ledger tells %v", kinds)
	}
	w.need(409, "POST", acme+"/"+w.put("acme")+"/test", "")
}

// A credential that began without a secret becomes ready by its first sign-in.
func TestFirstKeyPairBecomesReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account, _ := w.loader()
	id := w.need(201, "POST", acme, `{"warehouse":"snowflake","name":"main","settings":{"account":"myorg-myaccount","user":"loader"}}`)["id"].(string)
	path := acme + "/" + id
	w.need(409, "POST", path+"/test", "")
	pair := w.need(201, "POST", path+"/keypair", `{}`)
	if got := w.need(200, "POST", path+"/test", ""); got["ok"] != false || got["reason"] != "key" {
		t.Errorf("before the SQL was run: %v", got)
	}
	if _, err := account.Exec(pair["sql"].(string)); err != nil {
		t.Fatal(err)
	}
	w.need(200, "POST", path+"/test", "")
	if got := w.need(200, "GET", path, ""); got["status"] != "ready" || got["version"] != 1. || got["rotation"].(map[string]any)["step"] != "idle" {
		t.Errorf("after the first sign-in: %v", got)
	}
	if kinds := w.kinds("acme"); kinds[ledger.CredentialActivated] != 1 || kinds[ledger.CredentialRotated] != 0 {
		t.Errorf("the ledger tells %v", kinds)
	}
}

// A connector gets a session for a grant, once; the key stays here.
func TestSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account, key := w.loader()
	id := w.need(201, "POST", acme, snowflakeBody("loader", keySecret(key)))["id"].(string)
	given := w.grant("acme", id)
	got := w.need(200, "POST", "/credentials/session", opening(given, "safekeep:credential/"+id))
	session := got["session"].(map[string]any)
	if session["token"] == "" || session["host"] != "myorg-myaccount.snowflakecomputing.com" || session["account"] != "myorg-myaccount" || got["version"] != 1. {
		t.Errorf("a session as %v", got)
	}
	if expires, err := time.Parse(time.RFC3339, session["expires_at"].(string)); err != nil || time.Until(expires) < 59*time.Minute {
		t.Errorf("it expires at %v", session["expires_at"])
	}
	use := got["use"].(map[string]any)
	if keys := slices.Sorted(maps.Keys(use)); !slices.Equal(keys, []string{"go", "node", "python"}) {
		t.Errorf("used as %v", use)
	}
	if text, _ := json.Marshal(got); strings.Contains(string(text), "PRIVATE") || got["secret"] != nil {
		t.Error("the key is handed over")
	}
	w.need(409, "POST", "/credentials/session", opening(given, id))
	w.need(409, "POST", "/credentials/open", opening(given, id)) // the same use
	w.need(401, "POST", "/credentials/session", opening("x.y.z", id))
	postgresID := w.put("acme")
	w.need(404, "POST", "/credentials/session", opening(w.grant("acme", id), postgresID))
	other := w.grant("acme", postgresID)
	w.need(409, "POST", "/credentials/session", opening(other, postgresID))
	w.need(200, "POST", "/credentials/open", opening(other, postgresID)) // the wrong call did not use it up
	if kinds := w.kinds("acme"); kinds[ledger.CredentialSessionOpened] != 1 || kinds[ledger.CredentialOpened] != 1 {
		t.Errorf("the ledger tells %v", kinds)
	}
	// What fails after the ledger was told costs the grant, and says so.
	account.SetNetworkPolicy(true)
	if problem := w.need(422, "POST", "/credentials/session", opening(w.grant("acme", id), id)); problem["reason"] != "network_policy" {
		t.Errorf("refused as %v", problem)
	}
	w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault { return snowflaketest.Fault{Status: 503} })
	if problem := w.need(503, "POST", "/credentials/session", opening(w.grant("acme", id), id)); !strings.Contains(problem["detail"].(string), "used up") {
		t.Errorf("told as %v", problem)
	}
}

// Policies are checked, kept over an update that does not name one, and shown with
// what the stack adds.
func TestRotationPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, key := w.loader()
	withPolicy := func(policy string) string {
		return strings.TrimSuffix(snowflakeBody("loader", keySecret(key)), "}") + `,"rotation":` + policy + `}`
	}
	made := w.need(201, "POST", acme, withPolicy(`{"interval_days":30,"retire_supplied_key":true}`))
	if got := made["rotation"].(map[string]any); got["interval_days"] != 30. || got["overlap_hours"] != 24. || got["retire_supplied_key"] != true ||
		got["due_at"] != "2026-12-22T12:00:00Z" || got["step"] != "idle" || got["state"] != "ok" {
		t.Errorf("shown as %v", got)
	}
	path := acme + "/" + made["id"].(string)
	body := `{"name":"main","settings":{"account":"myorg-myaccount","user":"loader"},"secret":` + keySecret(key) + `}`
	if got := w.need(200, "PUT", path, body)["rotation"].(map[string]any); got["interval_days"] != 30. {
		t.Errorf("after an update: %v", got)
	}
	if got := w.need(200, "PUT", path, strings.TrimSuffix(body, "}")+`,"rotation":{"interval_days":0}}`)["rotation"].(map[string]any); got["interval_days"] != 0. || got["due_at"] != nil {
		t.Errorf("switched off: %v", got)
	}
	for policy, field := range map[string]string{
		`{"interval_days":-1}`: "rotation.interval_days", `{"interval_days":3651}`: "rotation.interval_days",
		`{"overlap_hours":0}`: "rotation.overlap_hours", `{"overlap_hours":721}`: "rotation.overlap_hours",
	} {
		if status, problem := w.call("POST", acme, withPolicy(policy)); status != 422 || problem["field"] != field {
			t.Errorf("%s: %d %v", policy, status, problem)
		}
	}
	if status, _ := w.call("POST", acme, withPolicy(`{"interval":3}`)); status != 400 {
		t.Errorf("an unknown field: %d", status)
	}
	if _, problem := w.call("POST", acme, `{"warehouse":"postgres","name":"main",`+postgres+`,"rotation":{}}`); problem["field"] != "rotation" {
		t.Errorf("of postgres: %v", problem)
	}
}

// What is kept of a sign-in belongs to the credential it was tried of: one that
// has moved on keeps its own.
func TestLateConnectionIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, key := w.loader()
	id := w.need(201, "POST", acme, snowflakeBody("loader", keySecret(key)))["id"].(string)
	before, err := w.store.Get(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	w.need(201, "POST", acme+"/"+id+"/keypair", `{}`)
	if err := w.store.NoteConnection(t.Context(), before, credential.Connection{State: credential.Refused, At: noon}); err != nil {
		t.Fatal(err)
	}
	if got, _ := w.store.Get(t.Context(), "acme", id); got.Connection.State != credential.Connected {
		t.Errorf("kept as %+v", got.Connection)
	}
	if _, err := w.store.Promote(t.Context(), before, credential.Connection{At: noon}, time.Hour, "test"); !errors.Is(err, credential.ErrRaced) {
		t.Errorf("an old state was written: %v", err)
	}
}

// No answer of any call holds a key, a password or a session beyond the one it is
// for.
func TestNothingSecretInProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, key := w.loader()
	answer := httptest.NewRecorder()
	w.routes.ServeHTTP(answer, httptest.NewRequest("POST", acme, strings.NewReader(snowflakeBody("nobody", keySecret(key)))))
	for _, part := range []string{"PRIVATE", string(snowflake.MarshalPrivateKey(key))[40:90]} {
		if strings.Contains(answer.Body.String(), part) {
			t.Errorf("%d: %s", answer.Code, fmt.Sprintf("the answer holds %d bytes of the key", len(part)))
		}
	}
}
