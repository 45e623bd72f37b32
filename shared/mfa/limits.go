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
// nothing is checked until another factor is enrolled in its place, or an admin
// resets the account. A success by what is counted forgets it. The counters are one
// item, so one conditional write reserves a try, and the limits hold for any number
// of tries at once.
//
// An app's codes and those of texts count together. Recovery codes have a count of
// their own, and passkeys none: they cannot be guessed, and somebody who guesses at
// six digits must not lock out an owner who has something better at hand.
type Limits struct {
	Tries  int
	Window time.Duration
}

// HardStop is how many tries in a row may fail before what they were at is checked
// no more.
//
// Source: NIST SP 800-63B-4, 3.2.2.
const HardStop = 100

// maxLock is the longest that verifying is locked before the hard stop.
const maxLock = 24 * time.Hour

// never is until when what has come to the hard stop is locked.
var never = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Tries are the tries that an account has had of what is counted together.
type Tries struct {
	Window
	// Streak is how many there were since the last success.
	Streak int
	Last   time.Time
}

// counted says whether tries by a method are limited.
func (k Kind) counted() bool { return k != Passkey }

// tries are those that count against the limits of a method.
func (a Account) tries(method Kind) Tries {
	switch method {
	case Passkey:
		return Tries{}
	case Recovery:
		return a.CodeTries
	default:
		return a.Tries
	}
}

// Reservation is a try that is about to be counted.
type Reservation struct {
	Method    Kind
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
