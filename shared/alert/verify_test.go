package alert

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// scannerSecret is what the sample event shows.
const scannerSecret = "3c9909afec25354d551dae21590bb26e38d53f2173b8d3dc3eee4c047e7ab1c1"

func ask(s *Service, authorization, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/alerts/verify", strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	s.Routes().ServeHTTP(w, r)
	return w
}

// wrapped is a body as TruffleHog sends it.
func wrapped(match, group string) string {
	text, _ := json.Marshal(map[string]map[string][]string{"SafekeepToken": {"token": {match, group}}})
	return string(text)
}

func TestVerify(t *testing.T) {
	b := newBench(t)
	live, made := b.issue("acme")
	revoked, gone := b.issue("acme")
	if err := b.tokens.Revoke(t.Context(), gone, token.Requested, "ann", b.now()); err != nil {
		t.Fatal(err)
	}
	expired := b.keep(token.Token{ExpiresAt: b.now().Add(time.Hour)}, "skp_of_another_shape")
	imported := b.keep(token.Token{}, "old-token=0001")
	b.travel(2 * time.Hour)
	never := strings.Replace(live, "skp_", "skp_0", 1)[:40]
	const bearer = "Bearer " + scannerSecret
	for name, c := range map[string]struct {
		header, body string
		want         int
	}{
		"as TruffleHog sends it":  {bearer, wrapped(live, live), 200},
		"in the middle of a line": {bearer, wrapped("export T='"+live+"' # ci", live), 200},
		"only within the match":   {bearer, wrapped("%3D"+live, ""), 200},
		"plain":                   {bearer, `{"token":"` + live + `"}`, 200},
		"with space around":       {"bearer  " + scannerSecret + " ", ` {"token":" ` + live + ` "} `, 200},
		"among dead ones":         {bearer, `{"a":{"b":[1,null,"` + revoked + `",["` + live + `"]]}}`, 200},
		"not an object":           {bearer, `"` + live + `"`, 200},
		"imported":                {bearer, `{"token":"` + imported + `"}`, 200},
		"revoked":                 {bearer, wrapped(revoked, revoked), 403},
		"expired":                 {bearer, `{"token":"` + expired + `"}`, 403},
		"never ours":              {bearer, wrapped(never, never), 403},
		"nobody's":                {bearer, wrapped("x", "x"), 403},
		"a name and no value":     {bearer, `{"` + live + `":1}`, 403},
		"no string":               {bearer, `{}`, 403},
		"null":                    {bearer, `null`, 403},
		"no JSON":                 {bearer, live, 400},
		"half":                    {bearer, `{"token":"` + live, 400},
		"nothing":                 {bearer, ``, 400},
		"two documents":           {bearer, `{} {}`, 400},
		"too deep":                {bearer, strings.Repeat("[", 20000), 400},
		"too long":                {bearer, `{"token":"` + strings.Repeat("x", maxVerify) + `"}`, 413},
		"too many":                {bearer, numbers(maxLeads + 1), 413},
		"as many as may be":       {bearer, numbers(maxLeads), 403},
		"no secret":               {"", wrapped(live, live), 401},
		"wrong secret":            {"Bearer x" + scannerSecret[1:], wrapped(live, live), 401},
		"half of the secret":      {bearer[:len(bearer)-1], wrapped(live, live), 401},
		"empty secret":            {"Bearer ", wrapped(live, live), 401},
		"another scheme":          {"Basic " + scannerSecret, wrapped(live, live), 401},
		"wrong, and no JSON":      {"Bearer x", live, 401},
	} {
		b.travel(time.Second) // the limit is another test's
		got := ask(b.service, c.header, c.body)
		if got.Code != c.want {
			t.Errorf("%s: %d %s, want %d", name, got.Code, got.Body, c.want)
		}
		if got.Code == 200 && got.Body.String() != "{}" {
			t.Errorf("%s: a live token is answered with %s", name, got.Body)
		}
		if got.Code == 403 && got.Body.String() != `{"type":"about:blank","title":"Forbidden","status":403,"detail":"There is no live token in it."}` {
			t.Errorf("%s: a dead token is answered with %s", name, got.Body)
		}
		if challenge := got.Header().Get("WWW-Authenticate"); (challenge != "") != (c.want == 401) {
			t.Errorf("%s: WWW-Authenticate %q", name, challenge)
		}
	}
	// Asking has changed nothing and is in no story.
	after, err := b.tokens.Lookup(t.Context(), made.Hash)
	if err != nil || after.LastUsedOn != "" || after.Version != made.Version || !after.ExposedAt.IsZero() {
		t.Errorf("the token is now %+v, %v", after, err)
	}
	entries, _, err := b.tokens.Ledger.List(t.Context(), "acme", "", 200)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[ledger.Kind]int{}
	for _, entry := range entries {
		kinds[entry.Kind]++
	}
	if diff := cmp.Diff(map[ledger.Kind]int{ledger.WorkspaceCreated: 1, ledger.TokenIssued: 4, ledger.TokenRevoked: 1}, kinds); diff != "" {
		t.Error(diff)
	}
}

