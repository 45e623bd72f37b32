package workspace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/ledger"
	"safekeep/shared/workspace"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newService(t *testing.T) *workspace.Service {
	t.Helper()
	client := dynamotest.New(t)
	story := &ledger.Store{Client: client, Table: dynamotest.Ledger}
	return &workspace.Service{
		Store:  &workspace.Store{Client: client, Table: dynamotest.Workspaces, Ledger: story},
		Ledger: story, Now: func() time.Time { return noon },
	}
}

func call(s *workspace.Service, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Actor", "zoe")
	s.Routes().ServeHTTP(w, r)
	return w
}

func kinds(t *testing.T, s *workspace.Service) []string {
	t.Helper()
	entries, _, err := s.Ledger.List(t.Context(), "acme", "", 200)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s %s %s %s", e.Kind, e.Subject, e.Actor, e.Detail))
	}
	return out
}

func TestLifeOfAWorkspace(t *testing.T) {
	s := newService(t)
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string // part of the answer
	}{
		{"GET", "/workspaces/acme", "", 404, "no such workspace"},
		{"PUT", "/workspaces/acme/members/ann", `{"email":"ann@acme.example","role":"owner"}`, 404, "no such workspace"},
		{"PUT", "/workspaces/acme", `{"name":"Acme"}`, 200, `"auto_revoke":true,"sso":false`},
		{"PUT", "/workspaces/acme", `{"name":"Acme"}`, 200, `"auto_revoke":true`}, // no change, no entry
		{"PUT", "/workspaces/acme", `{"name":"Acme","auto_revoke":false,"sso":true}`, 200, `"auto_revoke":false,"sso":true`},
		{"GET", "/workspaces/acme", "", 200, `"auto_revoke":false,"sso":true`},
		{"PUT", "/workspaces/acme/members/ann", `{"email":"ann@acme.example","role":"owner"}`, 200, `"role":"owner"`},
		{"PUT", "/workspaces/acme/members/ann", `{"email":"ann@acme.example","role":"owner"}`, 200, `"role":"owner"`},
		{"PUT", "/workspaces/acme/members/ann", `{"email":"a@acme.example","role":"admin"}`, 200, `"role":"admin"`},
		{"PUT", "/workspaces/acme/members/auth0%7Cbob", `{"email":"","role":"member"}`, 200, `"user":"auth0|bob"`},
		{"GET", "/workspaces/acme/members", "", 200, `"user":"ann"`},
		{"DELETE", "/workspaces/acme/members/ann", "", 204, ""},
		{"DELETE", "/workspaces/acme/members/ann", "", 204, ""}, // has left already
		{"DELETE", "/workspaces/acme/members/nobody", "", 404, "no such member"},
		{"PUT", "/workspaces/acme/members/ann", `{"email":"ann@acme.example","role":"owner"}`, 200, `"role":"owner"`},
		{"GET", "/workspaces/acme/ledger?limit=1", "", 200, `"kind":"member.added"`},
		{"GET", "/workspaces/nope/ledger", "", 404, ""},
		{"GET", "/workspaces/acme/ledger?cursor=rubbish", "", 422, `"field":"cursor"`},
	} {
		got := call(s, step.method, step.path, step.body)
		if got.Code != step.status || !strings.Contains(got.Body.String(), step.want) {
			t.Errorf("%s %s %s: %d %s; want %d …%s…", step.method, step.path, step.body, got.Code, got.Body, step.status, step.want)
		}
	}
	want := []string{
		`member.added ann zoe {"role":"owner"}`,
		`member.left ann zoe {"role":"admin"}`,
		`member.added auth0|bob zoe {"role":"member"}`,
		`member.changed ann zoe {"role":"admin","before":"owner","email_changed":true}`,
		`member.added ann zoe {"role":"owner"}`,
		`workspace.changed acme zoe {"name":"Acme","auto_revoke":false,"sso":true}`,
		`workspace.created acme zoe {"name":"Acme","auto_revoke":true,"sso":false}`,
	}
	if diff := cmp.Diff(want, kinds(t, s)); diff != "" {
		t.Errorf("ledger, newest first:\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	s := newService(t)
	call(s, "PUT", "/workspaces/acme", `{"name":"Acme"}`)
	for name, c := range map[string]struct {
		path, body string
		status     int
		field      string
	}{
		"bad id":         {"/workspaces/a%20b", `{"name":"A"}`, 422, "workspace"},
		"no name":        {"/workspaces/a", `{}`, 422, "name"},
		"blank name":     {"/workspaces/a", `{"name":"  "}`, 422, "name"},
		"long name":      {"/workspaces/a", `{"name":"` + strings.Repeat("x", 201) + `"}`, 422, "name"},
		"two lines":      {"/workspaces/a", `{"name":"a\nb"}`, 422, "name"},
		"unknown field":  {"/workspaces/a", `{"name":"A","autorevoke":true}`, 400, "autorevoke"},
		"bad user":       {"/workspaces/acme/members/a%2Fb", `{"email":"","role":"owner"}`, 422, "user"},
		"named address":  {"/workspaces/acme/members/a", `{"email":"Ann <a@b.example>","role":"owner"}`, 422, "email"},
		"two addresses":  {"/workspaces/acme/members/a", `{"email":"a@b.example,c@d.example","role":"owner"}`, 422, "email"},
		"header in mail": {"/workspaces/acme/members/a", `{"email":"a@b.example\nBcc: x@y","role":"owner"}`, 422, "email"},
		"no role":        {"/workspaces/acme/members/a", `{"email":"a@b.example"}`, 422, "role"},
		"odd role":       {"/workspaces/acme/members/a", `{"email":"a@b.example","role":"root"}`, 422, "role"},
	} {
		got := call(s, "PUT", c.path, c.body)
		var body struct{ Field string }
		if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil || got.Code != c.status || body.Field != c.field {
			t.Errorf("%s: %d %s; want %d, field %q", name, got.Code, got.Body, c.status, c.field)
		}
	}
	if got := kinds(t, s); len(got) != 1 {
		t.Errorf("a refused call left entries: %v", got)
	}
}

func TestListsPage(t *testing.T) {
	s := newService(t)
	call(s, "PUT", "/workspaces/acme", `{"name":"Acme"}`)
	for i := range 7 {
		call(s, "PUT", fmt.Sprintf("/workspaces/acme/members/u%d", i), `{"role":"member"}`)
	}
	call(s, "DELETE", "/workspaces/acme/members/u3", "")
	var users []string
	entries := 0
	for _, list := range []string{"members", "ledger"} {
		for cursor := ""; ; {
			got := call(s, "GET", "/workspaces/acme/"+list+"?limit=3&cursor="+cursor, "")
			var page struct {
				Members []struct{ User string }
				Entries []struct{ Seq string }
				Cursor  *string
			}
			if err := json.Unmarshal(got.Body.Bytes(), &page); err != nil || got.Code != http.StatusOK {
				t.Fatalf("%d %s", got.Code, got.Body)
			}
			for _, m := range page.Members {
				users = append(users, m.User)
			}
			entries += len(page.Entries)
			if page.Cursor == nil {
				break
			}
			cursor = *page.Cursor
		}
	}
	if diff := cmp.Diff([]string{"u0", "u1", "u2", "u4", "u5", "u6"}, users); diff != "" || entries != 9 {
		t.Errorf("%d entries, want 9; members:\n%s", entries, diff)
	}
}

func TestManyChangesAtOnceAreAllTold(t *testing.T) {
	s := newService(t)
	call(s, "PUT", "/workspaces/acme", `{"name":"Acme"}`)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			role := []string{"owner", "admin"}[i%2]
			if got := call(s, "PUT", "/workspaces/acme/members/ann", `{"role":"`+role+`"}`); got.Code != 200 && got.Code != 503 {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
	wg.Wait()
	m, err := s.Store.Member(t.Context(), "acme", "ann")
	if err != nil || int64(len(kinds(t, s))) != m.Version+1 {
		t.Errorf("%d entries for version %d, %v", len(kinds(t, s)), m.Version, err)
	}
}

func TestCheckCreator(t *testing.T) {
	s := newService(t)
	call(s, "PUT", "/workspaces/acme", `{"name":"Acme"}`)
	if err := s.Store.CheckCreator(t.Context(), "acme", "anybody"); err != nil {
		t.Errorf("in a workspace whose members were never synced: %v", err)
	}
	call(s, "PUT", "/workspaces/acme/members/ann", `{"role":"member"}`)
	call(s, "PUT", "/workspaces/acme/members/bob", `{"role":"member"}`)
	call(s, "DELETE", "/workspaces/acme/members/bob", "")
	for user, ok := range map[string]bool{"ann": true, "bob": false, "anybody": false} {
		if err := s.Store.CheckCreator(t.Context(), "acme", user); (err == nil) != ok {
			t.Errorf("%s: %v", user, err)
		}
	}
	if err := s.Store.CheckCreator(t.Context(), "nope", "ann"); err == nil {
		t.Error("in no workspace")
	}
}

// noTokens is a token service in which nothing is left to revoke.
type noTokens struct{ asked []string }

func (n *noTokens) RevokeAll(_ context.Context, workspace, _ string, _ time.Time) (int, error) {
	n.asked = append(n.asked, workspace)
	return 0, nil
}

func TestSyncReplacesTheList(t *testing.T) {
	s := newService(t)
	call(s, "PUT", "/workspaces/acme", `{"name":"Acme"}`)
	const five = `{"user":"a","email":"a@x.example","role":"owner"},{"user":"b","role":"member"},{"user":"c","role":"member"},{"user":"d","role":"member"},{"user":"e","role":"admin"}`
	for _, step := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"members":[` + five + `]}`, 200, `{"added":5,"changed":0,"removed":0,"unchanged":0}`},
		{`{"members":[` + five + `]}`, 200, `{"added":0,"changed":0,"removed":0,"unchanged":5}`},
		{`{"members":[{"user":"a","role":"owner"},{"user":"f","role":"member"}]}`, 409, "4 of 5"},
		{`{"members":[]}`, 409, "5 of 5"},
		{`{"members":[{"user":"a","role":"admin"},{"user":"b","role":"member"},{"user":"c","role":"member"},{"user":"f","role":"member"}]}`, 200, `{"added":1,"changed":1,"removed":2,"unchanged":2}`},
		{`{"members":[{"user":"d","role":"member"}],"confirm":true}`, 200, `{"added":1,"changed":0,"removed":4,"unchanged":0}`},
		{`{}`, 422, `"field":"members"`},
		{`{"members":[{"user":"x y","role":"member"}]}`, 422, `members[0].user`},
		{`{"members":[{"user":"x","role":"member"},{"user":"x","role":"owner"}]}`, 422, `members[1].user`},
		{`{"members":[{"user":"x","role":"king"}]}`, 422, `members[0].role`},
		{`{"members":[{"user":"x","role":"owner","email":"x"}]}`, 422, `members[0].email`},
	} {
		if got := call(s, "PUT", "/workspaces/acme/members", step.body); got.Code != step.status || !strings.Contains(got.Body.String(), step.want) {
			t.Errorf("%s: %d %s; want %d …%s…", step.body, got.Code, got.Body, step.status, step.want)
		}
	}
	m, err := s.Store.Member(t.Context(), "acme", "a")
	if err != nil || m.Present() || m.LeftAt.IsZero() {
		t.Errorf("who was removed left no tombstone: %+v %v", m, err)
	}
}

func TestEndOfAWorkspace(t *testing.T) {
	s := newService(t)
	tokens := &noTokens{}
	s.Tokens = tokens
	call(s, "PUT", "/workspaces/acme", `{"name":"Acme"}`)
	call(s, "PUT", "/workspaces/acme/members/ann", `{"role":"owner"}`)
	if got := call(s, "DELETE", "/workspaces/nope", ""); got.Code != 404 {
		t.Errorf("one that never was: %d", got.Code)
	}
	for range 2 { // the second finishes what the first left, here nothing
		if got := call(s, "DELETE", "/workspaces/acme", ""); got.Code != 204 {
			t.Errorf("%d %s", got.Code, got.Body)
		}
	}
	if len(tokens.asked) != 4 { // twice each, because the index lags
		t.Errorf("tokens were asked about %v", tokens.asked)
	}
	if got := call(s, "GET", "/workspaces/acme", ""); got.Code != 404 {
		t.Errorf("after its end: %d", got.Code)
	}
	if got := call(s, "GET", "/workspaces/acme/ledger", ""); got.Code != 200 || !strings.Contains(got.Body.String(), "workspace.ended") {
		t.Errorf("the ledger after its end: %d %s", got.Code, got.Body)
	}
	if err := s.Store.CheckCreator(t.Context(), "acme", "ann"); err == nil {
		t.Error("tokens can be made in an ended workspace")
	}
	if m, err := s.Store.Member(t.Context(), "acme", "ann"); err != nil || m.Present() {
		t.Errorf("%+v %v", m, err)
	}
	// A nightly job that still knows it does not bring it back.
	for _, path := range []string{"/workspaces/acme", "/workspaces/acme/members/ann"} {
		if got := call(s, "PUT", path, `{"name":"Acme","role":"owner"}`); got.Code == 200 {
			t.Errorf("PUT %s after its end: %d %s", path, got.Code, got.Body)
		}
	}
}
