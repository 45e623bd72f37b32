package hygiene_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/hygiene"
	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

func TestOrphanIsWarnedRemindedAndThenLeftInPeace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann", "bob")
	id, other := w.issue("acme", "bob", day(0)), w.issue("acme", "ann", day(0))
	w.run(day(1))
	if got := w.stages("acme", id); got != [2]string{} {
		t.Fatalf("before anything happened: %v", got)
	}
	w.leave("acme", "bob", day(1))
	for n := 2; n <= 8; n++ {
		w.run(day(n))
	}
	if got := w.stages("acme", id)[0]; got != "warned day 2" {
		t.Errorf("in the week after the warning: %q", got)
	}
	w.run(day(9))
	for _, n := range []int{10, 30, 60} {
		w.run(day(n))
	}
	if got := w.stages("acme", id)[0]; got != "reminded day 9" {
		t.Errorf("after the reminder: %q", got)
	}
	want := map[string]int{"issued": 1, "orphaned": 1, "reminded:orphaned": 1}
	if diff := cmp.Diff(want, w.kinds("acme", id)); diff != "" {
		t.Errorf("the ledger (-want +got):\n%s", diff)
	}
	if got := w.stages("acme", other); got != [2]string{} {
		t.Errorf("the token of somebody who is there: %v", got)
	}
	digests := w.digests("acme")
	if len(digests) != 2 || digests[0].Day != "2026-01-07" || digests[1].Day != "2026-01-14" {
		t.Fatalf("digests: %+v", digests)
	}
	line := digests[1].Orphaned.Tokens[0]
	if !line.Reminder || line.FoundOn != "2026-01-07" || !line.LeftAt.Equal(day(1)) || line.CreatedBy != "bob" {
		t.Errorf("the reminder says %+v", line)
	}
	if token := w.token("acme", id); token.Status != "active" {
		t.Error("a sweep has ended a token")
	}
}

func TestUnusedNeedsTimeWithoutUseAndTimeOfTracking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann")
	never, used := w.issue("acme", "ann", day(0)), w.issue("acme", "ann", day(0))
	w.use("acme", used, day(40))
	w.run(day(89))
	w.run(day(90))
	if got := w.stages("acme", never)[1]; got != "warned day 90" {
		t.Errorf("never used: %q", got)
	}
	w.run(day(129))
	if got := w.stages("acme", used)[1]; got != "" {
		t.Errorf("used 89 days ago: %q", got)
	}
	w.run(day(130))
	if got := w.stages("acme", used)[1]; got != "warned day 130" {
		t.Errorf("used 90 days ago: %q", got)
	}
	digests := w.digests("acme")
	if len(digests) != 3 || digests[0].NeverUsed.Count != 1 || digests[0].Unused.Count != 0 || digests[2].Unused.Count != 1 || digests[2].Unused.Tokens[0].LastUsedOn != "2026-02-14" {
		t.Errorf("digests: %+v", digests)
	}
	w.use("acme", used, day(131))
	w.run(day(132))
	if got := w.stages("acme", used)[1]; got != "" {
		t.Errorf("used after the warning: %q", got)
	}
	if got := w.kinds("acme", used)["cleared:unused:used:by_itself"]; got != 1 {
		t.Errorf("the ledger: %v", w.kinds("acme", used))
	}
}

func TestBothReasonsAreOneLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann", "bob")
	together, apart := w.issue("acme", "bob", day(0)), w.issue("acme", "bob", day(5))
	w.leave("acme", "bob", day(89))
	w.run(day(90)) // both reasons for the one, only orphaned yet for the other
	w.run(day(95)) // and now the second reason for it
	digests := w.digests("acme")
	if len(digests) != 2 {
		t.Fatalf("digests: %+v", digests)
	}
	first := map[string]bool{}
	for _, line := range digests[0].Orphaned.Tokens {
		first[line.ID] = line.Unused
	}
	if diff := cmp.Diff(map[string]bool{together: true, apart: false}, first); diff != "" || digests[0].NeverUsed.Count+digests[0].Unused.Count != 0 {
		t.Errorf("the first digest (-want +got):\n%s\n%+v", diff, digests[0])
	}
	if second := digests[1].Orphaned.Tokens; len(second) != 1 || second[0].ID != apart || !second[0].Unused || second[0].Reminder {
		t.Errorf("the second digest: %+v", digests[1])
	}
}

