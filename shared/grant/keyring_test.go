package grant_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"safekeep/shared/grant"
	"safekeep/shared/problem"
)

// reason is what became of a token: "" when it passed.
func reason(t *testing.T, verifier *grant.Verifier, jwt string, now time.Time) string {
	t.Helper()
	_, err := verifier.Verify(t.Context(), jwt, now)
	if errors.Is(err, grant.ErrUnavailable) {
		return "unavailable"
	}
	return grant.Reason(err)
}

// A key is asked for once in the life of a process, whatever passes by.
func TestKeyIsKept(t *testing.T) {
	v := newVault(t)
	verifier := grant.NewVerifier(v, parties)
	for i := range 100 {
		_, jwt := issue(t, v)
		if got := reason(t, verifier, jwt, noon.Add(time.Duration(i)*time.Second)); got != "" {
			t.Fatal(got)
		}
	}
	if _, asks := v.counts(); asks != 101 { // each issue() is a process of its own
		t.Errorf("asked %d times", asks-100)
	}
}

// A replaced key is found by the first grant of the new one, and ends there.
func TestReplacedKey(t *testing.T) {
	v := newVault(t)
	verifier := grant.NewVerifier(v, parties)
	_, old := issue(t, v)
	if got := reason(t, verifier, old, noon); got != "" {
		t.Fatal(got)
	}
	v.set(func() { v.private = newPrivate(t) })
	_, next := issue(t, v)
	for _, step := range []struct {
		jwt  string
		at   time.Duration
		want string
	}{
		{old, 10 * time.Second, ""}, // nobody has told us yet
		{next, 11 * time.Second, ""},
		{old, 12 * time.Second, grant.WrongKey},
		{next, 13 * time.Second, ""},
	} {
		if got := reason(t, verifier, step.jwt, noon.Add(step.at)); got != step.want {
			t.Errorf("at %v: %q, want %q", step.at, got, step.want)
		}
	}
}

// Invented key names cannot make us ask more often than every 5 seconds, nor
// keep a new key from being found by then.
func TestInventedKeys(t *testing.T) {
	v := newVault(t)
	verifier := grant.NewVerifier(v, parties)
	_, jwt := issue(t, v)
	if got := reason(t, verifier, jwt, noon); got != "" {
		t.Fatal(got)
	}
	_, before := v.counts()
	theirs := newPrivate(t)
	forged := signed(t, theirs, headerOf(kidOf(t, &theirs.PublicKey)), claimsOf(newGrant(t)))
	for ms := range 60_000 / 10 {
		if got := reason(t, verifier, forged, noon.Add(time.Duration(ms)*10*time.Millisecond)); got != grant.WrongKey {
			t.Fatalf("%d ms: %q", ms*10, got)
		}
	}
	if _, asks := v.counts(); asks-before != 11 { // at 5, 10 … 55 s; the key itself was asked for at 0
		t.Errorf("asked %d times in a minute", asks-before)
	}
	v.set(func() { v.private = newPrivate(t) })
	_, next := issue(t, v)
	late := time.Duration(0)
	for ; reason(t, verifier, next, noon.Add(55*time.Second+late)) != ""; late += 100 * time.Millisecond {
		_ = reason(t, verifier, forged, noon.Add(55*time.Second+late))
	}
	if late > 5*time.Second {
		t.Errorf("the new key was found after %v", late)
	}
	// A clock that is set back does not stretch the wait.
	v.set(func() { v.private = newPrivate(t) })
	_, third := issue(t, v)
	if got := reason(t, verifier, third, noon.Add(-time.Second)); got != "" {
		t.Errorf("a minute back: %q", got)
	}
}

// Without KMS a grant is neither good nor bad, unless the key is there already.
func TestVerifyWithoutKMS(t *testing.T) {
	v := newVault(t)
	verifier := grant.NewVerifier(v, parties)
	_, jwt := issue(t, v)
	theirs := newPrivate(t)
	forged := signed(t, theirs, headerOf(kidOf(t, &theirs.PublicKey)), claimsOf(newGrant(t)))
	down := errors.New("no route to host")
	v.set(func() { v.down = down })
	_, err := verifier.Verify(t.Context(), jwt, noon)
	if p, _ := problem.Of(err); p != grant.ErrUnavailable || p.Kind != problem.Unavailable || !errors.Is(err, down) || grant.Reason(err) != "" {
		t.Errorf("%v", err)
	}
	if got := reason(t, verifier, "no.grant.", noon); got != grant.Misshapen {
		t.Errorf("what needs no key: %q", got)
	}
	v.set(func() { v.down = nil })
	if got := reason(t, verifier, jwt, noon); got != "" { // at once: without a key there is no rest
		t.Errorf("and back again: %q", got)
	}
	v.set(func() { v.down = down })
	_, before := v.counts()
	for name, step := range map[string][2]string{"known": {jwt, ""}, "unknown": {forged, "unavailable"}} {
		for s := range 4 {
			if got := reason(t, verifier, step[0], noon.Add(time.Duration(10+s)*time.Second)); got != step[1] {
				t.Errorf("%s, second %d: %q, want %q", name, s, got, step[1])
			}
		}
	}
	if _, asks := v.counts(); asks-before != 1 {
		t.Errorf("asked %d times", asks-before)
	}
	v.set(func() { v.down = nil })
	if got := reason(t, verifier, forged, noon.Add(20*time.Second)); got != grant.WrongKey {
		t.Errorf("and back again: %q", got)
	}
}

// A key that no grant can be signed with says nothing about a grant.
func TestVerifyWithAnotherKindOfKey(t *testing.T) {
	v := newVault(t)
	_, jwt := issue(t, v)
	v.set(func() { v.public = publicOn384(t) })
	if got := reason(t, grant.NewVerifier(v, parties), jwt, noon); got != "unavailable" {
		t.Errorf("%q", got)
	}
}

// One who gives up does not spoil it for the others, and a source that never
// answers is given up after 5 seconds.
func TestSlowKMS(t *testing.T) {
	v := newVault(t)
	_, jwt := issue(t, v)
	synctest.Test(t, func(t *testing.T) {
		v.set(func() { v.block = make(chan struct{}) })
		verifier := grant.NewVerifier(v, parties)
		began := time.Now()
		_, before := v.counts()
		var all sync.WaitGroup
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := verifier.Verify(ctx, jwt, noon); !errors.Is(err, grant.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("gave up with %v", err)
			}
		})
		synctest.Wait() // it is the impatient one that asks
		for range 100 {
			all.Go(func() {
				if _, err := verifier.Verify(t.Context(), jwt, noon); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(2 * time.Second)
		close(v.block)
		all.Wait()
		if _, asks := v.counts(); asks-before != 1 || time.Since(began) != 2*time.Second {
			t.Errorf("asked %d times in %v", asks-before, time.Since(began))
		}

		v.set(func() { v.block = make(chan struct{}) })
		began, verifier = time.Now(), grant.NewVerifier(v, parties)
		if got := reason(t, verifier, jwt, noon); got != "unavailable" || time.Since(began) != 5*time.Second {
			t.Errorf("%q after %v", got, time.Since(began))
		}
	})
}
