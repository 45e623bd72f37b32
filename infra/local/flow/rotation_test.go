package flow_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"safekeep/infra/local"
	"safekeep/infra/local/faults"
	"safekeep/shared/snowflake"
)

// loader makes a user of the account that may alter itself, with a key, and stores
// the credential, which signs in first.
func (w *world) loader(workspace, user, key string) string {
	w.t.Helper()
	private, err := snowflake.ParsePrivateKey(key, "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.admin(fmt.Sprintf(`CREATE ROLE %[1]s; CREATE USER %[1]s DEFAULT_ROLE=%[1]s TYPE=SERVICE; GRANT ROLE %[1]s TO USER %[1]s; GRANT OWNERSHIP ON USER %[1]s TO ROLE %[1]s; %[2]s`,
		user, snowflake.SetPublicKey(user, snowflake.Slot1, &private.PublicKey)))
	text, _ := json.Marshal(key)
	made := w.call("POST", "/workspaces/"+workspace+"/credentials", `{"warehouse":"snowflake","name":"`+user+
		`","settings":{"account":"myorg-myaccount","user":"`+user+`"},"secret":{"private_key":`+string(text)+`},"rotation":{"retire_supplied_key":true}}`, 201)
	if made["connection"].(map[string]any)["user"] != user {
		w.t.Errorf("signed in as %v", made["connection"])
	}
	return made["id"].(string)
}

// admin runs SQL as the customer's admin does.
func (w *world) admin(sql string) map[string]any {
	w.t.Helper()
	return w.call("POST", "/local/snowflake", sql, 200)
}

// fire fires a schedule as of a time, which must go well.
func (w *world) fire(name string, at time.Time) {
	w.t.Helper()
	result, err := w.Fire(w.t.Context(), name, at)
	if err != nil || result.Failed {
		w.t.Fatalf("firing %s: %v %s", name, err, result.Payload)
	}
}

// rotations is what the ledger tells of a credential, oldest first, without opens.
func (w *world) rotations(workspace, id string) []string {
	w.t.Helper()
	var kinds []string
	for _, e := range w.call("GET", "/workspaces/"+workspace+"/ledger?limit=200", "", 200)["entries"].([]any) {
		entry := e.(map[string]any)
		kind := strings.TrimPrefix(entry["kind"].(string), "credential.")
		if entry["subject"] == id && kind != "opened" && kind != "session_opened" && kind != "stored" {
			kinds = append(kinds, kind)
		}
	}
	slices.Reverse(kinds)
	return kinds
}

func (w *world) rotation(workspace, id string) map[string]any {
	w.t.Helper()
	return w.call("GET", "/workspaces/"+workspace+"/credentials/"+id, "", 200)["rotation"].(map[string]any)
}

// The story of README, by the binaries as they ship: a key is rotated when it is
// due, what we may not do is mailed as SQL, and once that was run it goes on.
func TestRotationStory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann")
	key := keyFile(t)
	id := w.loader("acme", "LOADER", key)
	w.admin("REVOKE OWNERSHIP ON USER LOADER FROM ROLE LOADER")
	due := time.Now().UTC().Add(90*24*time.Hour + time.Hour)
	w.fire("rotate", due)
	if got := w.rotation("acme", id); got["state"] != "blocked" || got["reason"] != "no_privilege" || got["step"] != "placing" {
		t.Fatalf("it stands at %v", got)
	}
	w.settle()
	mails := w.Outbox.Mails()
	if len(mails) != 1 || !strings.Contains(mails[0].Subject, "LOADER") {
		t.Fatalf("%d mails: %+v", len(mails), mails)
	}
	sql := w.rotation("acme", id)["sql"].([]any)[0].(string)
	if !strings.Contains(mails[0].Text, "   "+sql+"\n") {
		t.Errorf("the mail has not the SQL:\n%s", mails[0].Text)
	}
	session := w.call("POST", "/credentials/session", opening(w.grantFor("acme", id), id), 200)["session"].(map[string]any)["token"].(string)
	w.admin(sql)
	w.fire("rotate", due.Add(24*time.Hour))
	w.settle()
	if got := w.rotation("acme", id); got["state"] != "ok" || got["step"] != "retiring" {
		t.Errorf("it stands at %v", got)
	}
	if mails := w.Outbox.Mails(); len(mails) != 2 || !strings.Contains(mails[0].Subject, "has been rotated") {
		t.Errorf("%d mails, the last %q", len(mails), mails[0].Subject)
	}
	opened := w.call("POST", "/credentials/open", opening(w.grantFor("acme", id), id), 200)
	next := opened["secret"].(map[string]any)["private_key"].(string)
	if opened["version"] != 2. || fingerprint(t, next) == fingerprint(t, key) {
		t.Errorf("version %v is opened", opened["version"])
	}
	w.admin("GRANT OWNERSHIP ON USER LOADER TO ROLE LOADER")
	w.fire("rotate", due.Add(49*time.Hour))
	w.settle()
	if got, want := w.rotations("acme", id), []string{"rotation_started", "rotation_blocked", "rotated", "key_retired"}; !slices.Equal(got, want) {
		t.Errorf("the ledger tells %v", got)
	}
	if keys := w.Snowflake.Account("myorg-myaccount").Keys("LOADER"); keys.Slot1 != "" || keys.Slot2 != fingerprint(t, next) {
		t.Errorf("Snowflake has %+v", keys)
	}
	if len(w.Outbox.Mails()) != 2 {
		t.Errorf("%d mails", len(w.Outbox.Mails()))
	}
	w.assertSealed(key, next, session)
}

