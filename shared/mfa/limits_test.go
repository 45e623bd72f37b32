package mfa_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"safekeep/shared/mfa"
)

var limits = mfa.Limits{Tries: 5, Window: 15 * time.Minute}

// fail makes tries that fail until there is a lock, and returns how many there
// were and until when it lasts.
func fail(t mfa.Tries, now time.Time) (mfa.Tries, int, time.Time) {
	for n := 0; ; n++ {
		r, until := limits.Reserve(t, now)
		if !until.IsZero() {
			return t, n, until
		}
		t = r.Next
	}
}

// Whoever tries as often as they may: five at once, and locks of 15 minutes,
// doubling, up to a day; at a hundred it ends.
func TestEscalation(t *testing.T) {
	var tries mfa.Tries
	now, total := noon, 0
	for _, want := range []time.Duration{
		15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour,
		24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour,
		24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	} {
		var n int
		var until time.Time
		tries, n, until = fail(tries, now)
		if n != 5 || until.Sub(now) != want {
			t.Fatalf("after %d tries: %d more, then locked for %v, want %v", total, n, until.Sub(now), want)
		}
		if got := limits.Left(tries, now); got != 0 {
			t.Errorf("%d left while locked", got)
		}
		if _, n, _ := fail(tries, until.Add(-time.Millisecond)); n != 0 {
			t.Errorf("%d tries before the lock ends", n)
		}
		if got := limits.Left(tries, until); got != 5 {
			t.Errorf("%d left when the lock ends", got)
		}
		now, total = until, total+n
	}
	tries, n, until := fail(tries, now)
	if n != 5 || until.Year() != 9999 || tries.Streak != mfa.HardStop {
		t.Errorf("%d more, then locked until %v at %d", n, until, tries.Streak)
	}
	if _, n, _ := fail(tries, now.AddDate(50, 0, 0)); n != 0 {
		t.Errorf("%d tries after the hard stop", n)
	}
}

// A boundary between windows gives nobody the limit twice.
func TestBoundary(t *testing.T) {
	edge := time.UnixMilli((noon.UnixMilli()/limits.Window.Milliseconds() + 1) * limits.Window.Milliseconds())
	for before := range 5 {
		var tries mfa.Tries
		for range before {
			r, until := limits.Reserve(tries, edge.Add(-time.Millisecond))
			if !until.IsZero() {
				t.Fatal("locked too early")
			}
			tries = r.Next
		}
		_, n, until := fail(tries, edge)
		if n != 5-before || !until.Equal(edge.Add(15*time.Minute)) {
			t.Errorf("%d tries, then %d at the boundary, locked until %v", before, n, until)
		}
	}
}

// However tries are spread, no stretch as long as a window has more than five,
// and none beyond a hundred is checked. A clock that runs behind changes nothing.
func TestNeverMoreInAWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tries mfa.Tries
		var checked []time.Time
		now := noon
		for range rapid.IntRange(1, 400).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20*60).Draw(t, "seconds")) * time.Second)
			at := now
			if rapid.IntRange(0, 9).Draw(t, "behind") == 0 {
				at = at.Add(-time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			}
			if left := limits.Left(tries, at); left < 0 || left > 5 {
				t.Fatalf("%d left", left)
			}
			r, until := limits.Reserve(tries, at)
			if until.IsZero() != (limits.Left(tries, at) > 0) {
				t.Fatalf("locked until %v with %d left", until, limits.Left(tries, at))
			}
			if !until.IsZero() {
				continue
			}
			if r.Next.Count > r.Room {
				t.Fatalf("%d reserved where there is room for %d", r.Next.Count, r.Room)
			}
			tries, checked = r.Next, append(checked, now)
			if n := len(checked); n > 5 && now.Sub(checked[n-6]) < limits.Window-2*time.Second {
				t.Fatalf("six tries within %v", now.Sub(checked[n-6]))
			}
		}
		if len(checked) > mfa.HardStop {
			t.Fatalf("%d checked", len(checked))
		}
	})
}

func TestWatch(t *testing.T) {
	v := mfa.Vigilance{Failures: 5, Within: 15 * time.Minute}
	type step struct {
		minutes float64
		replay  bool
		want    string // "failures replays", "" for nothing to tell
	}
	for name, steps := range map[string][]step{
		"five": {{0, false, ""}, {1, false, ""}, {2, false, ""}, {3, false, ""}, {4, false, "5 0"}},
		// Once in the window, and again when there are as many in the next.
		"on and on": {
			{0, false, ""}, {1, false, ""}, {2, false, ""}, {3, false, ""}, {4, false, "5 0"},
			{5, false, ""}, {10, false, ""}, {12, false, ""}, {18.9, false, ""}, {19, false, "5 0"},
		},
		"replays count double": {{0, true, ""}, {1, false, ""}, {2, true, "3 2"}},
		"slow":                 {{0, false, ""}, {5, false, ""}, {10, false, ""}, {15, false, ""}, {20, false, ""}, {25, false, ""}, {30, false, ""}},
		// Astride of any boundary that a clock may have.
		"astride": {{14, false, ""}, {14.5, false, ""}, {15.5, false, ""}, {16, false, ""}, {28.9, false, "5 0"}},
	} {
		var w mfa.Watch
		for i, s := range steps {
			var failures, replays int
			w, failures, replays = v.Add(w, mfa.Failure{At: noon.Add(time.Duration(s.minutes * float64(time.Minute))), Method: mfa.TOTP, Replay: s.replay})
			got := ""
			if failures > 0 {
				got = fmt.Sprint(failures, " ", replays)
			}
			if got != s.want {
				t.Errorf("%s: failure %d tells %q, want %q", name, i+1, got, s.want)
			}
		}
	}
}
