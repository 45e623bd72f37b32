package hygiene

import (
	"cmp"
	"slices"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// story is what the ledger tells of findings that no digest has told of yet.
type story struct {
	tokens       map[string]*chapter
	after, until time.Time // only findings after the one and up to the other are told
}

func newStory(after, until time.Time) *story {
	return &story{tokens: map[string]*chapter{}, after: after, until: until}
}

// chapter is the story of one token: what happened, by the token's version,
// which is the order in which it happened; the ledger's own order is that of
// many clocks.
type chapter []event

type event struct {
	version int64
	kind    ledger.Kind
	at      time.Time
	detail  FindingDetail
}

func (s *story) add(e ledger.Entry, d FindingDetail) {
	found := slices.Contains([]ledger.Kind{ledger.TokenOrphaned, ledger.TokenUnused, ledger.TokenReminded}, e.Kind)
	if found && (!e.At.After(s.after) || e.At.After(s.until)) {
		return
	}
	c := s.tokens[e.Subject]
	if c == nil {
		c = new(chapter)
		s.tokens[e.Subject] = c
	}
	*c = append(*c, event{e.Version, e.Kind, e.At, d})
}

// standing returns, for each reason, the last finding that has not ended on a
// day.
func (c chapter) standing(day string) map[Reason]event {
	slices.SortFunc(c, func(a, b event) int { return cmp.Compare(a.version, b.version) })
	stands, kept := map[Reason]event{}, ""
	for _, e := range c {
		switch e.kind {
		case ledger.TokenOrphaned, ledger.TokenUnused, ledger.TokenReminded:
			stands[e.detail.Reason] = e
		case ledger.TokenCleared:
			delete(stands, e.detail.Reason)
		case ledger.TokenKept:
			kept = e.detail.Until // the last wish counts
		default: // revoked or rotated: nothing is left to say
			clear(stands)
		}
	}
	if kept > day {
		clear(stands)
	}
	return stands
}

// line returns what the digest says of the token, and in which list it stands;
// nil when nothing is left to say.
func (c chapter) line(id string, d *Digest) (*List, Line) {
	stands := c.standing(d.Day)
	orphaned, isOrphaned := stands[Orphaned]
	unused, isUnused := stands[Unused]
	last := orphaned
	if !isOrphaned {
		last = unused
	}
	if !isOrphaned && !isUnused {
		return nil, Line{}
	}
	f := last.detail
	line := Line{
		ID: id, Name: f.Name, Hint: f.Hint, CreatedBy: f.CreatedBy, CreatedAt: f.CreatedAt,
		LeftAt: f.LeftAt, LastUsedOn: f.LastUsedOn, ImportedAt: f.ImportedAt, FoundOn: token.Day(last.at),
	}
	line.Reminder = (!isOrphaned || orphaned.kind == ledger.TokenReminded) && (!isUnused || unused.kind == ledger.TokenReminded)
	if line.Reminder {
		line.FoundOn = token.Day(f.Since)
	}
	switch {
	case isOrphaned || f.Also: // the other reason may have been told of before
		line.Unused = isUnused || f.Reason == Unused || f.Also
		return &d.Orphaned, line
	case neverUsed(line.LastUsedOn, line.ImportedAt):
		return &d.NeverUsed, line
	default:
		return &d.Unused, line
	}
}

// fill puts the tokens into the lists of the digest and says whether there are
// any.
func (s *story) fill(d *Digest) bool {
	for id, c := range s.tokens {
		if list, line := c.line(id, d); list != nil {
			list.Tokens = append(list.Tokens, line)
		}
	}
	found := false
	for _, list := range []*List{&d.Orphaned, &d.Unused, &d.NeverUsed} {
		list.Count = len(list.Tokens)
		found = found || list.Count > 0
		// Last calls first, then the oldest: the same order in every process.
		slices.SortFunc(list.Tokens, func(a, b Line) int {
			if a.Reminder != b.Reminder {
				if a.Reminder {
					return -1
				}
				return 1
			}
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		list.Tokens = append([]Line{}, list.Tokens[:min(list.Count, ListMost)]...) // [] rather than null
	}
	return found
}
