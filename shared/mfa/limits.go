package mfa

import (
	"time"
)

// Window counts what happened in a stretch of time, and in the one before it.
// Numbers count stretches from the Unix epoch.
type Window struct {
	Number        int64
	Count, Before int
}

// used is what counts against a limit. The stretch before counts in full, so
// that a boundary lets nobody have the limit twice.
func (w Window) used() int { return w.Count + w.Before }

// at is the window as of the stretch with a number. A clock that is behind does
// not turn it back.
func (w Window) at(number int64) Window {
	switch {
	case number <= w.Number:
		return w
	case number == w.Number+1:
		return Window{Number: number, Before: w.Count}
	default:
		return Window{Number: number}
	}
}

// numberOf is the number of the stretch that a time falls into.
func numberOf(t time.Time, length time.Duration) int64 { return t.UnixMilli() / length.Milliseconds() }

// Limits are how often somebody may try to verify.
//
// At most Tries are checked in a window and the one before it. When they are used
// up, nothing is checked for as long as a window after the last try; that doubles
// with every further Tries that have failed since the last success, up to a day,
// and then counting starts afresh. After HardStop tries in a row without success
// nothing is checked until an admin resets the account. A success forgets all of
// it. The counters are one item, so one conditional write reserves a try, and the
// limits hold for any number of tries at once.
type Limits struct {
	Tries  int
	Window time.Duration
}

// HardStop is how many tries in a row may fail before only a reset helps.
//
// Source: NIST SP 800-63B-4, 3.2.2.
const HardStop = 100

// maxLock is the longest that verifying is locked before the hard stop.
const maxLock = 24 * time.Hour

// never is until when an account is locked that only a reset opens.
var never = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Tries are the tries to verify that an account has had.
type Tries struct {
	Window
	// Streak is how many there were since the last success.
	Streak int
	Last   time.Time
}

// Reservation is a try that is about to be counted.
type Reservation struct {
	Was, Next Tries
	// Room is what the count of this window must stay below.
	Room int
}

// lockedUntil is until when no try is checked, or zero.
func (l Limits) lockedUntil(t Tries, now time.Time) time.Time {
	if t.Streak >= HardStop {
		return never
	}
	if t.used() < l.Tries {
		return time.Time{}
	}
	lock := min(l.Window<<min(max(t.Streak/l.Tries-1, 0), 16), maxLock)
	if until := t.Last.Add(lock); now.Before(until) {
		return until
	}
	return time.Time{}
}

// window is the one that the next try counts in. Once a lock has been sat out,
// what led to it counts no more.
func (l Limits) window(t Tries, now time.Time) Window {
	number := numberOf(now, l.Window)
	if t.used() >= l.Tries {
		return Window{Number: max(number, t.Number+1)}
	}
	return t.at(number)
}

// reserve returns the reservation of the next try, or until when there is none.
func (l Limits) reserve(t Tries, now time.Time) (Reservation, time.Time) {
	if until := l.lockedUntil(t, now); !until.IsZero() {
		return Reservation{}, until
	}
	next := Tries{Window: l.window(t, now), Streak: t.Streak + 1, Last: now}
	next.Count++
	return Reservation{Was: t, Next: next, Room: l.Tries - next.Before}, time.Time{}
}

// left is how many tries there are before the next lock.
func (l Limits) left(t Tries, now time.Time) int {
	if !l.lockedUntil(t, now).IsZero() {
		return 0
	}
	return min(l.Tries-l.window(t, now).used(), HardStop-t.Streak)
}
