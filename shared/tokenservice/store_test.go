package tokenservice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/token"
)

var (
	revoking = token.Policy{Revoke: true}
	off      = token.Policy{Why: "auto_revoke_off"}
)

func finding(urls ...string) token.Finding {
	f := token.Finding{Host: "github", At: noon, Report: "r1", ReportSize: 1}
	for _, url := range urls {
		f.Places = append(f.Places, token.Place{Source: "commit", URL: url})
	}
	return f
}

// deliver finds a token and exposes it, as a report does.
func deliver(ctx context.Context, s *Store, hash token.Hash, f token.Finding, policy token.Policy) (token.Outcome, error) {
	found, err := s.Find(ctx, []token.Hash{hash})
	if err != nil {
		return "", err
	}
	t, ok := found[hash]
	if !ok {
		return token.OutcomeUnknown, nil
	}
	return s.Expose(ctx, t, f, policy)
}

// story is what the ledger tells of a workspace, oldest first, in short.
func story(t *testing.T, s *Store) []string {
	t.Helper()
	all, _, err := s.Ledger.List(context.Background(), "acme", "", 200)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, e := range all {
		var detail struct{ Outcome, Why string }
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%d %s", e.Version, e.Kind)
		if detail.Outcome != "" {
			line += " " + detail.Outcome
		}
		if e.Owes {
			line += " owes"
		}
		lines = append([]string{line}, lines...)
	}
	return lines
}

func TestExpose(t *testing.T) {
	const told, ended, seen = "token.exposed revoked owes", "token.revoked", "token.sighted"
	type delivery struct {
		policy token.Policy
		url    string
		want   token.Outcome
	}
	again := func(outcome token.Outcome) []delivery {
		return []delivery{{revoking, "u1", outcome}, {revoking, "u1", token.OutcomeAlreadyRevoked}, {off, "u1", token.OutcomeAlreadyRevoked}}
	}
	for name, c := range map[string]struct {
		status     string
		deliveries []delivery
		want       []string
		ended      int
	}{
		"active":          {"active", again(token.OutcomeRevoked), []string{"1 " + told, "2 " + ended}, 1},
		"revoked before":  {"revoked", again(token.OutcomeAlreadyRevoked), []string{"1 token.exposed already_revoked owes"}, 0},
		"expired":         {"expired", again(token.OutcomeAlreadyRevoked), []string{"1 token.exposed already_revoked owes"}, 0},
		"reported only":   {"active", []delivery{{off, "u1", "reported_only"}, {off, "u1", "reported_only"}}, []string{"1 token.exposed reported_only owes"}, 0},
		"policy, then on": {"active", []delivery{{off, "u1", "reported_only"}, {revoking, "u1", "revoked"}, {revoking, "u1", "already_revoked"}}, []string{"1 token.exposed reported_only owes", "2 " + told, "3 " + ended}, 1},
		"a second place":  {"active", []delivery{{revoking, "u1", "revoked"}, {revoking, "u2", "already_revoked"}, {revoking, "u2", "already_revoked"}}, []string{"1 " + told, "2 " + ended, "3 " + seen}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDouble(t)
			s := d.store()
			_, hash := d.add(c.status)
			for i, delivery := range c.deliveries {
				outcome, err := deliver(t.Context(), s, hash, finding(delivery.url), delivery.policy)
				if err != nil || outcome != delivery.want {
					t.Errorf("delivery %d: %s, %v; want %s", i+1, outcome, err, delivery.want)
				}
			}
			if diff := cmp.Diff(c.want, story(t, s)); diff != "" {
				t.Error(diff)
			}
			if ended, _ := d.counts(); ended != c.ended {
				t.Errorf("ended %d tokens, want %d", ended, c.ended)
			}
		})
	}
}

func TestDetailOfExposure(t *testing.T) {
	d := newDouble(t)
	s := d.store()
	text, hash := d.add("expired")
	if _, err := deliver(t.Context(), s, hash, finding("https://github.com/a"), revoking); err != nil {
		t.Fatal(err)
	}
	entries, _, err := s.Ledger.List(t.Context(), "acme", "", 10)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	var got token.ExposedDetail
	if err := json.Unmarshal(entries[0].Detail, &got); err != nil {
		t.Fatal(err)
	}
	expired := noon.Add(-time.Minute)
	want := token.ExposedDetail{
		Name: "CI deploy", Hint: token.Hint(text), CreatedBy: "ann", CreatedAt: noon.Add(-time.Hour), LastUsedOn: "2026-11-21",
		ExpiredAt: &expired, Host: "github", Source: "commit", URL: "https://github.com/a", Outcome: token.OutcomeAlreadyRevoked,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e := entries[0]; e.Report != "r1" || e.ReportSize != 1 || e.Actor != "github" || e.Subject != d.tokens[hash]["id"] {
		t.Errorf("entry %+v", e)
	}
	found, err := s.Find(t.Context(), []token.Hash{hash})
	tok := found[hash]
	if err != nil || token.Decide(&tok, finding("https://github.com/a"), revoking).Expose {
		t.Errorf("what was told is expected to be told again: %v", err)
	}
}

func TestFiftyDeliveriesAtOnce(t *testing.T) {
	d := newDouble(t)
	s := d.store()
	s.Remote.timeout = callTimeout
	_, hash := d.add("active")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			outcome, err := deliver(t.Context(), s, hash, finding(fmt.Sprint("u", i%3)), revoking)
			if err != nil || !outcome.Known() {
				t.Errorf("%s, %v", outcome, err)
			}
		})
	}
	wg.Wait()
	kinds := map[string]int{}
	for _, line := range story(t, s) {
		kinds[strings.Fields(line)[1]]++
	}
	if diff := cmp.Diff(map[string]int{"token.exposed": 1, "token.revoked": 1, "token.sighted": 2}, kinds); diff != "" {
		t.Error(diff)
	}
	if ended, _ := d.counts(); ended != 1 {
		t.Errorf("ended %d times", ended)
	}
}

