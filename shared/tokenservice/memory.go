package tokenservice

import (
	"time"

	"safekeep/shared/token"
)

// memory is what the ledger remembers of a token that is kept elsewhere. Its
// parts are markers of the token's workspace, each named for what was done and
// the token's hash.
type memory struct {
	// told is when the workspace was told that a token which has ended had
	// leaked; reported, when it was told so of one that was left alive.
	told, reported time.Time
	// ending is when we set out to end it. It is noted before the service is
	// asked, because a process that dies after that has no other way to know.
	ending time.Time
	// places are the digests of the URLs it was found at, at most
	// token.MaxSightings, and more counts those after that.
	places  []string
	more    int64
	version int64 // of places and more, and of the ledger's entries
}

// The names of the markers.
const (
	toldMarker     = "exposed#"
	reportedMarker = "reported#"
	endingMarker   = "ending#"
	placesMarker   = "sighted#"
)

// exposed is when the workspace was first told of the token, or zero.
func (m *memory) exposed() time.Time {
	if !m.reported.IsZero() {
		return m.reported
	}
	return m.told
}

// decide says what a report changes in the ledger, once the service has done
// its part: ended says that it was asked to end the token, and has. It returns
// the token as the ledger saw it until now.
func (m *memory) decide(t token.Token, f token.Finding, policy token.Policy, ended bool) (token.Token, token.Policy, token.Step) {
	t.Places, t.MorePlaces, t.Version, t.ExposedAt = m.places, m.more, m.version, m.exposed()
	// It has been revoked, we set out to do it, and the ledger does not tell of
	// it: somebody of ours died in between.
	unfinished := t.Status == token.Revoked && !m.ending.IsZero()
	switch {
	case !m.told.IsZero():
		// Told once is told, whatever the service said of it since.
		t.Status, t.RevokedAt, t.RevokedReason = token.Revoked, m.told, token.Leaked
	case ended || unfinished:
		// In the ledger it is still good, and this is where that ends.
		t.Status, t.RevokedAt, t.RevokedReason = token.Active, time.Time{}, ""
		policy = token.Policy{Revoke: true}
	}
	return t, policy, token.Decide(&t, f, policy)
}
