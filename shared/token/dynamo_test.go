package token_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newStore(t *testing.T) *token.Store {
	t.Helper()
	client := dynamotest.New(t)
	return &token.Store{
		Client: client, Table: dynamotest.Tokens, Tombstone: 400 * 24 * time.Hour,
		Ledger: &ledger.Store{Client: client, Table: dynamotest.Ledger},
	}
}

// issue stores a token and returns it as stored.
func issue(t *testing.T, s *token.Store, edit func(*token.Token)) token.Token {
	t.Helper()
	secret, err := format(t, "skp").Issue(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := token.Token{
		Hash: secret.Hash(), ID: "tok_" + ledger.NewSeq(), Workspace: "acme", Name: "CI deploy", Hint: secret.String(),
		CreatedBy: "ann", CreatedAt: noon.Add(-time.Hour), Scopes: []string{"read"}, Status: token.Active, Version: 1,
	}
	if edit != nil {
		edit(&made)
	}
	if err := s.Create(t.Context(), made, "ann"); err != nil {
		t.Fatal(err)
	}
	return made
}

func entries(t *testing.T, s *token.Store, id string) []ledger.Entry {
	t.Helper()
	all, _, err := s.Ledger.List(t.Context(), "acme", "", 200)
	if err != nil {
		t.Fatal(err)
	}
	var of []ledger.Entry
	for _, e := range all {
		if e.Subject == id {
			of = append(of, e)
		}
	}
	return of
}

func kinds(entries []ledger.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s@%d", e.Kind, e.Version))
	}
	return out
}

func found(url string) token.Finding {
	return token.Finding{Host: "github", At: noon, Report: "r1", ReportSize: 1, Places: []token.Place{{Source: "commit", URL: url}}}
}

var revoking = token.Policy{Revoke: true}

func TestStoreRoundTrip(t *testing.T) {
	s := newStore(t)
	made := issue(t, s, func(t *token.Token) { t.ExpiresAt = noon.Add(time.Hour) })
	byHash, err := s.Lookup(t.Context(), made.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, byHash); diff != "" {
		t.Errorf("stored and read differ:\n%s", diff)
	}
	byID, err := s.Get(t.Context(), "acme", made.ID)
	if err != nil || byID.Hash != made.Hash {
		t.Errorf("by id: %v", err)
	}
	if _, err := s.Get(t.Context(), "other", made.ID); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("another workspace's token: %v, want ErrNotFound", err)
	}
	if _, err := s.Get(t.Context(), "acme", "tok_none"); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("no token: %v, want ErrNotFound", err)
	}
}

