// Package hygiene finds the API tokens that nobody should need any more:
// orphaned ones, whose creator has left, and unused ones. Once a day it warns
// the people who run a workspace, reminds them once, and then is silent until
// something changes. It never revokes.
//
// A run is known by its scheduled time, which is the only clock it judges by.
// What it finds is written in one transaction: the marks on the tokens, while
// they are as they were judged; the ledger's entries; and the workspace's
// account, while nobody else has written it. So runs may be repeated, killed,
// late and many at once: nothing is found, counted or told twice, and what a
// run has left undone the next one does.
package hygiene

import (
	"time"

	"safekeep/shared/token"
)

// Reason is why a token should perhaps not be there.
type Reason string

// The reasons. A token can be found for both.
const (
	Orphaned Reason = "orphaned" // its creator has left
	Unused   Reason = "unused"   // not used for Rules.Unused, and tracked that long
)

// Reasons are all of them, in the order in which they are told.
var Reasons = []Reason{Orphaned, Unused}

// Rules are how long the sweep waits.
type Rules struct {
	Unused   time.Duration // without use before a token counts as unused
	FollowUp time.Duration // from the first mail to the reminder
}

// Creator is what is known of who made a token.
type Creator int

// A creator who was never put as a member is unknown, and not judged.
const (
	Unknown Creator = iota
	Present
	Left
)

// Cause is why a finding ended.
type Cause string

// The causes.
const (
	CauseRemoved  Cause = "removed"  // somebody of the workspace revoked the token
	CauseRotated  Cause = "rotated"  // a successor took over
	CauseKept     Cause = "kept"     // somebody wants it kept for now
	CauseUsed     Cause = "used"     // it was used again
	CauseReturned Cause = "returned" // its creator came back
	CauseExpired  Cause = "expired"  // its own date passed
	CauseOther    Cause = "other"    // it leaked, or its workspace ended
)

// Outcome is what ended a finding, as the funnel counts it.
type Outcome string

// The outcomes. The first three are people's doing, told apart by which mail
// came before.
const (
	AfterFirstMail Outcome = "after_first_mail"
	AfterFollowUp  Outcome = "after_follow_up" // within Rules.FollowUp after the reminder
	Later          Outcome = "later"
	ByItself       Outcome = "by_itself" // or before anybody was told
	Kept           Outcome = "kept"
)

// Finding is what a run changes of one token for one reason: it enters a stage,
// or, with Stage "", it ends.
type Finding struct {
	Reason  Reason
	Stage   token.Stage
	Was     token.Mark // the mark before
	Cause   Cause      // of one that ends
	Outcome Outcome    // of one that ends
}

// mark returns a token's mark for a reason.
func mark(t *token.Token, reason Reason) token.Mark {
	if reason == Orphaned {
		return t.Orphaned
	}
	return t.Unused
}
