package tokenservice

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/token"
)

// A process that dies after the service has ended the token, or never hears of
// it, leaves nothing told; the next delivery tells, once and rightly.
func TestDiesBetweenRevocationAndLedger(t *testing.T) {
	for name, policy := range map[string]token.Policy{"policy stays": revoking, "policy is switched off": off} {
		d := newDouble(t)
		s := d.store()
		_, hash := d.add("active")
		ctx, die := context.WithCancel(t.Context())
		d.onRevoked(die)
		if _, err := deliver(ctx, s, hash, finding("u"), revoking); err == nil {
			t.Fatalf("%s: it did not die", name)
		}
		if lines := story(t, s); len(lines) != 0 {
			t.Fatalf("%s: half told: %v", name, lines)
		}
		d.onRevoked(nil)
		if outcome, err := deliver(t.Context(), s, hash, finding("u"), policy); err != nil || outcome != token.OutcomeRevoked {
			t.Errorf("%s: %s, %v", name, outcome, err)
		}
		if _, err := deliver(t.Context(), s, hash, finding("u"), policy); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"1 token.exposed revoked owes", "2 token.revoked"}, story(t, s)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// The ledger is down when the service has done its part.
func TestLedgerDown(t *testing.T) {
	d := newDouble(t)
	s := d.store()
	_, hash := d.add("active")
	d.onRevoked(func() { s.Ledger.Table = "Nowhere" })
	if _, err := deliver(t.Context(), s, hash, finding("u"), revoking); err == nil {
		t.Fatal("decided without a ledger")
	}
	d.onRevoked(nil)
	s.Ledger.Table = dynamotest.Ledger
	if outcome, err := deliver(t.Context(), s, hash, finding("u"), revoking); err != nil || outcome != token.OutcomeRevoked {
		t.Errorf("%s, %v", outcome, err)
	}
	if lines := story(t, s); len(lines) != 2 {
		t.Errorf("told %v", lines)
	}
}

// The service misbehaves at the lookup or at the revocation; nothing is told
// until it behaves, and then once.
func TestNothingIsHalfTold(t *testing.T) {
	for _, misdeed := range []string{"slow", "hangs up", "503", "truncated", "garbage", "huge", "wrong key", "replay", "redirect", "content type"} {
		for _, at := range []string{"lookup", "revoke"} {
			t.Run(misdeed+" at "+at, func(t *testing.T) {
				t.Parallel()
				d := newDouble(t)
				s := d.store()
				_, hash := d.add("active")
				if _, err := s.Find(t.Context(), []token.Hash{hash}); err != nil { // something to replay
					t.Fatal(err)
				}
				if at == "lookup" {
					d.misbehave(misdeed, 0)
				} else {
					d.onRevoked(func() { d.misbehave(misdeed, 0) })
				}
				if outcome, err := deliver(t.Context(), s, hash, finding("u"), revoking); err == nil {
					t.Fatalf("outcome %s", outcome)
				}
				if lines := story(t, s); len(lines) != 0 {
					t.Fatalf("half told: %v", lines)
				}
				d.onRevoked(nil)
				d.misbehave("", 0)
				if outcome, err := deliver(t.Context(), s, hash, finding("u"), revoking); err != nil || outcome != token.OutcomeRevoked {
					t.Errorf("%s, %v", outcome, err)
				}
				if diff := cmp.Diff([]string{"1 token.exposed revoked owes", "2 token.revoked"}, story(t, s)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestServiceForgetsInBetween(t *testing.T) {
	d := newDouble(t)
	s := d.store()
	_, hash := d.add("active")
	d.lookedUp = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.tokens, hash)
	}
	if outcome, err := deliver(t.Context(), s, hash, finding("u"), revoking); err == nil {
		t.Errorf("outcome %s: a live token may be called a false positive", outcome)
	}
	if outcome, err := deliver(t.Context(), s, hash, finding("u"), revoking); err != nil || outcome != token.OutcomeUnknown {
		t.Errorf("then: %s, %v", outcome, err)
	}
	if lines := story(t, s); len(lines) != 0 {
		t.Errorf("told %v", lines)
	}
}

// Only hashes leave, and neither keys nor tokens stand in a log or the ledger.
func TestNothingLeaks(t *testing.T) {
	var log buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)
	d := newDouble(t)
	s := d.store()
	text, hash := d.add("active")
	for _, misdeed := range []string{"", "garbage", "not HTTP", "401", "wrong key", ""} {
		d.misbehave(misdeed, 0)
		if _, err := deliver(t.Context(), s, hash, finding("u"), revoking); err != nil {
			slog.Error("not decided on", "error", err.Error(), "remote", fmt.Sprintf("%v", s.Remote.base))
			quiet(t, fmt.Sprintf("%v %+v %#v", err, err, err), text)
		}
	}
	quiet(t, log.b.String(), text)
	for _, c := range d.calls {
		quiet(t, c.body, text)
	}
	entries, _, err := s.Ledger.List(t.Context(), "acme", "", 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		quiet(t, fmt.Sprintf("%+v %s", e, e.Detail), text)
	}
}
