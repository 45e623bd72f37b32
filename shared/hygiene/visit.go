package hygiene

import (
	"context"
	"errors"
	"fmt"
	"time"

	"safekeep/shared/token"
)

// visit is one run in one workspace.
type visit struct {
	sweep     *Sweep
	workspace string
	at        time.Time

	people  map[string]Person // nil until there is a token to judge
	staffed bool              // somebody is there
	account *Account          // nil until there is a reason to read it
	pending []step
	kept    KeptList

	odd    error // of the first token that could not be judged
	oddest int   // how many there were

	tokens, findings, digests int
	tally                     Tally // of what this visit has written
}

const (
	// memory is how long after a run its marks are looked at again, to make up
	// for one that was killed before it had told of them. It is longer than
	// anybody would leave the sweep broken.
	memory = 35 * 24 * time.Hour
	// pendingMost bounds how many findings are held before they are written.
	pendingMost = 1000
)

// errLater says that a run of a later time has been here, and this one has
// nothing more to do.
var errLater = errors.New("a later run has been here")

// run judges the tokens of the workspace, marks what it finds, and tells.
func (v *visit) run(ctx context.Context) error {
	err := v.sweep.Tokens.Each(ctx, v.workspace, func(page []token.Token) error { return v.page(ctx, page) })
	if err == nil {
		err = v.flush(ctx)
	}
	if err == nil {
		err = v.tell(ctx)
	}
	if errors.Is(err, errLater) {
		err = nil
	}
	if v.odd != nil {
		err = errors.Join(fmt.Errorf("%d tokens cannot be judged, the first: %w", v.oddest, v.odd), err)
	}
	return err
}

func (v *visit) page(ctx context.Context, page []token.Token) error {
	if len(page) == 0 {
		return nil
	}
	v.tokens += len(page)
	if err := v.meet(ctx); err != nil {
		return err
	}
	for i := range page {
		if err := v.look(ctx, &page[i]); err != nil {
			return err
		}
	}
	if len(v.pending) < pendingMost {
		return nil
	}
	return v.flush(ctx)
}

// meet reads who is and was in the workspace, once.
func (v *visit) meet(ctx context.Context) (err error) {
	if v.people != nil {
		return nil
	}
	if v.people, err = v.sweep.Directory.Everybody(ctx, v.workspace); err != nil {
		return err
	}
	for _, p := range v.people {
		v.staffed = v.staffed || p.State == Present
	}
	return nil
}

// look judges one token as the index shows it.
func (v *visit) look(ctx context.Context, t *token.Token) error {
	if err := t.Sound(); err != nil {
		if v.oddest++; v.odd == nil {
			v.odd = err
		}
		return nil
	}
	if t.GoodAt(v.at) && t.KeptAt(v.at) {
		v.keep(t)
	}
	var creator Person
	if v.staffed { // a workspace without members was never synced, or by mistake
		creator = v.people[t.CreatedBy]
	}
	// As if all had been told: the account is read only where it matters.
	found := Judge(t, creator.State, v.at, v.at.Add(-1), v.sweep.Rules)
	if len(found) == 0 && !t.SweptAt.After(v.at.Add(-memory)) {
		return nil
	}
	if err := v.open(ctx); err != nil {
		return err
	}
	if s, ok := v.judge(t, creator); ok {
		v.pending = append(v.pending, s)
	}
	return nil
}

// judge judges a token by the account as it was read last.
func (v *visit) judge(t *token.Token, creator Person) (step, bool) {
	found := Judge(t, creator.State, v.at, v.account.Told, v.sweep.Rules)
	return step{*t, creator, v.at, found}, len(found) > 0
}

// open reads the workspace's account, once.
func (v *visit) open(ctx context.Context) error {
	if v.account != nil {
		return nil
	}
	return v.reopen(ctx)
}

// reopen reads the account as it is now.
func (v *visit) reopen(ctx context.Context) error {
	account, err := v.sweep.Book.Account(ctx, v.workspace)
	if err != nil {
		return err
	}
	if account.At.After(v.at) {
		return errLater
	}
	v.account = &account
	return nil
}

func (v *visit) keep(t *token.Token) {
	v.kept.Count++
	if len(v.kept.Tokens) < ListMost {
		v.kept.Tokens = append(v.kept.Tokens, KeptLine{
			ID: t.ID, Name: t.Name, Hint: t.Hint, Reason: t.Kept.Reason, By: t.Kept.By, Until: token.Day(t.Kept.Until),
		})
	}
}
