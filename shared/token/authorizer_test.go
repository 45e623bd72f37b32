package token_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"safekeep/shared/token"
)

// shelf is a store in memory that counts what it is asked for.
type shelf struct {
	mu               sync.Mutex
	tokens           map[token.Hash]token.Token
	broken, deaf     error // what Lookup and Touch fail with
	lookups, touches atomic.Int64
	use              token.Use
	// What happens before they answer, if anything does.
	slowLookup, slowTouch func(context.Context)
}

func (s *shelf) Lookup(ctx context.Context, hash token.Hash) (token.Token, error) {
	s.lookups.Add(1)
	if s.slowLookup != nil {
		s.slowLookup(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[hash]
	if s.broken == nil && !ok {
		return t, token.ErrNotFound
	}
	return t, s.broken
}

func (s *shelf) Touch(ctx context.Context, _ token.Token, use token.Use, _ time.Time) error {
	s.touches.Add(1)
	if s.slowTouch != nil {
		s.slowTouch(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.use = use
	return s.deaf
}

func (s *shelf) set(text string, edit func(*token.Token)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := token.Token{
		Hash: token.HashOf(text), ID: "tok_1", Workspace: "acme", CreatedBy: "ann", Status: token.Active,
		Scopes: []string{"read", "write"}, CreatedAt: noon.Add(-time.Hour),
	}
	if edit != nil {
		edit(&t)
	}
	s.tokens[t.Hash] = t
}

// gate is an authorizer over a shelf, with a clock that is set by hand.
type gate struct {
	*token.Authorizer
	t     *testing.T
	shelf *shelf
	now   time.Time
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{t: t, shelf: &shelf{tokens: map[token.Hash]token.Token{}}, now: noon}
	g.Authorizer = &token.Authorizer{Store: g.shelf, Now: func() time.Time { return g.now }, MaxAge: token.MaxAuthorizerAge}
	return g
}

func asking(sources ...string) token.AuthorizerRequest {
	return token.AuthorizerRequest{Version: "2.0", IdentitySource: sources}
}

// lets says whether a token is let through, after so many seconds from noon.
func (g *gate) lets(text string, seconds float64) bool {
	g.t.Helper()
	g.now = noon.Add(time.Duration(seconds * float64(time.Second)))
	answer, err := g.Handle(g.t.Context(), asking("Bearer "+text))
	if err != nil {
		g.t.Fatal(err)
	}
	if answer.IsAuthorized != (answer.Context != nil) {
		g.t.Errorf("authorized %v with the context %v", answer.IsAuthorized, answer.Context)
	}
	return answer.IsAuthorized
}

func revoke(t *token.Token) {
	t.Status, t.RevokedAt, t.RevokedReason = token.Revoked, noon, token.Leaked
}

func TestAuthorizerAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*token.Token)
		want string
	}{
		"good":            {nil, `{"isAuthorized":true,"context":{"workspace":"acme","token_id":"tok_1","scope":"read write","created_by":"ann"}}`},
		"without a scope": {func(t *token.Token) { t.Scopes = nil }, `{"isAuthorized":true,"context":{"workspace":"acme","token_id":"tok_1","scope":"","created_by":"ann"}}`},
		"revoked":         {revoke, `{"isAuthorized":false}`},
		"expired":         {func(t *token.Token) { t.ExpiresAt = noon }, `{"isAuthorized":false}`},
		"retired":         {func(t *token.Token) { t.RetiresAt = noon.Add(-time.Second) }, `{"isAuthorized":false}`},
	} {
		g := newGate(t)
		g.shelf.set("good", c.edit)
		for range 2 { // as found, and as remembered
			answer, err := g.Handle(t.Context(), asking("Bearer good"))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(answer)
			if string(text) != c.want {
				t.Errorf("%s: %s, want %s", name, text, c.want)
			}
			if answer.Context != nil {
				answer.Context.Workspace = "changed by the caller"
			}
		}
		wantTouches := map[bool]int64{true: 1}[strings.Contains(c.want, "true")]
		if lookups, touches := g.shelf.lookups.Load(), g.shelf.touches.Load(); lookups != 1 || touches != wantTouches {
			t.Errorf("%s: %d lookups and %d touches, want 1 and %d", name, lookups, touches, wantTouches)
		}
	}
}

func TestAuthorizerNotesTheUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ip, agent string
		want      token.Use
	}{
		{"203.0.113.24", "curl/8.0", token.Use{IP: "203.0.113.24", Agent: "curl/8.0"}},
		{"::ffff:203.0.113.24", "", token.Use{IP: "203.0.113.24"}},
		{"2001:DB8::1", "", token.Use{IP: "2001:db8::1"}},
		{"not an address", "a\x00b\n", token.Use{Agent: "ab"}},
		{"", "curl -H 'Bearer a-token-of-some-length'", token.Use{Agent: "curl -H 'Bearer " + token.Hint("a-token-of-some-length") + "'"}},
	} {
		g := newGate(t)
		g.shelf.set("a-token-of-some-length", nil)
		g.shelf.deaf = errors.New("no reason to refuse")
		event := asking("Bearer a-token-of-some-length")
		event.RequestContext.HTTP.SourceIP, event.RequestContext.HTTP.UserAgent = c.ip, c.agent
		if answer, err := g.Handle(t.Context(), event); err != nil || !answer.IsAuthorized {
			t.Errorf("%v %v", answer, err)
		}
		if diff := cmp.Diff(c.want, g.shelf.use); diff != "" {
			t.Errorf("%q, %q:\n%s", c.ip, c.agent, diff)
		}
	}
}

