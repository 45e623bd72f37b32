package token_test

import (
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

func TestRotation(t *testing.T) {
	a := newAPI(t)
	_, old := a.call("POST", "/workspaces/acme/tokens", `{"name":"CI","created_by":"ann","scopes":["read"],"expires_at":"2026-12-22T12:00:00Z"}`)
	path := "/workspaces/acme/tokens/" + old["id"].(string)
	for body, field := range map[string]string{`{"overlap_hours":-1}`: "overlap_hours", `{"overlap_hours":721}`: "overlap_hours", `{"overlap_hours":"1"}`: "overlap_hours", `{"hours":1}`: "hours"} {
		if status, answer := a.call("POST", path+"/rotate", body); status/100 != 4 || answer["field"] != field {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	status, next := a.call("POST", path+"/rotate", `{"overlap_hours":2}`)
	if status != 201 || next["name"] != "CI" || next["created_by"] != "ann" || next["replaces"] != old["id"] || next["expires_at"] != "2026-12-22T12:00:00Z" {
		t.Fatalf("%d %v", status, next)
	}
	oldText, nextText := old["token"].(string), next["token"].(string)
	if !a.active(oldText) || !a.active(nextText) {
		t.Error("not both are good in the overlap")
	}
	if status, answer := a.call("POST", path+"/rotate", `{}`); status != 409 || !strings.Contains(answer["detail"].(string), next["id"].(string)) {
		t.Errorf("rotated twice: %d %v", status, answer)
	}
	a.now = noon.Add(2 * time.Hour)
	if a.active(oldText) || !a.active(nextText) {
		t.Error("after the overlap only the successor is good")
	}
	_, got := a.call("GET", path, "")
	if revoked, _ := got["revoked"].(map[string]any); revoked["reason"] != "rotated" || revoked["at"] != "2026-11-22T14:00:00Z" {
		t.Errorf("%v", got)
	}
	if status, _ := a.call("POST", path+"/rotate", `{}`); status != 409 {
		t.Errorf("an ended token is rotated: %d", status)
	}
	// At once: the successor's predecessor ends with the call.
	_, last := a.call("POST", "/workspaces/acme/tokens/"+next["id"].(string)+"/rotate", `{"overlap_hours":0}`)
	if a.active(nextText) || !a.active(last["token"].(string)) {
		t.Error("overlap 0 does not end the old token at once")
	}
}

func TestManyRotationsAtOnceMakeOneSuccessor(t *testing.T) {
	a := newAPI(t)
	_, old := a.call("POST", "/workspaces/acme/tokens", `{"name":"CI","created_by":"ann"}`)
	var wg sync.WaitGroup
	var made atomic.Int64
	for range 8 {
		wg.Go(func() {
			w := httptest.NewRecorder()
			a.routes.ServeHTTP(w, httptest.NewRequest("POST", "/workspaces/acme/tokens/"+old["id"].(string)+"/rotate", strings.NewReader(`{}`)))
			if w.Code == 201 {
				made.Add(1)
			} else if w.Code != 409 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	wg.Wait()
	if _, list := a.call("GET", "/workspaces/acme/tokens", ""); made.Load() != 1 || len(list["tokens"].([]any)) != 2 {
		t.Errorf("%d successors, list %v", made.Load(), list)
	}
}

// A leak of one token of a rotation ends that one only, and names the other.
func TestLeakOfARotatedToken(t *testing.T) {
	a := newAPI(t)
	_, old := a.call("POST", "/workspaces/acme/tokens", `{"name":"CI","created_by":"ann"}`)
	_, next := a.call("POST", "/workspaces/acme/tokens/"+old["id"].(string)+"/rotate", `{"overlap_hours":24}`)
	leaked, err := a.store.Lookup(t.Context(), token.HashOf(old["token"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := a.store.Expose(t.Context(), leaked, found("https://github.com/a"), revoking); outcome != token.OutcomeRevoked {
		t.Errorf("%s, %v", outcome, err)
	}
	if a.active(old["token"].(string)) || !a.active(next["token"].(string)) {
		t.Error("the wrong one ended")
	}
	for _, e := range entries(t, a.store, leaked.ID) {
		if e.Kind == ledger.TokenExposed && !strings.Contains(string(e.Detail), next["hint"].(string)) {
			t.Errorf("detail %s does not name the successor", e.Detail)
		}
	}
}
