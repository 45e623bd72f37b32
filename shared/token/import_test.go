package token_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"safekeep/shared/token"
)

func (a *api) importLines(body string) (int, string) {
	w := httptest.NewRecorder()
	a.routes.ServeHTTP(w, httptest.NewRequest("POST", "/workspaces/acme/tokens:import", strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func line(text, more string) string {
	return `{"sha256":"` + string(token.HashOf(text)) + `","name":"old key","created_by":"long-gone","created_at":"2020-01-01T00:00:00Z"` + more + "}\n"
}

func TestImport(t *testing.T) {
	a := newAPI(t)
	body := line("first", `,"last_used_on":"2026-11-01","scopes":["read"]`) + "\n" + line("second", "")
	status, answer := a.importLines(body)
	if status != 200 || strings.Count(answer, `"created"`) != 2 || !strings.Contains(answer, `{"line":3,"result":"created","id":"tok_`) {
		t.Fatalf("%d %s", status, answer)
	}
	if !a.active("first") || !a.active("second") {
		t.Error("imported tokens are not active")
	}
	got, err := a.store.Lookup(t.Context(), token.HashOf("first"))
	if err != nil || got.LastUsedOn != "2026-11-22" || !got.ImportedAt.Equal(noon) || got.Scopes[0] != "read" {
		t.Errorf("%+v %v", got, err)
	}
	if err := a.store.Revoke(t.Context(), got, token.Requested, "ann", noon); err != nil {
		t.Fatal(err)
	}
	// Again, with one more, and one that another workspace has.
	other := issue(t, a.store, func(tok *token.Token) { tok.Workspace, tok.Hash = "other", token.HashOf("third") })
	status, answer = a.importLines(body + line("third", "") + line("fourth", ""))
	if status != 200 || strings.Count(answer, `"unchanged"`) != 2 || strings.Count(answer, `"conflict"`) != 1 || strings.Count(answer, `"created"`) != 1 {
		t.Errorf("%d %s", status, answer)
	}
	if strings.Contains(answer, other.ID) {
		t.Error("a conflict names another workspace's token")
	}
	if a.active("first") {
		t.Error("a revoked token was brought back")
	}
	if kinds := kinds(entries(t, a.store, got.ID)); len(kinds) != 2 || kinds[1] != "token.imported@1" {
		t.Errorf("ledger: %v", kinds)
	}
}

func TestImportRefusesAllForOne(t *testing.T) {
	a := newAPI(t)
	for name, c := range map[string]struct {
		bad    string
		status int
		field  string
	}{
		"bad hex":         {`{"sha256":"zz","name":"a","created_by":"a","created_at":"2020-01-01T00:00:00Z"}`, 422, "line 2: sha256"},
		"twice":           {line("good", ""), 422, "line 2: sha256"},
		"no name":         {`{"sha256":"` + string(token.HashOf("x")) + `","created_by":"a","created_at":"2020-01-01T00:00:00Z"}`, 422, "line 2: name"},
		"in the future":   {line("x", `,"created_at":"2030-01-01T00:00:00Z"`), 422, "line 2: created_at"},
		"used in future":  {line("x", `,"last_used_on":"2030-01-01"`), 422, "line 2: last_used_on"},
		"expired":         {line("x", `,"expires_at":"2020-01-01T00:00:00Z"`), 422, "line 2: expires_at"},
		"unknown field":   {line("x", `,"token":"x"`), 400, "line 2: token"},
		"garbage":         {"garbage", 400, "line 2"},
		"a token's name":  {line("x", `,"name":"key skp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"`), 422, "line 2: name"},
		"named by itself": {line("x", `,"name":"x"`), 422, "line 2: name"},
		"an array":        {"[]", 400, "line 2"},
		"a very long one": {`{"name":"` + strings.Repeat("x", 9000) + `"}`, 422, "line 2"},
	} {
		status, answer := a.importLines(line("good", "") + c.bad)
		if status != c.status || !strings.Contains(answer, `"field":"`+c.field+`"`) {
			t.Errorf("%s: %d %s; want %d, %s", name, status, answer, c.status, c.field)
		}
	}
	if status, answer := a.importLines("\n\n"); status != 400 {
		t.Errorf("nothing: %d %s", status, answer)
	}
	if status, answer := a.importLines(strings.Repeat("\n", 6<<20+1)); status != 413 {
		t.Errorf("too long: %d %s", status, answer)
	}
	if a.active("good") {
		t.Error("a refused import left a token")
	}
}

// What was good when it was first imported stays good to repeat.
func TestImportRepeatedAfterExpiry(t *testing.T) {
	a := newAPI(t)
	body := line("short", `,"expires_at":"2026-11-23T00:00:00Z"`)
	if status, answer := a.importLines(body); status != 200 || !strings.Contains(answer, "created") {
		t.Fatalf("%d %s", status, answer)
	}
	a.now = noon.Add(24 * time.Hour)
	if status, answer := a.importLines(body + line("other", "")); status != 200 || !strings.Contains(answer, "unchanged") || a.active("short") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestUseIsNotedByDayAndAddress(t *testing.T) {
	a := newAPI(t)
	_, made := a.call("POST", "/workspaces/acme/tokens", `{"name":"CI","created_by":"ann"}`)
	text := made["token"].(string)
	use := func(ip, agent string) {
		t.Helper()
		form := url.Values{"token": {text}, "ip": {ip}, "user_agent": {agent}}
		if status, answer := a.ask("application/x-www-form-urlencoded", form.Encode()); status != 200 || answer["active"] != true {
			t.Fatalf("%d %v", status, answer)
		}
	}
	last := func() string {
		_, got := a.call("GET", "/workspaces/acme/tokens/"+made["id"].(string), "")
		use := got["last_use"].(map[string]any)
		return fmt.Sprint(got["last_used_on"], " ", use["ip"], " ", use["user_agent"])
	}
	use("203.0.113.7", "curl/8 "+text+"\n")
	want := "2026-11-22 203.0.113.7 curl/8 " + token.Hint(text)
	if last() != want {
		t.Errorf("%s, want %s", last(), want)
	}
	a.now = noon.Add(59 * time.Minute)
	use("198.51.100.1", "other")
	if last() != want {
		t.Errorf("a change of address within the hour: %s", last())
	}
	a.now = noon.Add(time.Hour)
	use("198.51.100.1", "other")
	if want = "2026-11-22 198.51.100.1 other"; last() != want {
		t.Errorf("%s, want %s", last(), want)
	}
	a.now = noon.Add(26 * time.Hour)
	use("", "")
	if want = "2026-11-23  "; last() != want {
		t.Errorf("%s, want %s", last(), want)
	}
	if status, answer := a.ask("application/x-www-form-urlencoded", "token="+text+"&ip=nowhere"); status != 422 || answer["field"] != "ip" {
		t.Errorf("%d %v", status, answer)
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(line("a", "") + line("b", `,"scopes":["x"]`)))
	f.Add([]byte("{}\n\r\n[]\n\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		tokens, lines, err := token.ReadImport(body)
		if err == nil && (len(tokens) == 0 || len(tokens) != len(lines)) {
			t.Error("nothing, and no error")
		}
	})
}
