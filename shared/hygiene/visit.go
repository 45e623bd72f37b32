package hygiene

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	later   bool              // a run of a later time has been here
	pending []step
	kept    KeptList
	errs    []error // of single tokens

	wrote bool // this visit has changed something
	again bool // this run has changed something before
	// untold is the earliest mark that no digest has told of, or zero.
	untold time.Time

	tokens, findings, digests int
}

// step is what a run finds of one token.
type step struct {
	token   token.Token
	creator Person
	found   []Finding
}

const (
	// memory is how long after a run its changes are looked at again, to make
	// up for one that was killed before it had told of them. It is longer than
	// anybody would leave the sweep broken.
	memory = 35 * 24 * time.Hour
	// pendingMost bounds how many findings are held before they are written.
	pendingMost = 1000
)

// run judges the tokens of the workspace, then settles: counts what the run has
// changed and writes the digest. A run that is repeated finds what is left.
func (v *visit) run(ctx context.Context) error {
	err := v.sweep.Tokens.Each(ctx, v.workspace, v.at.Add(-memory), func(page []token.Token) error {
		return v.page(ctx, page)
	})
	if err == nil && !v.later {
		err = v.flush(ctx)
	}
	if err == nil && !v.later {
		err = v.settle(ctx)
	}
	return errors.Join(append(v.errs, err)...)
}

func (v *visit) page(ctx context.Context, page []token.Token) error {
	if v.later || len(page) == 0 {
		return nil
	}
	v.tokens += len(page)
	if err := v.meet(ctx); err != nil {
		return err
	}
	for i := range page {
		if err := v.look(ctx, &page[i]); err != nil || v.later {
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

// creator is what is known of who made a token. Nobody is judged by a workspace
// that has no members: it was never synced, or by mistake.
func (v *visit) creator(user string) Person {
	if !v.staffed {
		return Person{}
	}
	return v.people[user]
}

// look judges one token as the index shows it.
func (v *visit) look(ctx context.Context, t *token.Token) error {
	if err := t.Sound(); err != nil {
		v.errs = append(v.errs, err)
		return nil
	}
	creator := v.creator(t.CreatedBy)
	found := Judge(t, creator.State, v.at, v.sweep.Rules)
	recent := !t.SweptAt.IsZero() && t.SweptAt.After(v.at.Add(-memory))
	if len(found) > 0 || recent {
		if err := v.open(ctx); err != nil || v.later {
			return err
		}
		found = v.still(found)
	}
	if t.GoodAt(v.at) && t.KeptAt(v.at) {
		v.keep(t)
	}
	v.again = v.again || t.SweptAt.Equal(v.at)
	if recent {
		v.note(t.Orphaned)
		v.note(t.Unused)
	}
	if len(found) > 0 {
		v.pending = append(v.pending, step{*t, creator, found})
	}
	return nil
}

// open reads the workspace's account, once.
func (v *visit) open(ctx context.Context) error {
	if v.account != nil {
		return nil
	}
	account, err := v.sweep.Book.Account(ctx, v.workspace)
	if err != nil {
		return err
	}
	v.account, v.later = &account, account.At.After(v.at)
	return nil
}

// still returns the findings that may still be made. When this run has told of
// what it found, nobody would learn of more: that is left to the next run, and
// only ends are noted.
func (v *visit) still(found []Finding) []Finding {
	if !v.account.Digested.Equal(v.at) {
		return found
	}
	return slices.DeleteFunc(found, func(f Finding) bool { return f.Stage != "" })
}

// note remembers a mark that no digest has told of.
func (v *visit) note(m token.Mark) {
	if m.Stage != "" && m.Since.After(v.account.Digested) && (v.untold.IsZero() || m.Since.Before(v.untold)) {
		v.untold = m.Since
	}
}

func (v *visit) keep(t *token.Token) {
	v.kept.Count++
	if len(v.kept.Tokens) < ListMost {
		v.kept.Tokens = append(v.kept.Tokens, KeptLine{
			ID: t.ID, Name: t.Name, Hint: t.Hint, Reason: t.Kept.Reason, By: t.Kept.By, Until: token.Day(t.Kept.Until),
		})
	}
}

// writesEach is how many writes one transaction takes beside its premise.
const writesEach = 99

// flush writes what is pending: the findings that go by the same premise share
// transactions, and those that do not go through in company go singly.
func (v *visit) flush(ctx context.Context) error {
	groups := map[Premise][]step{}
	for _, s := range v.pending {
		premise := v.premise(s)
		groups[premise] = append(groups[premise], s)
	}
	v.pending = v.pending[:0]
	for premise, steps := range groups {
		for len(steps) > 0 {
			n, writes := 0, 0
			for n < len(steps) && writes+1+len(steps[n].found) <= writesEach {
				writes += 1 + len(steps[n].found)
				n++
			}
			if err := v.write(ctx, premise, steps[:n]); err != nil {
				return err
			}
			steps = steps[n:]
		}
	}
	return nil
}

// premise is what a token's findings go by: only a finding about its creator
// goes by the creator.
func (v *visit) premise(s step) Premise {
	byCreator := slices.ContainsFunc(s.found, func(f Finding) bool {
		return f.Reason == Orphaned && (f.Stage != "" || f.Cause == Returned)
	})
	if !byCreator {
		return Premise{}
	}
	return Premise{v.workspace, s.token.CreatedBy, s.creator.State}
}

func (v *visit) write(ctx context.Context, premise Premise, steps []step) error {
	markings := make([]token.Marking, len(steps))
	for i, s := range steps {
		markings[i] = s.marking(v.at)
	}
	err := v.sweep.Tokens.Mark(ctx, markings, premise)
	if !errors.Is(err, ErrRaced) {
		if err == nil {
			v.done(steps...)
		}
		return err
	}
	for _, s := range steps {
		if err := v.single(ctx, s.token); err != nil {
			return err
		}
	}
	return nil
}

// done counts findings that have been written.
func (v *visit) done(steps ...step) {
	v.wrote = true
	for _, s := range steps {
		v.findings += len(s.found)
	}
}

// maxRaces bounds how often one token is judged anew because it changed in
// between. After that it is left to the next run.
const maxRaces = 5

// single judges one token anew by what stands now, and writes that.
func (v *visit) single(ctx context.Context, judged token.Token) error {
	for range maxRaces {
		t, err := v.sweep.Tokens.Lookup(ctx, judged.Hash)
		if errors.Is(err, token.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var creator Person
		if v.staffed {
			if creator, err = v.sweep.Directory.Person(ctx, v.workspace, t.CreatedBy); err != nil {
				return err
			}
		}
		v.again = v.again || t.SweptAt.Equal(v.at)
		found := v.still(Judge(&t, creator.State, v.at, v.sweep.Rules))
		if len(found) == 0 {
			return nil
		}
		s := step{t, creator, found}
		err = v.sweep.Tokens.Mark(ctx, []token.Marking{s.marking(v.at)}, v.premise(s))
		if err == nil {
			v.done(s)
			return nil
		}
		if !errors.Is(err, ErrRaced) {
			return err
		}
	}
	v.errs = append(v.errs, fmt.Errorf("token %s: %w, again and again", judged.ID, ErrRaced))
	return nil
}