// The whole way: AWS's own types, the sample event, the real table.
func TestAuthorizerOnTheTable(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	secret, err := format(t, "skp").Issue(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := issue(t, s, func(t *token.Token) { t.Hash = secret.Hash() })
	sample, err := os.ReadFile("../../events/authorizer-unknown.json")
	if err != nil {
		t.Fatal(err)
	}
	var theirs events.APIGatewayV2CustomAuthorizerV2Request
	d := json.NewDecoder(bytes.NewReader(sample))
	d.DisallowUnknownFields() // the sample is what AWS documents, and nothing else
	if err := d.Decode(&theirs); err != nil {
		t.Fatal(err)
	}
	now := noon
	a := &token.Authorizer{Store: s, Now: func() time.Time { return now }, MaxAge: time.Second}
	ask := func(credentials string) (answer events.APIGatewayV2CustomAuthorizerSimpleResponse) {
		t.Helper()
		theirs.IdentitySource[0], theirs.Headers["authorization"] = credentials, credentials
		text, _ := json.Marshal(theirs)
		var event token.AuthorizerRequest
		if err := json.Unmarshal(text, &event); err != nil {
			t.Fatal(err)
		}
		got, err := a.Handle(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ = json.Marshal(got); json.Unmarshal(text, &answer) != nil {
			t.Errorf("AWS's type does not take %s", text)
		}
		return answer
	}
	want := events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: map[string]any{
		"workspace": "acme", "token_id": made.ID, "scope": "read", "created_by": "ann",
	}}
	if diff := cmp.Diff(want, ask("Bearer "+secret.Reveal())); diff != "" {
		t.Error(diff)
	}
	used, err := s.Lookup(t.Context(), made.Hash)
	if err != nil || used.LastUsedOn != "2026-11-22" || used.LastUse.IP != theirs.RequestContext.HTTP.SourceIP || used.Version != 1 {
		t.Errorf("after a use: %+v, %v", used, err)
	}
	if ask("Bearer " + made.ID).IsAuthorized {
		t.Error("an id is taken for a token")
	}
	if err := s.Revoke(t.Context(), used, token.Leaked, "github", noon); err != nil {
		t.Fatal(err)
	}
	if now = now.Add(time.Second); ask("Bearer " + secret.Reveal()).IsAuthorized {
		t.Error("a revoked token passes")
	}
}
