package token

import (
	"context"
	"fmt"
	"testing"
	"time"
	"unsafe"
)

// start is a reading of both clocks, so that the tests see what Lambda sees.
var start = time.Now()

// nobody is a store without a token; a use to note would be a mistake.
type nobody struct{ AuthorizerStore }

func (nobody) Lookup(context.Context, Hash) (Token, error) { return Token{}, ErrNotFound }

// everybody is a store in which every string is a good token.
type everybody struct{}

func (everybody) Lookup(_ context.Context, hash Hash) (Token, error) {
	return Token{Hash: hash, Status: Active}, nil
}

func (everybody) Touch(context.Context, Token, Use, time.Time) error { return nil }

func remembered(name string, asked time.Time) finding {
	return finding{hash: Hash(name), asked: asked, good: &AuthorizerContext{TokenID: name}}
}

func (r *recent) knows(name string, now time.Time) bool {
	f, ok := r.get(Hash(name), now, MaxAuthorizerAge)
	return ok && f.answer().IsAuthorized
}

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	var r recent
	for i := range maxRecent + 100 {
		r.put(remembered(fmt.Sprint(i), start.Add(time.Duration(i))), MaxAuthorizerAge)
	}
	if len(r.byHash) != maxRecent || r.byAge.Len() != maxRecent {
		t.Errorf("%d and %d are kept, want %d", len(r.byHash), r.byAge.Len(), maxRecent)
	}
	now := start.Add(time.Second)
	if r.knows("99", now) || !r.knows("100", now) || !r.knows(fmt.Sprint(maxRecent+99), now) {
		t.Error("others than the oldest had to go")
	}
	// Asked again, the oldest becomes the newest and takes nobody's place.
	r.put(remembered("100", now), MaxAuthorizerAge)
	if len(r.byHash) != maxRecent || !r.knows("101", now) {
		t.Error("a token that is known already pushes another one out")
	}
	r.put(remembered("new", now), MaxAuthorizerAge)
	if r.knows("101", now) || !r.knows("100", now) {
		t.Error("the one to go is not the oldest")
	}
	// What is too old is not kept until its place is needed.
	r.put(remembered("late", now.Add(MaxAuthorizerAge)), MaxAuthorizerAge)
	if len(r.byHash) != 1 || r.byAge.Len() != 1 {
		t.Errorf("%d and %d are kept, want 1", len(r.byHash), r.byAge.Len())
	}
}

func TestRecentHoldsNoGuess(t *testing.T) {
	t.Parallel()
	a := &Authorizer{Store: nobody{}, Now: func() time.Time { return start }, MaxAge: MaxAuthorizerAge}
	for i := range 20_000 {
		event := AuthorizerRequest{Version: "2.0", IdentitySource: []string{fmt.Sprint("Bearer guess", i)}}
		if answer, err := a.Handle(t.Context(), event); err != nil || answer.IsAuthorized {
			t.Fatal(answer, err)
		}
	}
	if len(a.recent.byHash) != 0 || a.recent.byAge.Len() != 0 {
		t.Errorf("%d guesses are remembered", a.recent.byAge.Len())
	}
}

func TestRecentIsNotUsedWithoutAge(t *testing.T) {
	t.Parallel()
	a := &Authorizer{Store: everybody{}, Now: func() time.Time { return start }}
	answer, err := a.Handle(t.Context(), AuthorizerRequest{Version: "2.0", IdentitySource: []string{"Bearer any"}})
	if err != nil || !answer.IsAuthorized || a.recent.byAge.Len() != 0 {
		t.Errorf("%v %v, and %d answers are remembered", answer, err, a.recent.byAge.Len())
	}
}

// Answers do not come in the order of the questions.
func TestRecentBelievesTheLaterQuestion(t *testing.T) {
	t.Parallel()
	var r recent
	later, now := start.Add(time.Second), start.Add(2*time.Second)
	r.put(finding{hash: "a", asked: later}, MaxAuthorizerAge) // revoked by then
	r.put(remembered("a", start), MaxAuthorizerAge)           // still good, asked before
	if r.knows("a", now) {
		t.Error("a late answer brings a revoked token back")
	}
	r.put(remembered("a", later), MaxAuthorizerAge) // a clock may not tell them apart
	if r.knows("a", now) {
		t.Error("an answer of the same moment brings a revoked token back")
	}
	r.put(remembered("c", later), MaxAuthorizerAge)
	r.put(remembered("c", start), MaxAuthorizerAge)
	if !r.knows("c", start.Add(MaxAuthorizerAge)) {
		t.Error("an old answer takes the place of a younger one")
	}
	r.put(remembered("b", start), MaxAuthorizerAge)
	r.put(finding{hash: "b", asked: start}, MaxAuthorizerAge)
	if f, ok := r.get("b", now, MaxAuthorizerAge); !ok || f.good != nil {
		t.Error("the end of a token is not noted")
	}
}

// A process that was frozen wakes with a monotonic clock that stood still.
func TestTheSlowerClockIsNotBelieved(t *testing.T) {
	t.Parallel()
	woken := start.Add(time.Hour)
	// Package time offers no way to make such a reading: its second word is the
	// monotonic clock's.
	words := func(t *time.Time) *[2]uint64 { return (*[2]uint64)(unsafe.Pointer(t)) }
	words(&woken)[1] = words(&start)[1]
	if woken.Sub(start) != 0 || woken.Round(0).Sub(start.Round(0)) != time.Hour {
		t.Fatal("time.Time is laid out in another way now: this test must be brought up to date")
	}
	setBack := start.Add(time.Second).Round(0).Add(-time.Hour)
	for name, c := range map[string]struct {
		now  time.Time
		want time.Duration
	}{
		"both run":                  {start.Add(time.Second), time.Second},
		"without a monotonic clock": {start.Round(0).Add(time.Second), time.Second},
		"frozen":                    {woken, time.Hour},
		"set back":                  {setBack, time.Second - time.Hour},
	} {
		if got := between(start, c.now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	var r recent
	r.put(remembered("a", start), MaxAuthorizerAge)
	if r.knows("a", woken) || r.knows("a", setBack) || !r.knows("a", start.Add(time.Second)) {
		t.Error("an answer of unknown age is believed, or a fresh one is not")
	}
}
