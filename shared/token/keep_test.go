package token_test

import (
	"strings"
	"testing"
	"time"

	"safekeep/shared/token"
)

func TestKeep(t *testing.T) {
	a := newAPI(t)
	_, made := a.call("POST", "/workspaces/acme/tokens", `{"name":"CI","created_by":"ann"}`)
	text, path := made["token"].(string), "/workspaces/acme/tokens/"+made["id"].(string)
	for body, field := range map[string]string{
		`{"until":"2027-03-01"}`:                 "reason",
		`{"reason":" ","until":"2027-03-01"}`:    "reason",
		`{"reason":"a\nb","until":"2027-03-01"}`: "reason",
		`{"reason":"` + strings.Repeat("é", token.MaxKeepReason+1) + `","until":"2027-3-1"}`: "reason",
		`{"reason":"it is ` + text + `","until":"2027-03-01"}`:                               "reason",
		`{"reason":"x"}`:                                "until",
		`{"reason":"x","until":"2026-11-22"}`:           "until", // it has begun
		`{"reason":"x","until":"soon"}`:                 "until",
		`{"reason":"x","until":"2027-03-01T00:00:00Z"}`: "until",
		`{"reason":"x","until":"2027-03-01","for":1}`:   "for",
	} {
		status, answer := a.call("POST", path+"/keep", body)
		if status/100 != 4 || answer["field"] != field || strings.Contains(answer["detail"].(string), text) {
			t.Errorf("%.60s: %d %v", body, status, answer)
		}
	}
	for range 2 { // sent again it is the same
		status, got := a.call("POST", path+"/keep", `{"reason":"the nightly job","until":"2027-03-01"}`)
		if kept, _ := got["kept"].(map[string]any); status != 200 || kept["until"] != "2027-03-01" || kept["reason"] != "the nightly job" {
			t.Errorf("%d %v", status, got)
		}
	}
	if status, _ := a.call("POST", "/workspaces/other/tokens/"+made["id"].(string)+"/keep", `{"reason":"x","until":"2027-03-01"}`); status != 404 {
		t.Errorf("another workspace's: %d", status)
	}
	entries, _, err := a.store.Ledger.List(t.Context(), "acme", "", 200)
	kept := 0
	for _, e := range entries {
		if e.Kind == "token.kept" {
			kept++
		}
	}
	if err != nil || kept != 1 {
		t.Errorf("%d entries of it, %v", kept, err)
	}
	a.now = time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	if _, got := a.call("GET", path, ""); got["kept"] != nil {
		t.Errorf("on that day: %v", got["kept"])
	}
	a.call("DELETE", path, "")
	if status, _ := a.call("POST", path+"/keep", `{"reason":"x","until":"2028-03-01"}`); status != 409 {
		t.Errorf("one that has ended: %d", status)
	}
}

// An orphaned token finds a home with somebody who is there.
func TestRotationToSomebodyElse(t *testing.T) {
	a := newAPI(t)
	_, old := a.call("POST", "/workspaces/other/tokens", `{"name":"CI","created_by":"bob"}`)
	path := "/workspaces/other/tokens/" + old["id"].(string) + "/rotate"
	for _, body := range []string{`{"created_by":""}`, `{"created_by":"a b"}`} {
		if status, answer := a.call("POST", path, body); status != 422 || answer["field"] != "created_by" {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	if status, next := a.call("POST", path, `{"created_by":"cleo"}`); status != 201 || next["created_by"] != "cleo" || next["replaces"] != old["id"] {
		t.Errorf("%d %v", status, next)
	}
	_, old = a.call("POST", "/workspaces/acme/tokens", `{"name":"CI","created_by":"ann"}`)
	path = "/workspaces/acme/tokens/" + old["id"].(string) + "/rotate"
	if status, answer := a.call("POST", path, `{"created_by":"stranger"}`); status != 422 || answer["field"] != "created_by" {
		t.Errorf("to somebody who is not a member: %d %v", status, answer)
	}
}
