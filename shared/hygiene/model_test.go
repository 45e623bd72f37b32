package hygiene_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"safekeep/shared/hygiene"
	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// plain is a token as a plain model has it.
type plain struct {
	creator        string
	made           time.Time
	used           string // a day
	kept           time.Time
	ended, hidden  bool      // hidden: not even read any more, unless it is marked
	swept          time.Time // when a run last changed it
	marks          map[hygiene.Reason]token.Mark
	found, cleared int // entries of the ledger
}

// model says what the sweep must do, in the plainest words.
type model struct {
	there  map[string]bool // who is or was a member: whether they are there
	tokens map[string]*plain
	last   time.Time // the latest run that changed or told anything
	told   time.Time // the latest run that told of what it found
}

func (m *model) run(at time.Time) {
	anybody := false
	for _, is := range m.there {
		anybody = anybody || is
	}
	if at.Before(m.last) {
		return
	}
	for _, t := range m.tokens {
		is, known := m.there[t.creator]
		for _, reason := range hygiene.Reasons {
			holds := known && !is
			if reason == hygiene.Unused {
				quiet := token.Day(at.AddDate(0, 0, -90))
				holds = !at.Before(t.made.AddDate(0, 0, 90)) && t.used <= quiet
			}
			free := !t.ended && !at.Before(t.kept)
			if reason == hygiene.Orphaned && free && (!anybody || !known) {
				continue // cannot be said
			}
			was, next := t.marks[reason], token.Mark{Stage: token.Warned, Since: at}
			switch {
			case !free || !holds:
				next = token.Mark{}
			case at.Equal(m.told):
				continue // this run has told already what it had to say
			case was.Stage == token.Warned && !was.Since.After(m.told) && !at.Before(was.Since.AddDate(0, 0, 7)):
				next.Stage = token.Reminded
			case was.Stage != "":
				next = was
			}
			if next == was {
				continue
			}
			t.marks[reason], t.swept, m.last = next, at, at
			if next.Stage == "" {
				t.cleared++
			} else {
				t.found++
			}
		}
	}
	if m.looks(at) && m.untold() && token.Day(m.told) < token.Day(at) {
		m.last, m.told = at, at
	}
}

// looks says whether a run has a reason to look for what is untold: it has
// changed something, or another run did in the last 35 days.
func (m *model) looks(at time.Time) bool {
	for _, t := range m.tokens {
		read := !t.hidden || t.marks[hygiene.Orphaned].Stage != "" || t.marks[hygiene.Unused].Stage != ""
		if m.last.Equal(at) || read && t.swept.After(at.AddDate(0, 0, -35)) {
			return true
		}
	}
	return false
}

// untold says whether there is a mark that was made since a run last told.
func (m *model) untold() bool {
	for _, t := range m.tokens {
		for _, mark := range t.marks {
			if mark.Stage != "" && mark.Since.After(m.told) {
				return true
			}
		}
	}
	return false
}

