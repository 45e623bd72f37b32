package token

import (
	"fmt"
	"strings"
	"time"

	"safekeep/shared/ledger"
)

// Stage is how far the people of a workspace have been told of a finding.
type Stage string

// A finding is warned of, and some days later reminded of. After that there is
// silence until it ends, which takes the stage back to "".
const (
	Warned   Stage = "warned"
	Reminded Stage = "reminded"
)

// Mark is one finding of the daily sweep on a token; the zero Mark is none.
type Mark struct {
	Stage Stage
	Since time.Time // the scheduled time of the run that entered the stage
}

// Keep is somebody's wish that a token be left in peace.
type Keep struct {
	Until  time.Time // midnight UTC; zero: no such wish
	Reason string
	By     string
	At     time.Time
}

// KeptAt says whether somebody wants the token left in peace at that time.
func (t *Token) KeptAt(now time.Time) bool { return now.Before(t.Kept.Until) }

// TrackedSince is since when the token's use is known: since it was issued
// here or, of one issued elsewhere, since it was imported.
func (t *Token) TrackedSince() time.Time {
	if !t.ImportedAt.IsZero() {
		return t.ImportedAt
	}
	return t.CreatedAt
}

// RotatedAt is when a successor took over, or the zero time. A successor's id
// says when it was made; the token's own end is that of the overlap.
func (t *Token) RotatedAt() time.Time {
	return ledger.SeqTime(strings.TrimPrefix(t.Successor.ID, idPrefix))
}

// Findings returns the marks that matter at a time: none of a token that has
// ended, has a successor or is kept.
func (t *Token) Findings(now time.Time) (orphaned, unused Mark) {
	if !t.GoodAt(now) || t.Successor.ID != "" || t.KeptAt(now) {
		return Mark{}, Mark{}
	}
	return t.Orphaned, t.Unused
}

// Sound returns an error about a stored token that a sweep cannot judge.
func (t *Token) Sound() error {
	for _, attribute := range [...]struct {
		name string
		odd  bool
	}{
		{"hash", t.Hash == ""}, {"id", !isID(t.ID)}, {"version", t.Version < 1}, {"created_by", t.CreatedBy == ""},
		{"status", t.Status != Active && t.Status != Revoked}, {"created_at", t.TrackedSince().IsZero()},
		{"orphaned_stage", !t.Orphaned.sound()}, {"unused_stage", !t.Unused.sound()},
	} {
		if attribute.odd {
			return fmt.Errorf("token %q: its %s is not what we store", t.ID, attribute.name)
		}
	}
	return nil
}

func (m Mark) sound() bool {
	return m == Mark{} || (m.Stage == Warned || m.Stage == Reminded) && !m.Since.IsZero()
}

// Marking is what a sweep changes of one token: the marks it has from then on,
// and the entries that tell why.
type Marking struct {
	Token            Token // as it was judged
	Orphaned, Unused Mark
	At               time.Time // the run's scheduled time
	ByUse            bool      // it goes by when the token was used last
	Entries          []ledger.Entry
}
