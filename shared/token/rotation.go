package token

import (
	"errors"
	"fmt"
	"time"

	"safekeep/shared/problem"
)

// The overlap of a rotation, in hours: how long the old token still works.
const (
	DefaultOverlap = 24
	MaxOverlap     = 30 * 24
)

// ErrEnded is for a token that cannot be rotated because it is no longer good.
var ErrEnded = problem.New(problem.Conflict, "This token is no longer good; issue a new one.")

// errRotated is for a token that has a successor already.
func errRotated(t Token) error {
	return problem.New(problem.Conflict, fmt.Sprintf("This token was rotated to %s already; rotate that one.", t.Successor.ID))
}

// errRaced says that the token changed while its rotation was being written.
var errRaced = errors.New("the token changed in between")

// rotateRequest may be left out, and with it every field.
type rotateRequest struct {
	OverlapHours *int `json:"overlap_hours"`
	// CreatedBy is who the successor belongs to; nil is who the token does. An
	// orphaned token finds a home this way.
	CreatedBy *string `json:"created_by"`
}

// checkOverlap returns how long the old token is to work.
func checkOverlap(hours *int) (time.Duration, error) {
	if hours == nil {
		return DefaultOverlap * time.Hour, nil
	}
	if *hours < 0 || *hours > MaxOverlap {
		return 0, problem.Field("overlap_hours", fmt.Sprintf("must be 0 (the old token ends at once) to %d", MaxOverlap))
	}
	return time.Duration(*hours) * time.Hour, nil
}

// succeed returns the token that takes over from t, made by the given user: the
// same name and scopes, the same wish to keep it, and if t has an end, one as far
// off as t's was when it was made.
func (t *Token) succeed(id, creator string, secret Secret, now time.Time) Token {
	next := Token{
		Hash: secret.Hash(), ID: id, Workspace: t.Workspace, Name: t.Name, Hint: secret.String(),
		CreatedBy: creator, CreatedAt: now, Scopes: t.Scopes, Status: Active, Version: 1,
		Predecessor: Sibling{t.ID, t.Hint}, Kept: t.Kept,
	}
	if !t.ExpiresAt.IsZero() {
		next.ExpiresAt = now.Add(t.ExpiresAt.Sub(t.CreatedAt))
	}
	return next
}

// rotatedDetail is the detail of a token.rotated entry.
type rotatedDetail struct {
	Name          string    `json:"name"`
	Hint          string    `json:"hint"`
	Until         time.Time `json:"until"` // when the old token stops working
	Successor     string    `json:"successor"`
	SuccessorHint string    `json:"successor_hint"`
}
