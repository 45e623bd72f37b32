package notice

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"safekeep/shared/ledger"
)

// How entries are told together.
const (
	// groupGrace is how long the entries of one report are waited for before
	// those that are there are told without the others.
	groupGrace = time.Minute
	// groupMost keeps a batch within an item, and its mail readable.
	groupMost = 1000
	// batchesEach is how many batches one version of a group may make.
	batchesEach = 1000
	// maxRaces bounds how often a group is looked at anew.
	maxRaces = 20
)

// settleReport tells entries of one report together, when all that the report
// is expected to owe have come, or after a while without the rest.
func (c *Courier) settleReport(ctx context.Context, report string, to audience, keys []Key) error {
	workspace := keys[0].Workspace
	group, err := c.form(ctx, workspace, report, keys)
	if err != nil {
		return err
	}
	for number, batch := range group.Batches {
		members := make([]Key, len(batch.Entries))
		for i, seq := range batch.Entries {
			members[i] = Key{workspace, seq}
		}
		// A member that does not owe any more was being cleared when a
		// courier died: its recipients have been told.
		entries, err := c.Debts.Entries(ctx, members)
		if err != nil {
			return err
		}
		at := slip{Key{Workspace: workspace}, report, number}
		if err := c.deliver(ctx, at, to, batch.To, entries); err != nil {
			return err
		}
	}
	return nil
}

// form has the entries join their group and, when it is time, makes a batch of
// those that wait.
//
// The group is read before the entries. So an entry that is seen to owe, and
// is not in the group as read, has not been told: whoever told it in between
// has changed the group, and the write below will not go through.
func (c *Courier) form(ctx context.Context, workspace, report string, keys []Key) (Group, error) {
	for range maxRaces {
		group, err := c.Debts.Group(ctx, workspace, report)
		if err != nil {
			return Group{}, err
		}
		for _, seq := range group.Waiting {
			if key := (Key{workspace, seq}); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		debts, err := c.Debts.Entries(ctx, keys)
		if err != nil {
			return Group{}, err
		}
		next, batches := c.advance(group, debts)
		if len(batches) == 0 && len(next.Waiting) == len(group.Waiting) {
			return group, nil
		}
		won, err := c.Debts.Form(ctx, next, batches)
		if err != nil {
			return Group{}, err
		}
		if won {
			for number, entries := range batches {
				next.Batches[number] = Batch{Entries: entries}
			}
			return next, nil
		}
	}
	return Group{}, errors.New("too many couriers at one report")
}

// advance says what becomes of a group when the given entries, which owe, are
// known: who waits, and what is told now.
func (c *Courier) advance(g Group, debts []Debt) (Group, map[int64][]string) {
	next := Group{Workspace: g.Workspace, Report: g.Report, Version: g.Version, Batches: maps.Clone(g.Batches)}
	size, newest := 0, time.Time{}
	for _, debt := range debts {
		if g.has(debt.Seq) && !slices.Contains(g.Waiting, debt.Seq) {
			continue // in a batch already
		}
		next.Waiting = append(next.Waiting, debt.Seq)
		size = max(size, debt.ReportSize)
		if at := ledger.SeqTime(debt.Seq); at.After(newest) {
			newest = at
		}
	}
	if len(next.Waiting) == 0 || len(next.Waiting) < size && c.Now().Sub(newest) < groupGrace {
		return next, nil // nobody waits, or more are to come and will bring us back
	}
	batches := map[int64][]string{}
	number := (g.Version + 1) * batchesEach
	for members := range slices.Chunk(next.Waiting, groupMost) {
		batches[number] = members
		number++
	}
	next.Waiting = nil
	return next, batches
}
