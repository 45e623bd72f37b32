package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// Rotate stores the successor of a token and when the token itself ends, in
// one transaction. It returns errRaced, and stores nothing, when the token is
// not the one that was read any more.
func (s *Store) Rotate(ctx context.Context, old, next Token, until time.Time, actor string) error {
	now := next.CreatedAt
	change := s.change(&old)
	change.set("successor_id", dynamo.S(next.ID))
	change.set("successor_hint", dynamo.S(next.Hint))
	if until.After(now) {
		change.set("retires_at", dynamo.Time(until))
		if end, _ := old.GoodUntil(); end.IsZero() || until.Before(end) {
			change.purge(until)
		}
	} else {
		change.revoke(Rotated, now)
	}
	change.tell(ledger.New(old.Workspace, now, ledger.TokenRotated, actor, old.ID, rotatedDetail{
		Name: old.Name, Hint: old.Hint, Until: until, Successor: next.ID, SuccessorHint: next.Hint,
	}))
	change.with(s.birth(next, issuedEntry(next, actor))...)
	err := change.commit(ctx)
	if errors.Is(err, dynamo.ErrCondition) {
		return errRaced
	}
	if err != nil {
		return fmt.Errorf("rotating token %s: %w", old.ID, err)
	}
	return nil
}
