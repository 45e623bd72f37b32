package token_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/token"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

type api struct {
	t          *testing.T
	routes     *web.Router
	introspect *web.Router
	store      *token.Store
	now        time.Time
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{t: t, store: newStore(t), now: noon}
	places := &workspace.Store{Client: a.store.Client, Table: dynamotest.Workspaces, Ledger: a.store.Ledger}
	for _, id := range []string{"acme", "other"} {
		if _, err := places.Put(t.Context(), workspace.Workspace{ID: id, Name: id}, "test", noon); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := places.PutMember(t.Context(), workspace.Member{Workspace: "acme", User: "ann", Role: workspace.Owner}, "test", noon); err != nil {
		t.Fatal(err)
	}
	service := token.NewService(a.store, places, format(t, "skp"))
	service.Now = func() time.Time { return a.now }
	a.routes = service.Routes()
	a.introspect = (&token.Introspector{Store: a.store, Now: service.Now}).Routes()
	return a
}

func (a *api) call(method, path, body string) (int, map[string]any) {
	a.t.Helper()
	w := httptest.NewRecorder()
	a.routes.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return decode(a.t, w)
}

func decode(t *testing.T, w *httptest.ResponseRecorder) (int, map[string]any) {
	t.Helper()
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
	}
	return w.Code, answer
}

func (a *api) ask(kind, body string) (int, map[string]any) {
	a.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/tokens/introspect", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	a.introspect.ServeHTTP(w, r)
	return decode(a.t, w)
}

func (a *api) active(text string) bool {
	a.t.Helper()
	status, answer := a.ask("application/x-www-form-urlencoded", url.Values{"token": {text}}.Encode())
	if status != http.StatusOK {
		a.t.Fatalf("introspect: %d %v", status, answer)
	}
	active, ok := answer["active"].(bool)
	if !ok || !active && len(answer) != 1 {
		a.t.Errorf("answer says too much or too little: %v", answer)
	}
	return active
}

func TestLifeOfAToken(t *testing.T) {
	a := newAPI(t)
	status, made := a.call("POST", "/workspaces/acme/tokens", `{"name":"CI deploy","created_by":"ann","scopes":["read","write:all"],"expires_at":null}`)
	text, _ := made["token"].(string)
	id, _ := made["id"].(string)
	if status != 201 || !format(t, "skp").Valid(text) || made["hint"] != token.Hint(text) || made["status"] != "active" {
		t.Fatalf("%d %v", status, made)
	}
	status, got := a.call("GET", "/workspaces/acme/tokens/"+id, "")
	if status != 200 || got["token"] != nil || got["name"] != "CI deploy" || got["last_used_on"] != nil || got["revoked"] != nil {
		t.Errorf("%d %v", status, got)
	}
	if !a.active(text) || a.active("skp_"+strings.Repeat("a", 36)) || a.active("something else") {
		t.Error("introspection tells good from bad wrongly")
	}
	_, got = a.call("GET", "/workspaces/acme/tokens/"+id, "")
	if got["last_used_on"] != "2026-11-22" {
		t.Errorf("last used on %v", got["last_used_on"])
	}
	if status, _ := a.call("DELETE", "/workspaces/other/tokens/"+id, ""); status != 404 || !a.active(text) {
		t.Errorf("another workspace's: %d", status)
	}
	for range 2 {
		if status, _ := a.call("DELETE", "/workspaces/acme/tokens/"+id, ""); status != 204 {
			t.Errorf("delete: %d", status)
		}
	}
	_, got = a.call("GET", "/workspaces/acme/tokens/"+id, "")
	if revoked, _ := got["revoked"].(map[string]any); got["status"] != "revoked" || revoked["reason"] != "requested" || a.active(text) {
		t.Errorf("after the delete: %v", got)
	}
	if _, list := a.call("GET", "/workspaces/acme/tokens", ""); len(list["tokens"].([]any)) != 1 || list["cursor"] != nil {
		t.Errorf("list: %v", list)
	}
}

func TestExpiryIsByTheClock(t *testing.T) {
	a := newAPI(t)
	_, made := a.call("POST", "/workspaces/acme/tokens", `{"name":"short","created_by":"ann","expires_at":"2026-11-22T12:30:00Z"}`)
	text, _ := made["token"].(string)
	if !a.active(text) {
		t.Error("not good before its time")
	}
	a.now = noon.Add(30 * time.Minute)
	if a.active(text) {
		t.Error("good at its very end")
	}
	_, got := a.call("GET", "/workspaces/acme/tokens/"+made["id"].(string), "")
	if revoked, _ := got["revoked"].(map[string]any); got["status"] != "revoked" || revoked["reason"] != "expired" {
		t.Errorf("shown as %v", got)
	}
}

