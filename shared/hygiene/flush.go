package hygiene

import (
	"context"
	"errors"
	"fmt"

	"safekeep/shared/token"
)

const (
	// writesEach is how many writes a transaction takes beside its premise and
	// the account: DynamoDB takes 100.
	writesEach = 98
	// maxRaces bounds how often something is decided anew because it changed in
	// between. Every time means that somebody else got something through.
	maxRaces = 100
)

// flush writes what is pending. Findings that go by the same premise share
// transactions.
func (v *visit) flush(ctx context.Context) error {
	pending := v.pending
	v.pending = nil
	for _, steps := range groups(pending) {
		if err := v.write(ctx, steps); err != nil {
			return err
		}
	}
	return nil
}

// groups divides steps into those that can be written together.
func groups(steps []step) [][]step {
	byPremise := map[Premise][]step{}
	for _, s := range steps {
		byPremise[s.premise()] = append(byPremise[s.premise()], s)
	}
	var all [][]step
	for _, rest := range byPremise {
		for len(rest) > 0 {
			n, writes := 0, 0
			for n < len(rest) && writes+1+len(rest[n].found) <= writesEach {
				writes += 1 + len(rest[n].found)
				n++
			}
			all = append(all, rest[:n])
			rest = rest[n:]
		}
	}
	return all
}

// write writes a group of steps and the account with it. When anything of that
// has changed in between, the group is judged anew by what stands now.
func (v *visit) write(ctx context.Context, steps []step) error {
	queue := [][]step{steps}
	for range maxRaces {
		if len(queue) == 0 {
			return nil
		}
		// By the account as it is now: another group's race may have shown that
		// this run has told by now.
		group := v.rejudge(queue[0])
		if len(group) == 0 {
			queue = queue[1:]
			continue
		}
		next := v.account.with(group, v.at, v.sweep.Now())
		markings := make([]token.Marking, len(group))
		for i, s := range group {
			markings[i] = s.marking()
		}
		err := v.sweep.Tokens.Mark(ctx, markings, group[0].premise(), next)
		switch {
		case err == nil:
			v.done(group, next)
			queue = queue[1:]
		case errors.Is(err, ErrRaced):
			again, err := v.again(ctx, group)
			if err != nil {
				return err
			}
			queue = append(groups(again), queue[1:]...)
		default:
			return err
		}
	}
	return fmt.Errorf("marking: %w, again and again", ErrRaced)
}

// rejudge judges a group by the account as it was read last.
func (v *visit) rejudge(group []step) []step {
	var steps []step
	for _, s := range group {
		if s, ok := v.judge(&s.token, s.creator); ok {
			steps = append(steps, s)
		}
	}
	return steps
}

// done takes over what has been written.
func (v *visit) done(group []step, account Account) {
	account.Version++
	v.account = &account
	for _, s := range group {
		v.findings += len(s.found)
		v.tally.count(s)
	}
}

// again judges the tokens of a group anew, all read consistently.
func (v *visit) again(ctx context.Context, group []step) ([]step, error) {
	if err := v.reopen(ctx); err != nil {
		return nil, err
	}
	hashes := make([]token.Hash, len(group))
	for i, s := range group {
		hashes[i] = s.token.Hash
	}
	tokens, err := v.sweep.Tokens.Find(ctx, hashes)
	if err != nil {
		return nil, err
	}
	var steps []step
	creators := map[string]Person{}
	for _, hash := range hashes {
		t, found := tokens[hash]
		if !found {
			continue
		}
		creator, met := creators[t.CreatedBy]
		if !met && v.staffed {
			if creator, err = v.sweep.Directory.Person(ctx, v.workspace, t.CreatedBy); err != nil {
				return nil, err
			}
			creators[t.CreatedBy] = creator
		}
		if s, ok := v.judge(&t, creator); ok {
			steps = append(steps, s)
		}
	}
	return steps, nil
}
