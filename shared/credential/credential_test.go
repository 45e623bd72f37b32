package credential_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/snowflake"
)

func TestLifeOfACredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("acme")
	path := "/workspaces/acme/credentials/" + id
	got := w.need(200, "GET", path, "")
	if got["reference"] != "safekeep:credential/"+id || got["version"] != 1. || got["status"] != "ready" || got["secret"] != nil || got["fingerprint"] != nil {
		t.Errorf("shown as %v", got)
	}
	w.need(404, "GET", "/workspaces/other/credentials/"+id, "")
	if list := w.need(200, "GET", "/workspaces/acme/credentials", ""); len(list["credentials"].([]any)) != 1 || list["cursor"] != nil {
		t.Errorf("listed as %v", list)
	}
	opened := w.need(200, "POST", "/credentials/open", opening(w.grant("acme", id), "safekeep:credential/"+id))
	if secret := opened["secret"].(map[string]any); secret["password"] != password || opened["warehouse"] != "postgres" || opened["version"] != 1. {
		t.Errorf("opened as %v", opened)
	}
	if settings := opened["settings"].(map[string]any); settings["host"] != "db.acme.com" || settings["sslmode"] != "verify-full" {
		t.Errorf("its settings are %v", settings)
	}
	w.need(204, "DELETE", path, "")
	w.need(404, "GET", path, "")
	w.need(404, "DELETE", path, "")
	w.need(404, "POST", "/workspaces/acme/grants", `{"credentials":["`+id+`"],"purpose":"extract","run":"r1"}`)
	if list := w.need(200, "GET", "/workspaces/acme/credentials", ""); len(list["credentials"].([]any)) != 0 {
		t.Errorf("a deleted one is listed: %v", list)
	}
	for kind, n := range map[ledger.Kind]int{ledger.CredentialStored: 1, ledger.CredentialOpened: 1, ledger.GrantIssued: 1, ledger.CredentialDeleted: 1} {
		if w.kinds("acme")[kind] != n {
			t.Errorf("%d entries %s, want %d", w.kinds("acme")[kind], kind, n)
		}
	}
}

// A replaced version can be opened by its number until the grace is over, and
// not after a delete.
func TestVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("acme")
	path := "/workspaces/acme/credentials/" + id
	if _, problem := w.call("PUT", path, `{"name":"main","settings":{"host":"db.acme.com","database":"app","user":"loader"}}`); problem["field"] != "secret" {
		t.Errorf("without the secret: %v", problem)
	}
	for n := 2; n <= 3; n++ {
		body := strings.Replace(`{"name":"renamed",`+postgres+`}`, password, fmt.Sprint(password, n), 1)
		if got := w.need(200, "PUT", path, body); got["version"] != float64(n) || got["name"] != "renamed" {
			t.Errorf("replaced as %v", got)
		}
	}
	open := func(version int) (int, any) {
		body := fmt.Sprintf(`{"grant":%q,"credential":%q,"version":%d}`, w.grant("acme", id), id, version)
		status, fields := w.call("POST", "/credentials/open", body)
		secret, _ := fields["secret"].(map[string]any)
		return status, secret["password"]
	}
	for version, want := range map[int]any{1: password, 2: password + "2", 3: password + "3"} {
		if status, got := open(version); status != 200 || got != want {
			t.Errorf("version %d: %d %v", version, status, got)
		}
	}
	for _, version := range []int{0, -1, 4} {
		if status, _ := open(version); status != 404 {
			t.Errorf("version %d: %d", version, status)
		}
	}
	w.now = noon.Add(24 * time.Hour)
	if status, _ := open(2); status != 404 {
		t.Errorf("after the grace: %d", status)
	}
	w.now = noon
	before := w.grant("acme", id)
	w.need(204, "DELETE", path, "")
	if status, _ := w.call("POST", "/credentials/open", fmt.Sprintf(`{"grant":%q,"credential":%q,"version":2}`, before, id)); status != 404 {
		t.Errorf("a version of a deleted one: %d", status)
	}
}

func TestWhatIsNotAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("acme")
	for _, c := range []struct{ method, path, body, field string }{
		{"POST", "/workspaces/acme/credentials", `{"warehouse":"oracle","name":"x","settings":{},"secret":{}}`, "warehouse"},
		{"POST", "/workspaces/acme/credentials", `{"warehouse":"postgres","name":"",` + postgres + `}`, "name"},
		{"POST", "/workspaces/acme/credentials", `{"warehouse":"postgres","name":"x","settings":{"host":"db.acme.com","database":"app","user":"loader"}}`, "secret"},
		{"POST", "/workspaces/acme/credentials", `{"warehouse":"postgres","name":"x","settings":{"host":"10.0.0.1","database":"app","user":"loader"},"secret":{"password":"` + password + `"}}`, "settings.host"},
		{"POST", "/workspaces/acme/credentials", `{"warehouse":"postgres","name":"x","settings":{"host":"db.acme.com","database":"app","user":"loader","pass":1},"secret":{"password":"` + password + `"}}`, "settings.pass"},
		{"POST", "/workspaces/acme/credentials", `{"warehouse":"postgres","name":"x","settings":{"host":"db.acme.com","database":"app","user":"loader"},"secret":{"pasword":"` + password + `"}}`, "secret.pasword"},
		{"POST", "/workspaces/acme/credentials", `{"warehouse":"snowflake","name":"x","settings":{"account":"https://x.snowflakecomputing.com","user":"L"},"secret":{"password":"` + password + `"}}`, "settings.account"},
		{"POST", "/workspaces/acme/credentials", `{"warehouse":"snowflake","name":"x","settings":{"account":"myorg-myaccount","user":"L"},"secret":{"private_key":"` + password + `"}}`, "secret.private_key"},
		{"POST", "/credentials/validate", `{"warehouse":"postgres","settings":{"host":"localhost","database":"app","user":"loader"},"secret":{"password":"` + password + `"}}`, "settings.host"},
		{"POST", "/workspaces/acme/credentials", `{"secrets":1}`, "secrets"},
		{"PUT", "/workspaces/acme/credentials/" + id, `{"warehouse":"postgres"}`, "warehouse"},
		{"POST", "/workspaces/acme/grants", `{"credentials":[],"purpose":"extract","run":"r"}`, "credentials"},
		{"POST", "/workspaces/acme/grants", `{"credentials":["x"],"purpose":"extract","run":"r"}`, "credentials[0]"},
		{"POST", "/workspaces/acme/grants", `{"credentials":["` + id + `"],"purpose":"steal","run":"r"}`, "purpose"},
		{"POST", "/workspaces/acme/grants", `{"credentials":["` + id + `"],"purpose":"extract","run":""}`, "run"},
		{"POST", "/credentials/open", `{"grant":"x","credential":"` + id + `","key":1}`, "key"},
	} {
		status, fields := w.call(c.method, c.path, c.body)
		text, _ := json.Marshal(fields)
		if status/100 != 4 || fields["field"] != c.field {
			t.Errorf("%s %s %.80s: %d %s, want field %s", c.method, c.path, c.body, status, text, c.field)
		}
		if strings.Contains(string(text), password[:9]) {
			t.Errorf("the answer repeats the secret: %s", text)
		}
	}
	for _, path := range []string{"/workspaces/nobody/credentials", "/workspaces/nobody/grants"} {
		body := `{"warehouse":"postgres","name":"x",` + postgres + `}`
		if strings.HasSuffix(path, "grants") {
			body = `{"credentials":["` + id + `"],"purpose":"extract","run":"r"}`
		}
		w.need(404, "POST", path, body)
	}
	w.need(404, "POST", "/workspaces/other/grants", `{"credentials":["`+id+`"],"purpose":"extract","run":"r"}`)
}

func TestValidateStoresNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.need(200, "POST", "/credentials/validate", `{"warehouse":"postgres",`+postgres+`}`)
	if got["valid"] != true || got["secret"] != nil {
		t.Errorf("validated as %v", got)
	}
	if list := w.need(200, "GET", "/workspaces/acme/credentials", ""); len(list["credentials"].([]any)) != 0 {
		t.Errorf("it was stored: %v", list)
	}
}