func TestSightingsEnd(t *testing.T) {
	d := newDouble(t)
	s := d.store()
	_, hash := d.add("active")
	var urls []string
	for i := range token.MaxSightings + 20 {
		urls = append(urls, fmt.Sprint("u", i))
	}
	for range 2 {
		if _, err := deliver(t.Context(), s, hash, finding(urls...), revoking); err != nil {
			t.Fatal(err)
		}
	}
	if lines := story(t, s); len(lines) != token.MaxSightings+1 { // the first place is told with the exposure
		t.Errorf("%d entries", len(lines))
	}
	found, err := s.Find(t.Context(), []token.Hash{hash})
	if got := found[hash]; err != nil || len(got.Places) != token.MaxSightings || got.MorePlaces != 40 {
		t.Errorf("%d places and %d more, %v; want %d and 40", len(got.Places), got.MorePlaces, err, token.MaxSightings)
	}
}

// activate brings a token back to life.
func (d *double) activate(hash token.Hash) {
	d.set(hash, "status", "active")
	d.set(hash, "ended_at", nil)
}

// A token that the service brings back to life after its leak was told is ended
// again by the next report. Each end stands in the ledger; the mail goes once.
func TestBroughtBackToLife(t *testing.T) {
	d := newDouble(t)
	s := d.store()
	_, hash := d.add("active")
	for range 3 {
		for _, want := range []token.Outcome{token.OutcomeRevoked, token.OutcomeAlreadyRevoked} {
			if outcome, err := deliver(t.Context(), s, hash, finding("u"), revoking); err != nil || outcome != want {
				t.Fatalf("%s, %v; want %s", outcome, err, want)
			}
		}
		d.activate(hash)
	}
	if ended, _ := d.counts(); ended != 3 {
		t.Errorf("ended %d times, want 3", ended)
	}
	if diff := cmp.Diff([]string{"1 token.exposed revoked owes", "2 token.revoked", "3 token.revoked", "4 token.revoked"}, story(t, s)); diff != "" {
		t.Error(diff)
	}
}

// So it is when many deliveries find it alive at once, and when the one that
// ended it died before it could tell.
func TestBroughtBackToLifeUnderWay(t *testing.T) {
	want := []string{"1 token.exposed revoked owes", "2 token.revoked", "3 token.revoked"}
	for name, again := range map[string]func(*double, *Store, token.Hash){
		"many at once": func(_ *double, s *Store, hash token.Hash) {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if _, err := deliver(t.Context(), s, hash, finding("u"), revoking); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		},
		"dies": func(d *double, s *Store, hash token.Hash) {
			ctx, die := context.WithCancel(t.Context())
			d.onRevoked(die)
			if _, err := deliver(ctx, s, hash, finding("u"), revoking); err == nil {
				t.Error("it did not die")
			}
			d.onRevoked(nil)
			for range 2 {
				if _, err := deliver(t.Context(), s, hash, finding("u"), off); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		d := newDouble(t)
		s := d.store()
		s.Remote.timeout = callTimeout
		_, hash := d.add("active")
		if _, err := deliver(t.Context(), s, hash, finding("u"), revoking); err != nil {
			t.Fatal(err)
		}
		d.activate(hash)
		again(d, s, hash)
		if diff := cmp.Diff(want, story(t, s)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// That a token had ended already is no reason to be silent when it is alive.
func TestEndedBeforeAndBroughtBack(t *testing.T) {
	const before = "1 token.exposed already_revoked owes"
	for name, c := range map[string]struct {
		policies []token.Policy // of the reports after it was brought back
		want     []string
	}{
		"revoked":            {[]token.Policy{revoking, revoking}, []string{before, "2 token.exposed revoked owes", "3 token.revoked"}},
		"left alive":         {[]token.Policy{off, off}, []string{before, "2 token.exposed reported_only owes"}},
		"left, then revoked": {[]token.Policy{off, revoking, off}, []string{before, "2 token.exposed reported_only owes", "3 token.exposed revoked owes", "4 token.revoked"}},
	} {
		for _, status := range []string{"revoked", "expired"} {
			t.Run(name+" after "+status, func(t *testing.T) {
				t.Parallel()
				d := newDouble(t)
				s := d.store()
				_, hash := d.add(status)
				for range 2 {
					if outcome, err := deliver(t.Context(), s, hash, finding("u"), revoking); err != nil || outcome != token.OutcomeAlreadyRevoked {
						t.Fatalf("%s, %v", outcome, err)
					}
				}
				d.activate(hash)
				for _, policy := range c.policies {
					if _, err := deliver(t.Context(), s, hash, finding("u"), policy); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(c.want, story(t, s)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}
