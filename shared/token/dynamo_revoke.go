package token

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
)

// maxRaces bounds how often a change is decided anew because the token changed
// in between. Every round means that somebody else got one change through, and
// a token has few changes in its life: the most is a crowd of reports, each
// with a place of its own.
const maxRaces = 2 * MaxSightings

var errBusy = problem.New(problem.Unavailable, "This token is being changed by many at once; send the same request again.")

// Revoke ends a token because somebody of the workspace wants it. A token that
// has ended stays as it ended.
func (s *Store) Revoke(ctx context.Context, t Token, reason Reason, actor string, now time.Time) error {
	for race := 1; race <= maxRaces; race++ {
		if !t.GoodAt(now) {
			return nil
		}
		change := s.change(&t)
		change.revoke(reason, now)
		entry := ledger.New(t.Workspace, now, ledger.TokenRevoked, actor, t.ID, revokedDetail{Name: t.Name, Hint: t.Hint, Reason: reason})
		change.tell(entry)
		err := change.commit(ctx)
		if !errors.Is(err, dynamo.ErrCondition) {
			return err
		}
		if t, err = s.again(ctx, t.Hash, race); err != nil {
			return err
		}
	}
	return errBusy
}

// revokeAtOnce is how many tokens of an ending workspace are revoked at once.
const revokeAtOnce = 8

// RevokeAll revokes every token of a workspace that is still good, because the
// workspace ends, and returns how many there were. It reads an index, so a
// token of the last second may be found only by the next call.
func (s *Store) RevokeAll(ctx context.Context, workspace, actor string, now time.Time) (revoked int, err error) {
	for cursor := ""; ; {
		page, next, err := s.List(ctx, workspace, cursor, revokePage)
		if err != nil {
			return revoked, err
		}
		group, inner := errgroup.WithContext(ctx)
		group.SetLimit(revokeAtOnce)
		for _, t := range page {
			if t.GoodAt(now) {
				revoked++
				group.Go(func() error { return s.Revoke(inner, t, Ended, actor, now) })
			}
		}
		if err := group.Wait(); err != nil {
			return revoked, err
		}
		if cursor = next; cursor == "" {
			return revoked, nil
		}
	}
}

// revokePage is how many tokens are read at once.
const revokePage = 200

// Expose does what a report asks for: it decides by the policy, writes the
// step in one transaction, and decides anew when the token changed meanwhile.
// So of any number of reports at once, one revokes and one owes the mail.
func (s *Store) Expose(ctx context.Context, t Token, f Finding, policy Policy) (Outcome, error) {
	for race := 1; race <= maxRaces; race++ {
		step := Decide(&t, f, policy)
		if step.Empty() {
			return step.Outcome, nil
		}
		change := s.change(&t)
		s.expose(change, f, policy, step)
		err := change.commit(ctx)
		if !errors.Is(err, dynamo.ErrCondition) {
			return step.Outcome, err
		}
		t, err = s.again(ctx, t.Hash, race)
		if errors.Is(err, ErrNotFound) { // its tombstone was forgotten this very moment
			return OutcomeUnknown, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errBusy
}

// again reads the token that somebody else has just changed, a random moment
// later, so that a crowd does not stay in step.
func (s *Store) again(ctx context.Context, hash Hash, race int) (Token, error) {
	if err := dynamo.Pause(ctx, min(race, 5)); err != nil {
		return Token{}, err
	}
	return s.Lookup(ctx, hash)
}

// expose adds a step to a change.
func (s *Store) expose(change *change, f Finding, policy Policy, step Step) {
	if step.Expose {
		change.set("exposed_by", dynamo.S(f.Report))
	}
	if step.Expose && change.token.ExposedAt.IsZero() {
		change.set("exposed_at", dynamo.Time(f.At))
	}
	if step.Revoke {
		change.revoke(Leaked, f.At)
	}
	for _, entry := range step.Entries(change.token, f, policy) {
		change.tell(entry)
	}
	if places := step.NewPlaces(change.token, f); len(places) > 0 {
		change.add("places", &types.AttributeValueMemberSS{Value: places})
	}
	if step.Counted > 0 {
		change.add("more_places", dynamo.N(int64(step.Counted)))
	}
}
