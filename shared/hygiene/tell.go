package hygiene

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// slack is how far the clocks of those who write entries may be off, by which
// their seqs are made.
const slack = time.Hour

// tell writes the day's digest, if there is something to tell, and the account
// that says so, in one transaction. What it tells is read from the ledger, and
// not from what this visit happened to find. Nothing can be marked in between,
// for that would have changed the account.
func (v *visit) tell(ctx context.Context) error {
	for range maxRaces {
		if v.account == nil || !v.account.due(v.at) {
			return nil
		}
		story, err := v.read(ctx)
		if err != nil {
			return err
		}
		next, digest := v.digest(story)
		err = v.sweep.Book.Tell(ctx, next, digest)
		if err == nil {
			if digest != nil {
				v.digests++
			}
			return nil
		}
		if !errors.Is(err, ErrRaced) {
			return err
		}
		if err := v.reopen(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("telling: %w, again and again", ErrRaced)
}

// storyKinds are the entries that a digest goes by: findings, and what ends them.
var storyKinds = []ledger.Kind{
	ledger.TokenOrphaned, ledger.TokenUnused, ledger.TokenReminded, ledger.TokenCleared,
	ledger.TokenRevoked, ledger.TokenRotated, ledger.TokenKept,
}

// read gathers what no digest has told of.
func (v *visit) read(ctx context.Context) (*story, error) {
	untold := newStory(v.account.Told, v.at)
	var odd error
	err := v.sweep.Book.Since(ctx, v.workspace, v.account.Untold.Add(-slack), storyKinds, func(e ledger.Entry) {
		var d FindingDetail // of a revoked or rotated one only the kind matters
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			odd = fmt.Errorf("reading the detail of %s: %w", e.Seq, err)
			return
		}
		untold.add(e, d)
	})
	return untold, errors.Join(err, odd)
}

// digest returns the entry of the day's digest, nil when all that was found has
// ended, and the account after it.
func (v *visit) digest(story *story) (Account, *ledger.Entry) {
	d := Digest{
		Day: token.Day(v.at), UnusedDays: days(v.sweep.Rules.Unused), FollowUpDays: days(v.sweep.Rules.FollowUp),
		Cleaned: v.account.Tally.Tokens.Cleaned() - v.account.Thanked,
		Kept:    KeptList{v.kept.Count, append([]KeptLine{}, v.kept.Tokens...)},
	}
	if !v.account.Told.IsZero() {
		d.Before = token.Day(v.account.Told)
	}
	if !story.fill(&d) {
		next := *v.account
		next.Untold = time.Time{}
		return next, nil
	}
	entry := ledger.New(v.workspace, v.at, ledger.HygieneDigested, actor, v.workspace, d)
	entry.Owes = true
	return v.account.told(v.at), &entry
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
