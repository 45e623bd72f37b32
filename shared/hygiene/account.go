package hygiene

import (
	"time"

	"safekeep/shared/token"
)

// Account is what stands of a workspace's hygiene beside the marks on its
// tokens: the figures of all runs, and which run was told of last. It is written
// with every marking, in the same transaction, and only over the version that
// was read. So the figures count each entry of the ledger once, and nothing can
// be marked behind the back of a run that tells.
type Account struct {
	Workspace string `json:"-"`
	Version   int64  `json:"-"` // counts the writes; 0 is none yet
	// At is the scheduled time of the latest run that marked or told something.
	At time.Time `json:"at"`
	// Told is the scheduled time of the run whose digest was written last, and
	// Thanked how many tokens people had cleaned up by then.
	Told    time.Time `json:"told,omitzero"`
	Thanked int       `json:"thanked"`
	// Untold is when, by the wall clock, the first finding was marked that no
	// digest has told of; zero when there is none.
	Untold time.Time `json:"untold,omitzero"`
	Tally  Tally     `json:"tally"`
}

// with returns the account after some steps of a run, marked at the given time
// of the wall clock.
func (a Account) with(steps []step, at, now time.Time) Account {
	a.At = at
	for _, s := range steps {
		a.Tally.count(s)
		for _, f := range s.found {
			if f.Stage != "" && a.Untold.IsZero() {
				a.Untold = now.UTC()
			}
		}
	}
	return a
}

// due says whether a run is to write a digest: one a day, if there may be
// something to tell.
func (a Account) due(at time.Time) bool {
	return !a.Untold.IsZero() && (a.Told.IsZero() || token.Day(a.Told) < token.Day(at))
}

// told returns the account after a run has told of all that was found.
func (a Account) told(at time.Time) Account {
	a.At, a.Told, a.Thanked, a.Untold = at, at, a.Tally.Tokens.Cleaned(), time.Time{}
	return a
}
