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

const (
	// settleRaces bounds how often a workspace is settled anew because another
	// process settled it in between.
	settleRaces = 40
	// slack is how far before a run's scheduled time its entries are looked
	// for: their seqs are by the clocks of those who wrote them.
	slack = time.Hour
)

// settle brings the workspace's account up to what the ledger says of this run,
// and writes the day's digest, both in one transaction: so there is one digest a
// day, whoever is killed when. What the digest tells is read from the ledger,
// and not from what this visit happened to write: others may be at it too.
func (v *visit) settle(ctx context.Context) error {
	if !v.wrote && !v.again && v.untold.IsZero() {
		return nil
	}
	for range settleRaces {
		account, err := v.sweep.Book.Account(ctx, v.workspace)
		if err != nil || account.At.After(v.at) {
			return err
		}
		if !v.wrote && !v.again && !account.due(v.at) {
			return nil // what is untold waits for tomorrow
		}
		tally, story, err := v.read(ctx, account)
		if err != nil {
			return err
		}
		next := account.advance(v.at, tally)
		digest := v.digest(&next, story)
		more := next.All().add(account.All(), -1)
		if digest == nil && next.At.Equal(account.At) && more.equal(nil) {
			return nil
		}
		err = v.sweep.Book.Settle(ctx, next, digest)
		if errors.Is(err, ErrRaced) {
			continue
		}
		if err != nil {
			return err
		}
		v.sweep.recordFindings(more)
		if digest != nil {
			v.digests++
		}
		return nil
	}
	return fmt.Errorf("settling: %w, again and again", ErrRaced)
}

// storyKinds are the entries that a digest goes by: findings, and what ends them.
var storyKinds = []ledger.Kind{
	ledger.TokenOrphaned, ledger.TokenUnused, ledger.TokenReminded, ledger.TokenCleared,
	ledger.TokenRevoked, ledger.TokenRotated, ledger.TokenKept,
}

// read counts the run's entries, and gathers what no digest has told of.
func (v *visit) read(ctx context.Context, account Account) (Tally, *story, error) {
	tally, untold := Tally{}, &story{tokens: map[string]*chapter{}, after: account.Digested, until: v.at}
	from := v.at
	if !v.untold.IsZero() && v.untold.Before(from) {
		from = v.untold
	}
	if from = from.Add(-slack); from.After(v.sweep.Now().Add(-slack)) {
		from = time.Time{} // a run of the future has written at any time before it
	}
	var odd error
	err := v.sweep.Book.Since(ctx, v.workspace, from, storyKinds, func(e ledger.Entry) {
		var d FindingDetail // of a revoked or rotated one only the kind matters
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			odd = fmt.Errorf("reading the detail of %s: %w", e.Seq, err)
			return
		}
		if e.At.Equal(v.at) {
			tally.count(e.Kind, d)
		}
		untold.tell(e, d)
	})
	return tally, untold, errors.Join(err, odd)
}

// digest returns the entry of the day's digest and notes it in the account, or
// nil when there was one today or there is nothing to say.
func (v *visit) digest(account *Account, story *story) *ledger.Entry {
	if !account.due(v.at) {
		return nil
	}
	d := Digest{
		Day: token.Day(v.at), UnusedDays: days(v.sweep.Rules.Unused), FollowUpDays: days(v.sweep.Rules.FollowUp),
		Cleaned: account.All().cleaned() - account.Thanked, Kept: KeptList{v.kept.Count, append([]KeptLine{}, v.kept.Tokens...)},
	}
	if !account.Digested.IsZero() {
		d.Before = token.Day(account.Digested)
	}
	if !story.fill(&d) {
		return nil
	}
	account.Digested, account.Thanked = v.at, account.All().cleaned()
	entry := ledger.New(v.workspace, v.at, ledger.HygieneDigested, actor, v.workspace, d)
	entry.Owes = true
	return &entry
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