// For any history of joins, leaves, uses, keeps, ends and runs at any times,
// every token's stage is what the plain model says, and the ledger, the digests
// and the figures tell that same story.
func TestModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := []string{"ann", "bob", "cleo"}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		id := fmt.Sprintf("acme-%d", n)
		w.workspace(id)
		m := &model{there: map[string]bool{}, tokens: map[string]*plain{}}
		now, names := 0, []string{}
		pick := func() (string, *plain) {
			name := rapid.SampledFrom(names).Draw(r, "token")
			return name, m.tokens[name]
		}
		steps := map[string]func(*rapid.T){
			"join": func(r *rapid.T) {
				user := rapid.SampledFrom(users).Draw(r, "user")
				w.join(id, user, day(now))
				m.there[user] = true
			},
			"leave": func(r *rapid.T) {
				user := rapid.SampledFrom(users).Draw(r, "user")
				if m.there[user] {
					w.leave(id, user, day(now))
					m.there[user] = false
				}
			},
			"issue": func(r *rapid.T) {
				user := rapid.SampledFrom(append(users, "stranger")).Draw(r, "user")
				name := w.issue(id, user, day(now))
				names = append(names, name)
				m.tokens[name] = &plain{creator: user, made: day(now), marks: map[hygiene.Reason]token.Mark{}}
			},
			"use": func(*rapid.T) {
				if len(names) > 0 {
					name, p := pick()
					w.use(id, name, day(now))
					p.used = max(p.used, token.Day(day(now)))
				}
			},
			"keep": func(r *rapid.T) {
				if len(names) > 0 {
					name, p := pick()
					until := day(now + rapid.IntRange(1, 60).Draw(r, "days")).Truncate(24 * time.Hour)
					w.keep(id, name, day(now), until)
					p.kept = until
				}
			},
			"end": func(r *rapid.T) {
				if len(names) > 0 {
					name, p := pick()
					if p.ended {
						return
					}
					p.ended = true
					if rapid.Bool().Draw(r, "rotate") {
						overlap := rapid.IntRange(0, 5).Draw(r, "overlap")
						p.hidden = overlap == 0
						next := w.rotate(id, name, day(now), day(now+overlap))
						names = append(names, next)
						m.tokens[next] = &plain{creator: p.creator, made: day(now), marks: map[hygiene.Reason]token.Mark{}}
					} else {
						p.hidden = true
						w.revoke(id, name, day(now))
					}
				}
			},
			"run": func(r *rapid.T) {
				now += rapid.SampledFrom([]int{0, 1, 1, 3, 7, 20, 45, 90}).Draw(r, "days on")
				w.sweepOne(id, day(now))
				m.run(day(now))
			},
			"run late": func(r *rapid.T) {
				at := day(now - rapid.IntRange(1, 30).Draw(r, "days ago"))
				w.sweepOne(id, at)
				m.run(at)
			},
		}
		steps[""] = func(r *rapid.T) {
			for name, p := range m.tokens {
				got := w.token(id, name)
				want := [2]token.Mark{p.marks[hygiene.Orphaned], p.marks[hygiene.Unused]}
				if diff := cmp.Diff(want, [2]token.Mark{got.Orphaned, got.Unused}); diff != "" {
					r.Fatalf("token %s on day %d (-want +got):\n%s", name, now, diff)
				}
			}
		}
		r.Repeat(steps)
		w.sweepOne(id, day(now+1)) // so that what the second run of a day found is told
		m.run(day(now + 1))
		w.tellsTheSame(r, id, m, day(now+1))
	})
}

// sweepOne runs the sweep in one workspace: those of earlier histories stay out
// of it.
func (w *world) sweepOne(id string, at time.Time) {
	w.t.Helper()
	sweep := w.sweep()
	sweep.Directory = only{w.store, id}
	if report, err := sweep.Handle(w.t.Context(), hygiene.Event{Scheduled: at}); err != nil || report.Failed > 0 {
		w.t.Fatalf("sweeping as of %s: %+v %v", at, report, err)
	}
}

// tellsTheSame holds ledger, figures and digests against the model.
func (w *world) tellsTheSame(r *rapid.T, id string, m *model, end time.Time) {
	found, cleared := map[string]int{}, map[string]int{}
	days, toldOn := map[string]bool{}, map[string]string{}
	for _, e := range w.entries(id) {
		switch e.Kind {
		case ledger.TokenOrphaned, ledger.TokenUnused, ledger.TokenReminded:
			found[e.Subject]++
		case ledger.TokenCleared:
			cleared[e.Subject]++
		default: // the rest of the story
		}
	}
	for _, d := range w.digests(id) {
		if days[d.Day] {
			r.Fatalf("two digests on %s", d.Day)
		}
		days[d.Day] = true
		for _, list := range []hygiene.List{d.Orphaned, d.Unused, d.NeverUsed} {
			for _, line := range list.Tokens {
				toldOn[line.ID] = d.Day
			}
		}
	}
	open, marked := 0, 0
	for name, p := range m.tokens {
		if found[name] != p.found || cleared[name] != p.cleared {
			r.Fatalf("token %s: %d findings and %d ends in the ledger, want %d and %d", name, found[name], cleared[name], p.found, p.cleared)
		}
		if p.marks[hygiene.Orphaned].Stage != "" || p.marks[hygiene.Unused].Stage != "" {
			marked++
		}
		for reason, mark := range p.marks {
			if mark.Stage == "" {
				continue
			}
			open++
			// A mark that is older was told of before, or missed for a month.
			if mark.Since.After(end.AddDate(0, 0, -35)) && toldOn[name] < token.Day(mark.Since) {
				r.Fatalf("token %s: %s is %s since %s, and last told of on %q", name, reason, mark.Stage, mark.Since, toldOn[name])
			}
		}
	}
	tally := w.account(id).Tally
	if got := tally.Orphaned.Open() + tally.Unused.Open(); got != open {
		r.Fatalf("the figures say that %d findings are open, want %d", got, open)
	}
	if tally.Tokens.Open() != marked {
		r.Fatalf("the figures say that %d tokens are open, want %d", tally.Tokens.Open(), marked)
	}
}