// We make the key pair: the customer gets a public key and SQL, and the secret
// that works stays the one that is opened.
func TestKeyPairMadeHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.need(201, "POST", "/workspaces/acme/credentials", `{"warehouse":"snowflake","name":"main","settings":{"account":"myorg-myaccount","user":"loader"}}`)
	path := "/workspaces/acme/credentials/" + made["id"].(string)
	if made["status"] != "pending_setup" || made["version"] != 0. || made["fingerprint"] != nil {
		t.Errorf("without a secret: %v", made)
	}
	for _, version := range []string{"null", "0"} {
		body := fmt.Sprintf(`{"grant":%q,"credential":%q,"version":%s}`, w.grant("acme", made["id"].(string)), made["id"], version)
		if status, _ := w.call("POST", "/credentials/open", body); status != 409 {
			t.Errorf("opened without a secret, version %s: %d", version, status)
		}
	}
	pair := w.need(201, "POST", path+"/keypair", `{}`)
	sql := pair["sql"].(string)
	if !strings.HasPrefix(sql, `ALTER USER "LOADER" SET RSA_PUBLIC_KEY='MII`) || pair["check_sql"] != `DESC USER "LOADER";` || !strings.Contains(pair["public_key"].(string), "BEGIN PUBLIC KEY") {
		t.Errorf("made as %v", pair)
	}
	if text, _ := json.Marshal(pair); strings.Contains(string(text), "PRIVATE") {
		t.Error("the private key is shown")
	}
	pending := w.need(200, "GET", path, "")["pending"].(map[string]any)
	if pending["version"] != 1. || !strings.HasPrefix(pending["fingerprint"].(string), "SHA256:") {
		t.Errorf("pending as %v", pending)
	}
	id := made["id"].(string)
	opened := w.need(200, "POST", "/credentials/open", opening(w.grant("acme", id), id))
	key, err := snowflake.ParsePrivateKey(opened["secret"].(map[string]any)["private_key"].(string), "")
	if err != nil || snowflake.Fingerprint(&key.PublicKey) != pending["fingerprint"] {
		t.Errorf("another key is opened: %v", err)
	}
	// One that has a secret keeps it; the new key is given by its number.
	working := w.need(200, "PUT", path+"?test=false", `{"name":"main","settings":{"account":"myorg-myaccount","user":"loader"},"secret":{"password":"`+password+`"}}`)
	if working["status"] != "ready" || working["pending"] != nil || working["version"] != 2. {
		t.Errorf("with a secret: %v", working)
	}
	w.need(201, "POST", path+"/keypair", `{}`)
	if got := w.need(200, "POST", "/credentials/open", opening(w.grant("acme", id), id)); got["version"] != 2. {
		t.Errorf("the working secret is not the one that is opened: version %v", got["version"])
	}
	if got := w.need(200, "POST", "/credentials/open", fmt.Sprintf(`{"grant":%q,"credential":%q,"version":3}`, w.grant("acme", id), id)); got["version"] != 3. {
		t.Errorf("the pending key by its number: %v", got["version"])
	}
	if _, problem := w.call("POST", path+"/keypair", `{"bits":1024}`); problem["field"] != "bits" {
		t.Errorf("a short key: %v", problem)
	}
	w.need(409, "POST", "/workspaces/acme/credentials/"+w.put("acme")+"/keypair", `{}`)
}

func TestPagesOfCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := map[string]bool{}
	for range 5 {
		made[w.put("acme")] = true
	}
	w.need(200, "PUT", "/workspaces/acme/credentials/"+w.put("acme"), `{"name":"x",`+postgres+`}`) // its old version is no credential
	seen, cursor := 0, ""
	for {
		page := w.need(200, "GET", "/workspaces/acme/credentials?limit=2&cursor="+cursor, "")
		seen += len(page["credentials"].([]any))
		next, more := page["cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if seen != len(made)+1 {
		t.Errorf("%d listed", seen)
	}
	if _, problem := w.call("GET", "/workspaces/acme/credentials?cursor=x", ""); problem["field"] != "cursor" {
		t.Errorf("an odd cursor: %v", problem)
	}
}
