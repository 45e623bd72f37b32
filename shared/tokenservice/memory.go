package tokenservice

import (
	"time"

	"safekeep/shared/token"
)

// memory is what the ledger remembers of a token that is kept elsewhere. Its
// parts are markers of the token's workspace, each named for what was done and
// the token's hash.
type memory struct {
	// told is when the workspace was told that a leaked token was ended for it;
	// reported, that one was left alive; endedBefore, that one had ended anyway.
	// After the last two it can still be told that a token is alive: the company
	// may bring back what it has ended.
	told, reported, endedBefore time.Time
	// ending is when we set out to end it. It is noted before the service is
	// asked, because a process that dies after that has no other way to know.
	ending time.Time
	// places are the digests of the URLs it was found at, at most
	// token.MaxSightings, and more counts those after that.
	places  []string
	more    int64
	version int64 // of places, more and accounted, and of the ledger's entries
	// revivals counts how often a token was found alive after it was told that
	// it was ended, and accounted, how many of those the ledger tells the end of.
	revivals, accounted int64
}

// The names of the markers.
const (
	toldMarker        = "exposed#"
	reportedMarker    = "reported#"
	endedBeforeMarker = "ended-before#"
	endingMarker      = "ending#"
	placesMarker      = "sighted#"
	revivedMarker     = "revived#"
)

// exposed is when the workspace was first told of the token, or zero. That it
// had ended does not count for one that is alive.
func (m *memory) exposed(t *token.Token) time.Time {
	switch {
	case !m.reported.IsZero():
		return m.reported
	case !m.endedBefore.IsZero() && !alive(t):
		return m.endedBefore
	}
	return m.told
}

// alive says whether the service showed the token as active: one that has
// expired has a time for it.
func alive(t *token.Token) bool { return t.Status == token.Active && t.ExpiresAt.IsZero() }

// decide says what a report changes in the ledger, once the service has done
// its part: ended says that it was asked to end the token, and has. It returns
// the token as the ledger saw it until now.
func (m *memory) decide(t token.Token, f token.Finding, policy token.Policy, ended bool) (token.Token, token.Policy, token.Step) {
	t.Places, t.MorePlaces, t.Version, t.ExposedAt = m.places, m.more, m.version, m.exposed(&t)
	gone := t.Status == token.Revoked
	// It has been revoked, we set out to do it, and the ledger does not tell of
	// it: somebody of ours died in between.
	unfinished := gone && !m.ending.IsZero()
	switch {
	case !m.told.IsZero():
		// Told once is told, whatever the service said of it since.
		t.Status, t.RevokedAt, t.RevokedReason = token.Revoked, m.told, token.Leaked
		step := token.Decide(&t, f, policy)
		// But each end that we put to it stands in the ledger. Unless we were
		// about to and nobody has yet: the service shows it alive still.
		if m.revivals > m.accounted && (ended || gone) {
			step.Outcome, step.Revoke = token.OutcomeRevoked, true
		}
		return t, policy, step
	case ended || unfinished:
		// In the ledger it is still good, and this is where that ends.
		t.Status, t.RevokedAt, t.RevokedReason = token.Active, time.Time{}, ""
		policy = token.Policy{Revoke: true}
	}
	return t, policy, token.Decide(&t, f, policy)
}