func TestListPages(t *testing.T) {
	s := newStore(t)
	var want []string
	for range 7 {
		want = append([]string{issue(t, s, nil).ID}, want...)
	}
	issue(t, s, func(t *token.Token) { t.Workspace = "other" })
	var got []string
	for cursor := ""; ; {
		page, next, err := s.List(t.Context(), "acme", cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, tok := range page {
			got = append(got, tok.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("newest first over three pages:\n%s", diff)
	}
	if _, _, err := s.List(t.Context(), "acme", "rubbish", 3); err == nil {
		t.Error("a cursor of nobody's is taken")
	}
}

func TestExposeOutcomes(t *testing.T) {
	s := newStore(t)
	off := token.Policy{Why: "auto_revoke_off"}
	for name, c := range map[string]struct {
		edit   func(*token.Token)
		first  token.Policy
		second token.Policy
		want   [2]token.Outcome
		kinds  []string // newest first
	}{
		"revoked, then known": {nil, revoking, revoking,
			[2]token.Outcome{token.OutcomeRevoked, token.OutcomeAlreadyRevoked},
			[]string{"token.revoked@3", "token.exposed@2", "token.issued@1"}},
		"policy off, still off": {nil, off, off,
			[2]token.Outcome{token.OutcomeReportedOnly, token.OutcomeReportedOnly},
			[]string{"token.exposed@2", "token.issued@1"}},
		"policy off, then on: told again": {nil, off, revoking,
			[2]token.Outcome{token.OutcomeReportedOnly, token.OutcomeRevoked},
			[]string{"token.revoked@4", "token.exposed@3", "token.exposed@2", "token.issued@1"}},
		"expired by itself: told once": {func(t *token.Token) { t.ExpiresAt = noon.Add(-time.Minute) }, revoking, revoking,
			[2]token.Outcome{token.OutcomeAlreadyRevoked, token.OutcomeAlreadyRevoked},
			[]string{"token.exposed@2", "token.issued@1"}},
	} {
		t.Run(name, func(t *testing.T) {
			made := issue(t, s, c.edit)
			for i, policy := range []token.Policy{c.first, c.second} {
				now, err := s.Lookup(t.Context(), made.Hash)
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.Expose(t.Context(), now, found("https://github.com/a"), policy)
				if err != nil || got != c.want[i] {
					t.Errorf("report %d: %s, %v; want %s", i+1, got, err, c.want[i])
				}
			}
			if diff := cmp.Diff(c.kinds, kinds(entries(t, s, made.ID))); diff != "" {
				t.Errorf("ledger:\n%s", diff)
			}
		})
	}
}

func TestExposeNotesEveryNewPlaceOnce(t *testing.T) {
	s := newStore(t)
	made := issue(t, s, nil)
	report := func(urls ...string) {
		t.Helper()
		now, err := s.Lookup(t.Context(), made.Hash)
		if err != nil {
			t.Fatal(err)
		}
		f := found("")
		f.Places = nil
		for _, url := range urls {
			f.Places = append(f.Places, token.Place{URL: url})
		}
		if _, err := s.Expose(t.Context(), now, f, revoking); err != nil {
			t.Fatal(err)
		}
	}
	report("a", "b", "a")
	report("a")
	report("c", "b")
	want := []string{"token.sighted@5", "token.sighted@4", "token.revoked@3", "token.exposed@2", "token.issued@1"}
	if diff := cmp.Diff(want, kinds(entries(t, s, made.ID))); diff != "" {
		t.Errorf("ledger:\n%s", diff)
	}
	// More places than are kept one by one are counted.
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprint("https://github.com/", i))
	}
	report(many...)
	got, err := s.Lookup(t.Context(), made.Hash)
	if err != nil || len(got.Places) != token.MaxSightings || got.MorePlaces != 13 {
		t.Errorf("%d places and %d more, %v; want %d and 13", len(got.Places), got.MorePlaces, err, token.MaxSightings)
	}
}

// However many reports, deletions and uses come at once, one of them ends the
// token, and each change has its entry.
func TestExposeAtOnce(t *testing.T) {
	s := newStore(t)
	made := issue(t, s, nil)
	var wg sync.WaitGroup
	outcomes := make([]token.Outcome, 50)
	for i := range outcomes {
		wg.Go(func() {
			var err error
			if outcomes[i], err = s.Expose(context.Background(), made, found("https://github.com/a"), revoking); err != nil {
				t.Errorf("report %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	revoked := 0
	for _, outcome := range outcomes {
		switch outcome {
		case token.OutcomeRevoked:
			revoked++
		case token.OutcomeAlreadyRevoked:
		default:
			t.Errorf("outcome %q", outcome)
		}
	}
	if revoked != 1 {
		t.Errorf("revoked %d times", revoked)
	}
	if diff := cmp.Diff([]string{"token.revoked@3", "token.exposed@2", "token.issued@1"}, kinds(entries(t, s, made.ID))); diff != "" {
		t.Errorf("ledger:\n%s", diff)
	}
}

func TestRevokeIsForGood(t *testing.T) {
	s := newStore(t)
	made := issue(t, s, nil)
	for range 2 {
		if err := s.Revoke(t.Context(), made, token.Requested, "bob", noon); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Lookup(t.Context(), made.Hash)
	if err != nil || got.Status != token.Revoked || got.RevokedReason != token.Requested || !got.RevokedAt.Equal(noon) || got.Version != 2 {
		t.Errorf("after: %+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"token.revoked@2", "token.issued@1"}, kinds(entries(t, s, made.ID))); diff != "" {
		t.Errorf("ledger:\n%s", diff)
	}
}

func TestTouchWritesOnceADay(t *testing.T) {
	s := newStore(t)
	made := issue(t, s, nil)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{noon, "2026-11-22"},
		{noon.Add(-48 * time.Hour), "2026-11-22"}, // a clock that runs backwards
		{noon.Add(13 * time.Hour), "2026-11-23"},
	} {
		if err := s.Touch(t.Context(), made, token.Use{}, c.at); err != nil {
			t.Fatal(err)
		}
		got, err := s.Lookup(t.Context(), made.Hash)
		if err != nil || got.LastUsedOn != c.want || got.Version != 1 {
			t.Errorf("last used on %q at version %d, %v; want %q at 1", got.LastUsedOn, got.Version, err, c.want)
		}
	}
}

func TestExposedDetailIsAllThatAMailNeeds(t *testing.T) {
	s := newStore(t)
	made := issue(t, s, nil)
	made.LastUsedOn = "2026-11-21"
	if _, err := s.Expose(t.Context(), made, found("https://github.com/a"), revoking); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries(t, s, made.ID) {
		if e.Kind != ledger.TokenExposed {
			continue
		}
		var got token.ExposedDetail
		if err := json.Unmarshal(e.Detail, &got); err != nil {
			t.Fatal(err)
		}
		want := token.ExposedDetail{
			Name: "CI deploy", Hint: made.Hint, CreatedBy: "ann", CreatedAt: made.CreatedAt, LastUsedOn: "2026-11-21",
			Host: "github", Source: "commit", URL: "https://github.com/a", Outcome: token.OutcomeRevoked,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("detail:\n%s", diff)
		}
		if !e.Owes || e.Actor != "github" {
			t.Errorf("owes %v, actor %s", e.Owes, e.Actor)
		}
	}
}

func TestRevokeAllEndsAWorkspacesTokens(t *testing.T) {
	s := newStore(t)
	for range 7 {
		issue(t, s, nil)
	}
	other := issue(t, s, func(t *token.Token) { t.Workspace = "other" })
	for range 2 {
		if _, err := s.RevokeAll(t.Context(), "acme", "zoe", noon); err != nil {
			t.Fatal(err)
		}
	}
	all, _, err := s.List(t.Context(), "acme", "", 50)
	if err != nil || len(all) != 7 {
		t.Fatalf("%d tokens, %v", len(all), err)
	}
	for _, got := range all {
		if got.Status != token.Revoked || got.RevokedReason != token.Ended || got.Version != 2 {
			t.Errorf("%+v", got)
		}
	}
	if got, _ := s.Lookup(t.Context(), other.Hash); got.Status != token.Active {
		t.Error("another workspace's token was revoked")
	}
}