func TestRefusedTokens(t *testing.T) {
	a := newAPI(t)
	for name, c := range map[string]struct {
		path, body string
		status     int
		field      string
	}{
		"no name":         {"acme", `{"created_by":"ann"}`, 422, "name"},
		"long name":       {"acme", `{"name":"` + strings.Repeat("x", 101) + `","created_by":"ann"}`, 422, "name"},
		"control in name": {"acme", `{"name":"a\u0000","created_by":"ann"}`, 422, "name"},
		"line break":      {"acme", `{"name":"a\r\nBcc: x","created_by":"ann"}`, 422, "name"},
		"no creator":      {"acme", `{"name":"a"}`, 422, "created_by"},
		"odd creator":     {"acme", `{"name":"a","created_by":"a b"}`, 422, "created_by"},
		"stranger":        {"acme", `{"name":"a","created_by":"zoe"}`, 422, "created_by"},
		"bad scope":       {"acme", `{"name":"a","created_by":"ann","scopes":["read","wr ite"]}`, 422, "scopes[1]"},
		"scope twice":     {"acme", `{"name":"a","created_by":"ann","scopes":["read","read"]}`, 422, "scopes[1]"},
		"scopes no list":  {"acme", `{"name":"a","created_by":"ann","scopes":"read"}`, 400, "scopes"},
		"in the past":     {"acme", `{"name":"a","created_by":"ann","expires_at":"2020-01-01T00:00:00Z"}`, 422, "expires_at"},
		"no time":         {"acme", `{"name":"a","created_by":"ann","expires_at":"tomorrow"}`, 422, "expires_at"},
		"past our years":  {"acme", `{"name":"a","created_by":"ann","expires_at":"9999-12-31T23:59:59-12:00"}`, 422, "expires_at"},
		"token in name":   {"acme", `{"name":"skp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17","created_by":"ann"}`, 422, "name"},
		"capitals":        {"acme", `{"NAME":"a","created_by":"ann"}`, 400, "NAME"},
		"unknown field":   {"acme", `{"name":"a","created_by":"ann","token":"mine"}`, 400, "token"},
		"no workspace":    {"nope", `{"name":"a","created_by":"ann"}`, 404, ""},
		"not even an id":  {"a%20b", `{"name":"a","created_by":"ann"}`, 404, ""},
		"too many scopes": {"acme", `{"name":"a","created_by":"ann","scopes":["` + strings.Repeat(`a","`, 51) + `b"]}`, 422, "scopes"},
	} {
		status, answer := a.call("POST", "/workspaces/"+c.path+"/tokens", c.body)
		field, _ := answer["field"].(string)
		if status != c.status || field != c.field {
			t.Errorf("%s: %d %v; want %d, field %q", name, status, answer, c.status, c.field)
		}
	}
	if _, list := a.call("GET", "/workspaces/acme/tokens", ""); len(list["tokens"].([]any)) != 0 {
		t.Errorf("a refused call left a token: %v", list)
	}
}

func TestIntrospectionForm(t *testing.T) {
	a := newAPI(t)
	for name, c := range map[string]struct {
		kind, body string
		status     int
	}{
		"JSON":      {"application/json", `{"token":"x"}`, 400},
		"no type":   {"", "token=x", 400},
		"no token":  {"application/x-www-form-urlencoded", "t=x", 400},
		"empty":     {"application/x-www-form-urlencoded", "token=", 400},
		"twice":     {"application/x-www-form-urlencoded", "token=x&token=y", 400},
		"bad form":  {"application/x-www-form-urlencoded", "token=skp_secret%zz", 400},
		"too long":  {"application/x-www-form-urlencoded", "token=" + strings.Repeat("x", 1<<17), 413},
		"with hint": {"application/x-www-form-urlencoded; charset=utf-8", "token=x&token_type_hint=access_token", 200},
	} {
		status, answer := a.ask(c.kind, c.body)
		if text, _ := json.Marshal(answer); status != c.status || strings.Contains(string(text), "skp_secret") {
			t.Errorf("%s: %d %s, want %d", name, status, text, c.status)
		}
	}
}
