package token_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"safekeep/shared/token"
)

func TestAuthorizerForgetsInTime(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	g.shelf.set("good", nil)
	if !g.lets("good", 0) {
		t.Fatal("a good token is refused")
	}
	g.shelf.set("good", revoke)
	if !g.lets("good", 4.999) {
		t.Error("the answer is not remembered") // or nothing below shows anything
	}
	if g.lets("good", 5) {
		t.Error("a revoked token passes after 5 seconds")
	}
	// That it has ended is remembered too, and for no longer.
	if g.lets("good", 9.9); g.shelf.lookups.Load() != 2 {
		t.Errorf("%d lookups, want 2", g.shelf.lookups.Load())
	}
	if g.lets("good", 10); g.shelf.lookups.Load() != 3 {
		t.Errorf("%d lookups, want 3", g.shelf.lookups.Load())
	}
	if g.shelf.touches.Load() != 1 {
		t.Errorf("%d uses noted; a remembered answer notes none, nor does a refusal", g.shelf.touches.Load())
	}
	// A clock that runs backwards proves nothing about the age of an answer.
	g.shelf.set("other", nil)
	g.lets("other", 20)
	g.shelf.set("other", revoke)
	if g.lets("other", 19) {
		t.Error("an answer from the future is believed")
	}
}

func TestAuthorizerEndsWithTheToken(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*token.Token){
		"expires": func(t *token.Token) { t.ExpiresAt = noon.Add(2 * time.Second) },
		"retires": func(t *token.Token) {
			t.ExpiresAt, t.RetiresAt = noon.Add(time.Hour), noon.Add(2*time.Second)
		},
	} {
		g := newGate(t)
		g.shelf.set("brief", edit)
		if !g.lets("brief", 0) || !g.lets("brief", 1.999) {
			t.Errorf("%s: refused before its time", name)
		}
		if g.lets("brief", 2) || g.lets("brief", 2.5) {
			t.Errorf("%s: passes after its time, because it was remembered", name)
		}
	}
}

// The age of an answer counts from before the question, and whether the token
// is good from after it.
func TestAuthorizerOverASlowTable(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	takes := func(d time.Duration) func(context.Context) {
		return func(context.Context) { g.now = g.now.Add(d) }
	}
	g.shelf.set("good", nil)
	g.shelf.slowLookup = takes(3 * time.Second)
	g.lets("good", 0)
	g.shelf.set("good", revoke)
	if g.lets("good", 5) {
		t.Error("a slow table makes a revoked token pass for longer")
	}
	g.shelf.set("brief", func(t *token.Token) { t.ExpiresAt = noon.Add(12 * time.Second) })
	if g.lets("brief", 10) {
		t.Error("a token passes that ended while it was looked up")
	}
}

// An answer comes before Lambda ends the process, and bookkeeping holds up none.
func TestAuthorizerInTime(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) { <-ctx.Done() }
	for name, c := range map[string]struct {
		slow func(*shelf)
		want time.Duration
	}{
		"lookup": {func(s *shelf) { s.slowLookup, s.broken = hang, context.DeadlineExceeded }, 4500 * time.Millisecond},
		"touch":  {func(s *shelf) { s.slowTouch, s.deaf = hang, context.DeadlineExceeded }, 300 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			g.shelf.set("good", nil)
			c.slow(g.shelf)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			began := time.Now()
			answer, err := g.Handle(ctx, asking("Bearer good"))
			if took := time.Since(began); took != c.want || answer.IsAuthorized != (err == nil) {
				t.Errorf("%s: after %v: %v %v, want it after %v", name, took, answer, err, c.want)
			}
		})
	}
}

func TestAuthorizerAge(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int]time.Duration{0: 0, 3: 3 * time.Second, 5: 5 * time.Second} {
		if got, err := token.CacheAge(seconds); err != nil || got != want {
			t.Errorf("%d: %v %v, want %v", seconds, got, err, want)
		}
	}
	for _, seconds := range []int{-1, 6, 300, 1 << 40} {
		if got, err := token.CacheAge(seconds); err == nil || got != 0 || !strings.Contains(err.Error(), "CACHE_SECONDS is "+fmt.Sprint(seconds)) {
			t.Errorf("%d: %v %v", seconds, got, err)
		}
	}
	for name, c := range map[string]struct {
		age     time.Duration
		at      float64
		lookups int64
	}{
		"no cache":                {0, 0, 2},
		"short":                   {time.Second, 1, 2},
		"too long is cut":         {time.Hour, 5, 2},
		"too long, within bounds": {time.Hour, 4.9, 1},
	} {
		g := newGate(t)
		g.MaxAge = c.age
		g.shelf.set("good", nil)
		g.lets("good", 0)
		if g.lets("good", c.at); g.shelf.lookups.Load() != c.lookups {
			t.Errorf("%s: %d lookups, want %d", name, g.shelf.lookups.Load(), c.lookups)
		}
	}
}

func TestAuthorizerNeverGuesses(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	g.shelf.set("good", nil)
	g.shelf.broken = errors.New("the table does not answer")
	answer, err := g.Handle(t.Context(), asking("Bearer good"))
	if !errors.Is(err, g.shelf.broken) || answer.IsAuthorized || answer.Context != nil {
		t.Errorf("%v %v", answer, err)
	}
	if g.shelf.broken = nil; !g.lets("good", 0) {
		t.Error("a failure is remembered")
	}
	// An outage shorter than the answers' age is not even felt, a longer one is.
	g.shelf.broken = errors.New("the table does not answer")
	if !g.lets("good", 1) {
		t.Error("a remembered answer is not used")
	}
	g.now = noon.Add(5 * time.Second)
	if answer, err := g.Handle(t.Context(), asking("Bearer good")); err == nil || answer.IsAuthorized {
		t.Error("an old answer stands in for the table")
	}
}

// A guess costs the same lookup as a token that exists, and nothing else.
func TestAuthorizerAndManyGuesses(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	g.shelf.set("good", nil)
	g.lets("good", 0)
	f := format(t, "skp")
	for range 20_000 {
		guess, err := f.Issue(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if g.lets(guess.Reveal(), 1) {
			t.Fatal("a guess is let through")
		}
	}
	if lookups, touches := g.shelf.lookups.Load(), g.shelf.touches.Load(); lookups != 20_001 || touches != 1 {
		t.Errorf("%d lookups and %d writes, want 20,001 and 1", lookups, touches)
	}
	if !g.lets("good", 2) || g.shelf.lookups.Load() != 20_001 {
		t.Error("guesses pushed a good token's answer out")
	}
}

func TestAuthorizerAtOnce(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	for i := range 10 {
		g.shelf.set(fmt.Sprint("good", i), nil)
	}
	var clock atomic.Int64
	g.Now = func() time.Time { return noon.Add(time.Duration(clock.Add(1)) * time.Millisecond) }
	var ended atomic.Bool
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			for i := range 2000 {
				if n == 0 && i == 1000 {
					g.shelf.set("good3", revoke)
					clock.Add(token.MaxAuthorizerAge.Milliseconds())
					ended.Store(true)
				}
				dead := ended.Load()
				text := fmt.Sprint("good", i%10)
				answer, err := g.Handle(t.Context(), asking("Bearer "+text))
				if err != nil || !answer.IsAuthorized && text != "good3" || answer.IsAuthorized && text == "good3" && dead {
					t.Errorf("%s: authorized %v though revoked %v, %v", text, answer.IsAuthorized, dead, err)
				}
			}
		})
	}
	all.Wait()
}
