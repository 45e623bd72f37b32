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
	Minutes   int       `json:"minutes"`
	Methods   []Kind    `json:"methods"`
	FirstAt   time.Time `json:"first_at"`
	LastAt    time.Time `json:"last_at"`
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

// add remembers a failure, and returns what there is to tell, or nil. The last
// one before the hard stop is told however few came before it: somebody slow
// would else lock the owner out without a word.
func (v Vigilance) add(w Watch, f Failure, last bool) (Watch, *failing) {
	start := f.At.Add(-v.Within)
	w.Failures = slices.DeleteFunc(slices.Clone(w.Failures), func(old Failure) bool { return !old.At.After(start) })
	w.Failures = append(w.Failures, f)
	// What weighs enough already gains nothing by more.
	if most := max(v.Failures, HardStop); len(w.Failures) > most {
		w.Failures = w.Failures[len(w.Failures)-most:]
	}
	weight, d := 0, failing{Failures: len(w.Failures), Minutes: int(v.Within.Minutes()), FirstAt: f.At, LastAt: f.At}
	for _, f := range w.Failures {
		weight++
		if f.Replay {
			weight += replayWeight - 1
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
	if weight < v.Failures && !last || f.At.Before(w.ToldAt.Add(v.Within)) {
		return w, nil
	}
	w.ToldAt = f.At
	return w, &d
}
