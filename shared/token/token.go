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
	Expired   Reason = "expired"   // its own date has passed
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
	Version       int64
	RevokedAt     time.Time
	RevokedReason Reason
	// LastUsedOn is the UTC day of the last introspection, "2026-11-22", or
	// "" when none was seen. Reports never touch it.
	LastUsedOn string
	// ExposedAt is when the first report of it was acted on, or zero.
	ExposedAt time.Time
	// Places are digests of the URLs it was found at, at most MaxSightings;
	// MorePlaces counts the reports after that.
	Places     []string
	MorePlaces int64
}

// idPrefix begins every token's id; a ULID follows.
const idPrefix = "tok_"

func isID(s string) bool {
	ulid, ok := strings.CutPrefix(s, idPrefix)
	return ok && !ledger.SeqTime(ulid).IsZero()
}

// ErrNotFound is for a token that is not there or belongs to another workspace.
var ErrNotFound = problem.New(problem.NotFound, "There is no such token in this workspace.")

// ExpiredAt says whether the token's own date has passed.
func (t *Token) ExpiredAt(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// GoodAt says whether the token may be used.
func (t *Token) GoodAt(now time.Time) bool {
	return t.Status == Active && !t.ExpiredAt(now)
}

// End returns when and why the token stopped being good; ok is false while it
// still is.
func (t *Token) End(now time.Time) (at time.Time, reason Reason, ok bool) {
	switch {
	case t.Status == Revoked:
		return t.RevokedAt, t.RevokedReason, true
	case t.ExpiredAt(now):
		return t.ExpiresAt, Expired, true
	default:
		return time.Time{}, "", false
	}
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

// issuedDetail is the detail of a token.issued entry.
type issuedDetail struct {
	Name      string     `json:"name"`
	Hint      string     `json:"hint"`
	CreatedBy string     `json:"created_by"`
	Scopes    []string   `json:"scopes,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// optional is nil for the zero time, as JSON wants it.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