func TestSomebodyNeverSyncedIsNoOrphan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann")
	w.workspace("empty")
	w.workspace("left", "bob")
	tokens := map[string]string{
		"acme": w.issue("acme", "stranger", day(0)), "empty": w.issue("empty", "bob", day(0)), "left": w.issue("left", "bob", day(0)),
	}
	w.leave("left", "bob", day(0)) // the last one: nobody is there any more
	w.run(day(2))
	for workspace, id := range tokens {
		if got := w.stages(workspace, id); got != [2]string{} {
			t.Errorf("in %s: %v", workspace, got)
		}
	}
}

func TestWhatEndsAFinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann", "bob")
	ids := map[string]string{}
	for _, name := range []string{"removed", "rotated", "kept", "reminded", "later", "back"} {
		ids[name] = w.issue("acme", "bob", day(0))
	}
	w.leave("acme", "bob", day(1))
	w.run(day(2))
	w.revoke("acme", ids["removed"], day(3))
	next := w.rotate("acme", ids["rotated"], day(3), day(5))
	w.keep("acme", ids["kept"], day(3), day(60).Truncate(24*time.Hour))
	w.run(day(4))
	w.run(day(9))
	w.revoke("acme", ids["reminded"], day(12))
	w.run(day(13))
	w.revoke("acme", ids["later"], day(40))
	w.run(day(41))
	w.join("acme", "bob", day(42))
	w.run(day(43))
	for name, want := range map[string]string{
		"removed": "cleared:orphaned:removed:after_first_mail", "rotated": "cleared:orphaned:rotated:after_first_mail",
		"kept": "cleared:orphaned:kept:kept", "reminded": "cleared:orphaned:removed:after_follow_up",
		"later": "cleared:orphaned:removed:later", "back": "cleared:orphaned:returned:by_itself",
	} {
		if w.kinds("acme", ids[name])[want] != 1 {
			t.Errorf("%s: %v, want %s", name, w.kinds("acme", ids[name]), want)
		}
		if got := w.stages("acme", ids[name]); got != [2]string{} {
			t.Errorf("%s is still marked %v", name, got)
		}
	}
	if w.kinds("acme", next)["orphaned"] != 1 {
		t.Errorf("the successor, whose creator has left too: %v", w.kinds("acme", next))
	}
	// Six were found on day 2, the successor on day 4; it was reminded of too.
	want := hygiene.Funnel{Found: 7, Reminded: 4, AfterFirstMail: 2, AfterFollowUp: 1, Later: 1, ByItself: 2, Kept: 1}
	if diff := cmp.Diff(want, w.account("acme").Tally.Orphaned); diff != "" || want.Open() != 0 {
		t.Errorf("the funnel (-want +got):\n%s", diff)
	}
	digests := w.digests("acme") // of days 2, 4, 9 and 11
	if len(digests) != 4 || digests[0].Cleaned != 0 || digests[1].Cleaned != 2 || digests[1].Before != "2026-01-07" || digests[3].Cleaned != 1 {
		t.Errorf("the digests: %+v", digests)
	}
	if got := digests[1]; got.Kept.Count != 1 || got.Kept.Tokens[0].Until != "2026-03-06" {
		t.Errorf("the second digest: %+v", got)
	}
	for metric, n := range map[string]int{`"FindingsWarned":`: 4, `"FindingsEndedAfterFirstMail":2`: 1, `"FindingsEndedAfterFollowUp":1`: 1, `"FindingsKept":1`: 1} {
		if got := strings.Count(w.metrics.String(), metric); got < n {
			t.Errorf("the metrics tell %s %d times: %s", metric, got, w.metrics.String())
		}
	}
}

func TestKeptTokenIsJudgedAgainAfterThat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann", "bob")
	id := w.issue("acme", "bob", day(0))
	w.keep("acme", id, day(0), day(10).Truncate(24*time.Hour))
	w.leave("acme", "bob", day(1))
	w.run(day(9))
	if got := w.stages("acme", id)[0]; got != "" {
		t.Errorf("while it is kept: %q", got)
	}
	w.run(day(10))
	if got := w.stages("acme", id)[0]; got != "warned day 10" {
		t.Errorf("when that is over: %q", got)
	}
}

func TestAClockThatRunsBackwardsChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann", "bob")
	w.issue("acme", "bob", day(0))
	id := w.issue("acme", "ann", day(0))
	w.leave("acme", "bob", day(1))
	w.run(day(100))
	before := w.entries("acme")
	w.leave("acme", "ann", day(101))
	w.join("acme", "cleo", day(101))
	joined := len(w.entries("acme")) - len(before)
	for _, n := range []int{99, 2, 50} {
		w.run(day(n))
	}
	if got := w.stages("acme", id)[0]; got != "" || len(w.entries("acme")) != len(before)+joined {
		t.Errorf("a run of an earlier day has changed something: %q", got)
	}
	w.run(day(102))
	if got := w.stages("acme", id)[0]; got != "warned day 102" {
		t.Errorf("the next run: %q", got)
	}
}

func TestAMissedDayIsCaughtUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann", "bob")
	id := w.issue("acme", "bob", day(0))
	w.leave("acme", "bob", day(1))
	w.run(day(2))
	w.run(day(30)) // the reminder was due on day 9
	w.run(day(31))
	if got := w.stages("acme", id)[0]; got != "reminded day 30" {
		t.Errorf("got %q", got)
	}
	if got := len(w.digests("acme")); got != 2 {
		t.Errorf("%d digests", got)
	}
}

// Two runs a day: what the second finds is told the next day.
func TestOneDigestADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.workspace("acme", "ann", "bob", "cleo")
	first, second := w.issue("acme", "bob", day(0)), w.issue("acme", "cleo", day(0))
	w.leave("acme", "bob", day(1))
	w.run(day(2))
	w.leave("acme", "cleo", day(2).Add(time.Hour))
	w.run(day(2).Add(2 * time.Hour))
	if got := w.digests("acme"); len(got) != 1 || got[0].Orphaned.Tokens[0].ID != first {
		t.Fatalf("on that day: %+v", got)
	}
	w.run(day(3))
	if got := w.digests("acme"); len(got) != 2 || got[1].Orphaned.Count != 1 || got[1].Orphaned.Tokens[0].ID != second {
		t.Errorf("on the next: %+v", got)
	}
}

func TestEightAtOnceAreAsOne(t *testing.T) {
	t.Parallel()
	const tokens = 120
	w := newWorld(t)
	w.workspace("acme", "ann", "bob")
	w.workspace("other", "ann", "bob")
	for range tokens {
		w.issue("acme", "bob", day(0))
		if w.t.Failed() {
			return
		}
	}
	for range 3 {
		w.issue("other", "bob", day(0))
	}
	w.leave("acme", "bob", day(1))
	w.leave("other", "bob", day(1))
	for _, at := range []time.Time{day(90), day(97)} {
		var all sync.WaitGroup
		for range 8 {
			sweep := w.sweep()
			sweep.Metrics = nil
			all.Go(func() {
				report, err := sweep.Handle(t.Context(), hygiene.Event{Scheduled: at})
				if err != nil || report.Failed > 0 {
					t.Errorf("%+v %v", report, err)
				}
			})
		}
		all.Wait()
	}
	counts := map[string]int{}
	for _, e := range w.entries("acme") {
		counts[string(e.Kind)]++
	}
	for kind, want := range map[string]int{"token.orphaned": tokens, "token.unused": tokens, "token.reminded": 2 * tokens, "hygiene.digested": 2} {
		if counts[kind] != want {
			t.Errorf("%d entries %s, want %d", counts[kind], kind, want)
		}
	}
	digests := w.digests("acme")
	if d := digests[0]; d.Orphaned.Count != tokens || len(d.Orphaned.Tokens) != hygiene.ListMost {
		t.Errorf("the digest names %d of %d", len(d.Orphaned.Tokens), d.Orphaned.Count)
	}
	each := hygiene.Funnel{Found: tokens, Reminded: tokens}
	if diff := cmp.Diff(hygiene.Tally{Tokens: each, Orphaned: each, Unused: each}, w.account("acme").Tally); diff != "" {
		t.Errorf("the figures (-want +got):\n%s", diff)
	}
}

// deadBook is a book that cannot be written.
type deadBook struct{ hygiene.Book }

var errDead = errors.New("killed")

func (deadBook) Tell(context.Context, hygiene.Account, *ledger.Entry) error { return errDead }