// keep stores a token of any shape.
func (b *bench) keep(t token.Token, text string) string {
	b.t.Helper()
	t.Hash, t.ID, t.Workspace, t.Name = token.HashOf(text), "tok_"+ledger.NewSeq(), "acme", "old"
	t.CreatedBy, t.CreatedAt, t.Status, t.Version = "ann", b.now(), token.Active, 1
	if err := b.tokens.Create(b.t.Context(), t, "ann"); err != nil {
		b.t.Fatal(err)
	}
	return text
}

func numbers(n int) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = strconv.Itoa(i)
	}
	body, _ := json.Marshal(texts)
	return string(body)
}

func TestVerifySwitchedOff(t *testing.T) {
	off := &Service{}
	if got := ask(off, "Bearer "+scannerSecret, `{}`); got.Code != http.StatusNotFound {
		t.Errorf("without a secret: %d", got.Code)
	}
	for name, read := range map[string]func(context.Context) (string, error){
		"unreadable": func(context.Context) (string, error) { return "", errors.New("denied") },
		"too short":  func(context.Context) (string, error) { return "hunter2", nil },
	} {
		s := &Service{Now: time.Now, Verifier: &Verifier{Secret: read}}
		if got := ask(s, "Bearer hunter2", `{}`); got.Code != http.StatusServiceUnavailable || strings.Contains(got.Body.String(), "denied") {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
}

// The limit is the stack's: two instances share it, calls at once are counted
// one by one, and wrong secrets cannot keep the right one out.
func TestVerifyIsLimited(t *testing.T) {
	b := newBench(t)
	live, _ := b.issue("acme")
	at := b.now()
	still := func() time.Time { return at }
	b.service.Now = still
	other := b.another()
	const right, wrong = "Bearer " + scannerSecret, "Bearer wrong"
	crowd := func(header string, calls int) map[int]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		counts := map[int]int{}
		var next atomic.Int64
		for range 16 { // a scanner's connections
			wg.Go(func() {
				for n := next.Add(1); n <= int64(calls); n = next.Add(1) {
					s := b.service
					if n%2 == 0 {
						s = other
					}
					got := ask(s, header, wrapped(live, live))
					if seconds, _ := strconv.Atoi(got.Header().Get("Retry-After")); got.Code == 429 && seconds < 1 {
						t.Error("429 does not say how long to wait")
					}
					mu.Lock()
					counts[got.Code]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return counts
	}
	for _, step := range []struct {
		name, header string
		later        time.Duration
		calls        int
		want         map[int]int
	}{
		{"guesses take half", wrong, 0, 80, map[int]int{401: 50, 429: 30}},
		{"the holder gets the rest", right, 0, 60, map[int]int{200: 50, 429: 10}},
		{"nobody gets more", right, 0, 1, map[int]int{429: 1}},
		{"nor guesses, a second later", wrong, time.Second, 5, map[int]int{429: 5}},
		{"ten a second", right, 0, 12, map[int]int{200: 10, 429: 2}},
		{"all of it when it has run out", right, time.Minute, 110, map[int]int{200: 100, 429: 10}},
	} {
		at = at.Add(step.later)
		if diff := cmp.Diff(step.want, crowd(step.header, step.calls)); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}

func FuzzVerifyBody(f *testing.F) {
	f.Add([]byte(wrapped(leaked, leaked)))
	f.Add([]byte(`{"token":"` + leaked + `"}`))
	f.Add([]byte(`{"a":[{"b":"TOKEN=` + leaked + ` # ci"},7,null,true,"\ud800"]}`))
	f.Add([]byte(strings.Repeat("[", 11000)))
	f.Add([]byte("[\"\xff\"]"))
	format, err := token.NewFormat("skp")
	if err != nil {
		f.Fatal(err)
	}
	s := &Service{Receiver: &Receiver{Format: format}}
	f.Fuzz(func(t *testing.T, body []byte) {
		hashes, err := s.asked(body)
		if err != nil && (len(hashes) > 0 || strings.Contains(err.Error(), "skp_")) {
			t.Errorf("%d hashes and %v", len(hashes), err)
		}
		seen := map[token.Hash]bool{}
		for _, hash := range hashes {
			if seen[hash] || len(hash) != 64 { // a table refuses to be asked twice in a call
				t.Errorf("%s twice", hash)
			}
			seen[hash] = true
		}
		if len(hashes) > maxLeads {
			t.Errorf("%d hashes", len(hashes))
		}
		// Whatever is wrapped around it, a token of ours in a string is found.
		var plain struct{ Token string }
		if json.Unmarshal(body, &plain) == nil && err == nil {
			for _, part := range format.Within(plain.Token) {
				if !seen[token.HashOf(part)] {
					t.Errorf("%s is not looked up", token.Hint(part))
				}
			}
		}
	})
}
