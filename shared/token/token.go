package token

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/problem"
)

// Status is whether a token may be used.
type Status string

// A token is active until it is revoked, for good. Expiry is no status of its
// own: it is compared with the time at every use.
const (
	Active  Status = "active"
	Revoked Status = "revoked"
)

// Reason is why a token is no longer good.
type Reason string

// The reasons so far.
const (
	Leaked    Reason = "leaked"    // found in public
	Requested Reason = "requested" // somebody of the workspace revoked it
	Rotated   Reason = "rotated"   // a successor took over, and the overlap is over
	Expired   Reason = "expired"   // its own date has passed
	Ended     Reason = "workspace_ended"
)

// MaxSightings is how many places a token was found at are kept one by one;
// further ones are only counted.
const MaxSightings = 50

// Token is what is known of one token. The token itself is not among it.
type Token struct {
	Hash      Hash
	ID        string // "tok_" and a ULID
	Workspace string
	Name      string
	Hint      string
	CreatedBy string
	CreatedAt time.Time
	Scopes    []string
	ExpiresAt time.Time // zero: never
	Status    Status
	// Version counts the ledger entries about this token.
	Version   int64
	RevokedAt time.Time
	// RevokedReason is "" when another service than ours revoked it: why, and
	// whether anybody was told, is not known here.
	RevokedReason Reason
	// LastUsedOn is the UTC day of the last introspection, "2026-11-22", or
	// "" when none was seen. Reports never touch it. LastUse is the use that
	// was noted for that day, at LastUsedAt.
	LastUsedOn string
	LastUsedAt time.Time
	LastUse    Use
	// ImportedAt is when a token that was issued elsewhere came to us, and
	// since when its use is tracked; zero for those issued here.
	ImportedAt time.Time
	// RetiresAt is when the overlap of a rotation ends, or zero. Successor is
	// what the token was rotated to, Predecessor what it replaces.
	RetiresAt              time.Time
	Successor, Predecessor Sibling
	// Orphaned and Unused are what the daily sweep found, SweptAt the scheduled
	// time of the run that last changed either, or zero.
	Orphaned, Unused Mark
	SweptAt          time.Time
	Kept             Keep
	// ExposedAt is when the first report of it was acted on, or zero.
	ExposedAt time.Time
	// ExposedBy is the digest of the report that was acted on last.
	ExposedBy string
	// Places are digests of the URLs it was found at, at most MaxSightings;
	// MorePlaces counts the reports after that.
	Places     []string
	MorePlaces int64
}

// Use is where a token was used from, as far as the company's API says.
type Use struct {
	IP    string
	Agent string // the User-Agent header
}

// Sibling names the other token of a rotation.
type Sibling struct{ ID, Hint string }

// idPrefix begins every token's id; a ULID follows.
const idPrefix = "tok_"

func isID(s string) bool {
	ulid, ok := strings.CutPrefix(s, idPrefix)
	return ok && !ledger.SeqTime(ulid).IsZero()
}

// ErrNotFound is for a token that is not there or belongs to another workspace.
var ErrNotFound = problem.New(problem.NotFound, "There is no such token in this workspace.")

// GoodUntil returns when an active token ends by the clock: its own date or
// the end of its rotation's overlap, whichever is first. Zero is never.
func (t *Token) GoodUntil() (end time.Time, reason Reason) {
	if !t.RetiresAt.IsZero() && (t.ExpiresAt.IsZero() || !t.ExpiresAt.Before(t.RetiresAt)) {
		return t.RetiresAt, Rotated
	}
	return t.ExpiresAt, Expired
}

// GoodAt says whether the token may be used.
func (t *Token) GoodAt(now time.Time) bool {
	_, _, ended := t.End(now)
	return !ended
}

// End returns when and why the token stopped being good; ended is false while
// it still is.
func (t *Token) End(now time.Time) (at time.Time, reason Reason, ended bool) {
	if t.Status == Revoked {
		return t.RevokedAt, t.RevokedReason, true
	}
	if at, reason = t.GoodUntil(); at.IsZero() || now.Before(at) {
		return time.Time{}, "", false
	}
	return at, reason, true
}

// FoundAt says whether a place is already known, or can only be counted.
func (t *Token) FoundAt(place string) bool { return slices.Contains(t.Places, place) }

// PlaceOf returns the digest a URL is remembered by. Eight bytes are enough to
// tell fifty places apart, and a URL chosen by somebody else is not worth more.
func PlaceOf(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:8])
}

// Day returns the UTC day of a time as it is stored.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// issuedDetail is the detail of token.issued and token.imported entries.
type issuedDetail struct {
	Name        string     `json:"name"`
	Hint        string     `json:"hint"`
	CreatedBy   string     `json:"created_by"`
	Scopes      []string   `json:"scopes,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	Predecessor string     `json:"predecessor,omitempty"` // the id it replaces
}

func issuedEntry(t Token, actor string) ledger.Entry {
	return birthEntry(t, ledger.TokenIssued, t.CreatedAt, actor)
}

func birthEntry(t Token, kind ledger.Kind, at time.Time, actor string) ledger.Entry {
	return ledger.New(t.Workspace, at, kind, actor, t.ID, issuedDetail{
		Name: t.Name, Hint: t.Hint, CreatedBy: t.CreatedBy, Scopes: t.Scopes,
		ExpiresAt: optional(t.ExpiresAt), Predecessor: t.Predecessor.ID,
	})
}

// optional is nil for the zero time, as JSON wants it.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