// A run that ends between marking and telling costs nothing, whether it is
// repeated or only followed by the next.
func TestARunKilledBeforeItsDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"repeated", "followed"} {
		w.workspace(id, "ann", "bob")
		w.issue(id, "bob", day(0))
		back := w.issue(id, "ann", day(0))
		w.leave(id, "ann", day(0))
		w.run(day(1))
		w.join(id, "ann", day(1))
		w.leave(id, "bob", day(1))
		sweep := w.sweep()
		sweep.Book, sweep.Directory = deadBook{w.store}, only{w.store, id}
		if report, err := sweep.Handle(t.Context(), hygiene.Event{Scheduled: day(2)}); err != nil || report.Failed != 1 {
			t.Fatalf("%+v %v", report, err)
		}
		if got := w.kinds(id, back)["cleared:orphaned:returned:by_itself"]; got != 1 || len(w.digests(id)) != 1 {
			t.Fatalf("before it was killed: %v", w.kinds(id, back))
		}
		next := day(2)
		if id == "followed" {
			next = day(3)
		}
		w.sweepOne(id, next)
		w.sweepOne(id, next)
		digests := w.digests(id)
		if len(digests) != 2 || digests[1].Day != token.Day(next) || digests[1].Orphaned.Count != 1 || digests[1].Orphaned.Tokens[0].FoundOn != token.Day(day(2)) {
			t.Errorf("%s: %+v", id, digests)
		}
		want := hygiene.Funnel{Found: 2, ByItself: 1}
		if diff := cmp.Diff(want, w.account(id).Tally.Orphaned); diff != "" {
			t.Errorf("%s: the figures (-want +got):\n%s", id, diff)
		}
	}
}

func TestRunsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sweep := w.sweep()
	sweep.TimeTravel = false
	now, part := time.Now(), func(n int) *int { return &n }
	for name, c := range map[string]struct {
		event hygiene.Event
		want  error
	}{
		"no time":          {hygiene.Event{}, hygiene.ErrEvent},
		"segment too high": {hygiene.Event{Scheduled: now, Segment: part(4), Segments: 4}, hygiene.ErrEvent},
		"negative segment": {hygiene.Event{Scheduled: now, Segment: part(-1), Segments: 4}, hygiene.ErrEvent},
		"no segment":       {hygiene.Event{Scheduled: now, Segments: 8}, hygiene.ErrEvent},
		"no segments":      {hygiene.Event{Scheduled: now, Segment: part(0)}, hygiene.ErrEvent},
		"too many":         {hygiene.Event{Scheduled: now, Segment: part(0), Segments: 1_000_001}, hygiene.ErrEvent},
		"the future":       {hygiene.Event{Scheduled: now.Add(time.Hour)}, hygiene.ErrFuture},
		"last year":        {hygiene.Event{Scheduled: now.AddDate(-1, 0, 0)}, hygiene.ErrStale},
		"a clock ahead":    {hygiene.Event{Scheduled: now.Add(time.Minute)}, nil},
	} {
		if _, err := sweep.Handle(t.Context(), c.event); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	w.workspace("acme", "ann")
	late, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := sweep.Handle(late, hygiene.Event{Scheduled: now}); !errors.Is(err, hygiene.ErrTime) {
		t.Errorf("without time: %v", err)
	}
	if strings.Count(w.metrics.String(), `"SweepHeartbeat":1`) != 1 {
		t.Errorf("a heartbeat is for runs that got through: %s", w.metrics.String())
	}
}

// Between the segments every workspace is visited once.
func TestSegmentsShareTheWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := map[string]string{}
	for _, workspace := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		w.workspace(workspace, "ann", "bob")
		ids[workspace] = w.issue(workspace, "bob", day(0))
		w.leave(workspace, "bob", day(0))
	}
	visited := 0
	for segment := range 5 {
		report, err := w.sweep().Handle(t.Context(), hygiene.Event{Scheduled: day(1), Segment: &segment, Segments: 5})
		w.must(err)
		visited += report.Workspaces
	}
	if visited != len(ids) {
		t.Errorf("%d visits to %d workspaces", visited, len(ids))
	}
	for workspace, id := range ids {
		if got := w.stages(workspace, id)[0]; got != "warned day 1" || len(w.digests(workspace)) != 1 {
			t.Errorf("%s: %q", workspace, got)
		}
	}
}
