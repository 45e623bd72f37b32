// Package hygiene finds the API tokens that nobody should need any more:
// orphaned ones, whose creator has left, and unused ones. Once a day it warns
// the people who run a workspace, reminds them once, and then is silent until
// something changes. It never revokes.
//
// A run is known by its scheduled time, which is the only clock it has. What it
// finds is written on the token and told in the ledger, in one transaction that
// holds only while the token is as it was judged. So a run that is repeated, by
// many at once or after it was killed, changes nothing that stands already; and
// one that comes late catches up.
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

// forward is the hour by which a clock is put forward in spring, when a day of
// a schedule in local time is short.
const forward = time.Hour

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
	Removed   Cause = "removed"   // somebody of the workspace revoked the token
	Replaced  Cause = "rotated"   // a successor took over
	Chosen    Cause = "kept"      // somebody wants it kept for now
	Used      Cause = "used"      // it was used again
	Returned  Cause = "returned"  // its creator came back
	Expired   Cause = "expired"   // its own date passed
	Elsewhere Cause = "otherwise" // it leaked, or its workspace ended
)

// Outcome is what ended a finding, as the funnel counts it.
type Outcome string

// The outcomes. The first three are people's doing, told apart by which mail
// came before.
const (
	AfterFirstMail Outcome = "after_first_mail"
	AfterFollowUp  Outcome = "after_follow_up" // within Rules.FollowUp after the reminder
	Later          Outcome = "later"
	ByItself       Outcome = "by_itself"
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