// A connector is given a session with which a query runs, and no key.
func TestSessionRunsAQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann")
	id := w.loader("acme", "LOADER", keyFile(t))
	status, body := w.send("POST", "/credentials/session", "application/json", opening(w.grantFor("acme", id), id))
	var got struct {
		Session struct{ Token string }
	}
	if err := json.Unmarshal(body, &got); err != nil || status != 200 || strings.Contains(string(body), "PRIVATE") {
		t.Fatalf("%d: %v", status, err)
	}
	server := httptest.NewServer(w.Snowflake)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/myorg-myaccount/queries/v1/query-request?requestId=1",
		strings.NewReader(`{"sqlText":"SELECT CURRENT_USER()"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", `Snowflake Token="`+got.Session.Token+`"`)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var reply struct {
		Success bool
		Data    struct{ Rowset [][]string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&reply); err != nil || !reply.Success || reply.Data.Rowset[0][0] != "LOADER" {
		t.Errorf("%v %+v", err, reply)
	}
	w.assertSealed(got.Session.Token)
}

// The process is killed before and after every single call that a rotation makes,
// each time at another credential. At once after that the key that is given out
// signs in. When the dead ones' leases are over, one run ends them all.
func TestRotationKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	key := keyFile(t)
	ids := map[string]string{}
	for name, action := range map[string]faults.Action{"BEFORE": faults.KillBefore, "AFTER": faults.KillAfter} {
		calls := 0
		for n := 1; ; n++ {
			// Each in a workspace of that name, so that a page of the ledger shows all.
			user := fmt.Sprintf("%s_%d", name, n)
			w.workspace(user, "")
			id := w.loader(user, user, key)
			ids[user] = id
			rule, used := once("credentials", n, action)
			w.Faults.Set(rule)
			w.send("POST", "/workspaces/"+user+"/credentials/"+id+"/rotate", "application/json", "")
			w.Faults.Set(nil)
			w.call("POST", "/credentials/session", opening(w.grantFor(user, id), id), 200)
			if used.Load() == nil {
				break
			}
			calls = n
		}
		if calls < 15 {
			t.Errorf("killed at %d calls only", calls)
		}
		t.Logf("killed %s each of %d calls", name, calls)
	}
	time.Sleep(76 * time.Second) // rotation's leaseTime, by the wall clock
	w.Kill("rotate")
	for _, hours := range []time.Duration{0, 25} {
		w.fire("rotate", time.Now().UTC().Add(hours*time.Hour))
	}
	for user, id := range ids {
		got := w.rotations(user, id)
		if len(got) == 0 { // killed before anything was stored: there is no rotation, and nothing is due
			if keys := w.Snowflake.Account("myorg-myaccount").Keys(user); keys.Slot1 != fingerprint(t, key) || keys.Slot2 != "" {
				t.Errorf("%s: not begun, and Snowflake has %+v", user, keys)
			}
			continue
		}
		if want := []string{"rotation_started", "key_placed", "rotated", "key_retired"}; !slices.Equal(got, want) && !slices.Equal(got, slices.Delete(slices.Clone(want), 1, 2)) {
			t.Errorf("%s: the ledger tells %v", user, got)
		}
		opened := w.call("POST", "/credentials/open", opening(w.grantFor(user, id), id), 200)
		next := fingerprint(t, opened["secret"].(map[string]any)["private_key"].(string))
		if keys := w.Snowflake.Account("myorg-myaccount").Keys(user); keys.Slot1 != "" || keys.Slot2 != next || opened["version"] != 2. {
			t.Errorf("%s: version %v, and Snowflake has %+v", user, opened["version"], keys)
		}
		w.call("POST", "/credentials/session", opening(w.grantFor(user, id), id), 200)
	}
}
