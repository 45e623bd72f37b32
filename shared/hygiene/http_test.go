package hygiene_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/hygiene"
	"safekeep/shared/token"
	"safekeep/shared/web"
)

func (w *world) hygiene(id string, now time.Time) (int, map[string]any) {
	w.t.Helper()
	routes := web.NewRouter()
	(&hygiene.Service{Tokens: w.store.Tokens, Book: w.store, Directory: w.store.Workspaces, Now: func() time.Time { return now }}).AddTo(routes)
	answer := httptest.NewRecorder()
	routes.ServeHTTP(answer, httptest.NewRequest("GET", "/workspaces/"+id+"/hygiene", nil))
	var body map[string]any
	w.must(json.Unmarshal(answer.Body.Bytes(), &body))
	return answer.Code, body
}

func TestInventory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann", "bob")
	w.issue("acme", "bob", day(60)) // to be an orphan
	w.issue("acme", "ann", day(0))  // never used
	used, kept, leaked := w.issue("acme", "ann", day(0)), w.issue("acme", "ann", day(0)), w.issue("acme", "ann", day(80))
	gone := w.issue("acme", "bob", day(60))
	w.use("acme", used, day(1))
	w.keep("acme", kept, day(2), day(400).Truncate(24*time.Hour))
	w.leave("acme", "bob", day(90))
	w.run(day(95))
	w.revoke("acme", gone, day(96)) // the sweep has not seen that yet
	_, err := w.store.Tokens.Expose(t.Context(), w.token("acme", leaked),
		token.Finding{Host: "github", At: day(96), Report: "r", Places: []token.Place{{}}}, token.Policy{Revoke: true})
	w.must(err)
	status, got := w.hygiene("acme", day(97))
	funnel := got["funnel"].(map[string]any)
	delete(got, "funnel")
	want := map[string]any{
		"tokens": 4., "orphaned": 1., "unused": 2., "never_used": 1., "kept": 1., "leaked": 1., "digested_at": "2026-04-10T06:00:00Z",
	}
	if diff := cmp.Diff(want, got); diff != "" || status != 200 {
		t.Errorf("%d (-want +got):\n%s", status, diff)
	}
	wantOrphaned := map[string]any{"found": 2., "reminded": 0., "after_first_mail": 0., "after_follow_up": 0., "later": 0., "by_itself": 0., "kept": 0., "open": 2.}
	if diff := cmp.Diff(wantOrphaned, funnel["orphaned"]); diff != "" {
		t.Errorf("the funnel (-want +got):\n%s", diff)
	}
	if _, got := w.hygiene("acme", day(96+91)); got["leaked"] != 0. {
		t.Errorf("91 days later: %v", got)
	}
	if status, _ := w.hygiene("nobody", day(97)); status != 404 {
		t.Errorf("a workspace that is not there: %d", status)
	}
}
