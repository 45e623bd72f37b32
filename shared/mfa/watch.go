package mfa

import (
	"slices"
	"time"
)

// Vigilance is when failures are told to the person whose password was right:
// Failures of them within a stretch of time, once in it.
type Vigilance struct {
	Failures int
	Within   time.Duration
}

// replayWeight is what a code counts that was used before. A mistyped code is a
// person's; a used one is likely somebody's who looked over a shoulder, or sits
// between the person and the page (NIST SP 800-63B-4, 3.1.4.2, has it told).
const replayWeight = 2

// Somebody patient stays below Failures and lets the owner's sign-ins set the
// streak back. So one of patient times Failures is told too, once in patience,
// with all that failed in that time.
const (
	patient  = 2
	patience = 24 * time.Hour
)

// Failure is one at the second step, after the right password.
type Failure struct {
	At     time.Time `json:"at"`
	Method Kind      `json:"method"`
	Replay bool      `json:"replay,omitempty"`
}

// Watch is what is remembered of an account's failures. A success does not end
// it: that the owner signs in says nothing of who failed.
type Watch struct {
	Version  int64
	Failures []Failure
	ToldAt   time.Time
}

// failing is the detail of an mfa.failing entry. IP and UserAgent are where the
// last failure came from, as far as the sign-in service says.
type failing struct {
	Failures  int       `json:"failures"`
	Replays   int       `json:"replays"`
	Minutes   int       `json:"minutes"` // within how many; 0 of somebody patient
	Methods   []Kind    `json:"methods"`
	FirstAt   time.Time `json:"first_at"`
	LastAt    time.Time `json:"last_at"`
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

// add remembers a failure, the last of a streak, and returns what there is to
// tell, or nil. The last one before the hard stop is told however few came before
// it: somebody slow would else lock the owner out without a word.
func (v Vigilance) add(w Watch, f Failure, streak int) (Watch, *failing) {
	w.Failures = append(since(w.Failures, f.At.Add(-max(v.Within, patience))), f)
	// What weighs enough already gains nothing by more.
	if most := max(v.Failures, HardStop); len(w.Failures) > most {
		w.Failures = w.Failures[len(w.Failures)-most:]
	}
	recent := since(w.Failures, f.At.Add(-v.Within))
	quiet := f.At.Sub(w.ToldAt)
	switch d := describe(recent); {
	case quiet >= v.Within && d.weight() >= v.Failures:
		w.ToldAt, d.Minutes = f.At, int(v.Within.Minutes())
		return w, &d
	case quiet >= v.Within && streak >= HardStop, quiet >= max(v.Within, patience) && streak >= patient*v.Failures:
		w.ToldAt, d = f.At, describe(w.Failures)
		return w, &d
	default:
		return w, nil
	}
}

// since are the failures after a time.
func since(failures []Failure, start time.Time) []Failure {
	return slices.DeleteFunc(slices.Clone(failures), func(f Failure) bool { return !f.At.After(start) })
}

// weight is what failures count together.
func (d failing) weight() int { return d.Failures + (replayWeight-1)*d.Replays }

// describe sums failures up, of which there is one at least.
func describe(failures []Failure) failing {
	d := failing{Failures: len(failures), FirstAt: failures[0].At, LastAt: failures[0].At}
	for _, f := range failures {
		if f.Replay {
			d.Replays++
		}
		if !slices.Contains(d.Methods, f.Method) {
			d.Methods = append(d.Methods, f.Method)
		}
		if f.At.Before(d.FirstAt) {
			d.FirstAt = f.At
		}
		if f.At.After(d.LastAt) {
			d.LastAt = f.At
		}
	}
	return d
}
