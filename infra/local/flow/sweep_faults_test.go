package flow_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra/local"
	"safekeep/infra/local/faults"
)

// A scene is a stack on the eve of a sweep that has everything to do: tokens to
// warn of for either reason and for both, to remind of, and marks to clear for
// every cause. Taking it back to that eve is quick, so it can be swept again and
// again, each time through other faults.
type scene struct {
	*world
	at     time.Time // of the sweep to come
	eve    snapshot
	places []string
	tokens []issued
	want   []string // the picture after a sweep without faults
	counts map[string]int
}

// newScene makes the scene and sweeps it once without faults.
func newScene(t *testing.T, options local.Options) *scene {
	t.Helper()
	options.NoPump = true // the mails come by the schedule, at once
	s := &scene{world: newWorld(t, options), at: today()}
	old := map[string]types.AttributeValue{"created_at": stamp(s.at.Add(-200 * day))}
	issue := func(id, user string, n int) (tokens []issued) {
		for range n {
			tokens = append(tokens, s.issueBy(id, user, ""))
		}
		s.tokens = append(s.tokens, tokens...)
		return tokens
	}
	place := func(id string, members ...string) {
		s.places = append(s.places, id)
		s.workspace(id, "", "ann")
		s.member(id, "adam", "admin")
		for _, user := range members {
			s.member(id, user, "member")
		}
	}

	// "fortnight" was warned two weeks ago and reminded one week ago.
	place("fortnight", "lea")
	fortnight := issue("fortnight", "lea", 3)
	s.leave("fortnight", "lea")
	s.sweep(s.at.Add(-14*day + 20*time.Minute))

	// "week" and "ended" were warned a week ago. The hours of the runs differ a
	// little, as those of schedules do.
	place("week", "lea", "ray", "tom")
	place("ended", "lea") // since then it has ended, and is no longer looked at
	week, unused := issue("week", "lea", 7), issue("week", "ann", 3)
	rays, ended := issue("week", "ray", 1), issue("ended", "lea", 1)
	toms := issue("week", "tom", 1)
	for _, token := range append(slices.Clone(unused), week[0]) {
		s.alter(token, old)
	}
	s.leave("week", "lea")
	s.leave("week", "ray")
	s.leave("ended", "lea")
	s.sweep(s.at.Add(-7*day + 10*time.Minute))
	s.notify()

	// Since then people have done one thing with each, or nothing.
	until := s.at.AddDate(1, 0, 0).Format(time.DateOnly)
	s.call("DELETE", fortnight[0].path(), "", 204)
	s.call("POST", fortnight[1].path()+"/rotate", `{"created_by":"ann","overlap_hours":0}`, 201)
	s.call("DELETE", week[1].path(), "", 204)
	s.call("POST", week[2].path()+"/rotate", `{"created_by":"ann"}`, 201)
	s.call("POST", week[3].path()+"/keep", `{"reason":"the audit","until":"`+until+`"}`, 200)
	s.alter(week[4], map[string]types.AttributeValue{"expires_at": stamp(s.at.Add(-day))})
	s.insist(s.report(week[5]))
	s.call("POST", unused[0].path()+"/keep", `{"reason":"the backup","until":"`+until+`"}`, 200)
	s.active(unused[1].text) // a use
	s.member("week", "ray", "member")
	s.leave("week", "tom")
	s.call("DELETE", "/workspaces/ended", "", 204)

	// "fresh" was never swept, nor was "crowd", whose tokens take two transactions.
	place("fresh", "lea")
	place("crowd", "lea")
	place("quiet", "lea")
	both := issue("fresh", "lea", 3)
	for _, token := range append(issue("fresh", "ann", 2), both[0]) {
		s.alter(token, old)
	}
	issue("fresh", "adam", 1)
	issue("quiet", "ann", 1)
	issue("crowd", "lea", 50)
	s.leave("fresh", "lea")
	s.leave("crowd", "lea")
	s.notify()
	s.eve = s.snapshot()

	s.Outbox.Empty()
	s.Faults.Forget()
	report := s.sweep(s.at)
	s.counts = s.Faults.Count("sweep")
	s.notify()
	s.want = s.picture()
	s.check(report, week, rays, toms, ended, fortnight, both)
	slices.Reverse(s.tokens) // the last ones are named in the mails, as assertQuiet wants of the first
	return s
}

// check says whether the sweep without faults did what it should; what it is
// compared with must be right itself.
func (s *scene) check(report sweepReport, week, rays, toms, ended, fortnight, both []issued) {
	s.t.Helper()
	// 13 in week (two of one token are reminded of), 2 in fortnight, 6 in fresh (two of one
	// token), 50 in crowd.
	if report != (sweepReport{Workspaces: 5, Tokens: report.Tokens, Findings: 71, Digests: 3}) {
		s.t.Fatalf("the sweep without faults reports %+v", report)
	}
	s.wantFindings(week[0], "orphaned", "unused", "reminded of orphaned", "reminded of unused")
	for i, cause := range []string{"removed, after_first_mail", "rotated, after_first_mail", "kept, kept", "expired, by_itself", "other, by_itself"} {
		s.wantFindings(week[i+1], "orphaned", "orphaned cleared: "+cause)
	}
	s.wantFindings(rays[0], "orphaned", "orphaned cleared: returned, by_itself")
	s.wantFindings(toms[0], "orphaned")
	s.wantFindings(ended[0], "orphaned")
	for i, cause := range []string{"removed", "rotated"} {
		s.wantFindings(fortnight[i], "orphaned", "reminded of orphaned", "orphaned cleared: "+cause+", after_follow_up")
	}
	s.wantFindings(fortnight[2], "orphaned", "reminded of orphaned")
	s.wantFindings(both[0], "orphaned", "unused")
	s.wantInventory("week", map[string]int{
		"tokens": 10, "orphaned": 3, "unused": 2, "never_used": 2, "kept": 2, "leaked": 1,
		"funnel.orphaned.found": 9, "funnel.orphaned.reminded": 2, "funnel.orphaned.after_first_mail": 2, "funnel.orphaned.by_itself": 3,
		"funnel.orphaned.kept": 1, "funnel.orphaned.open": 3,
		"funnel.unused.found": 4, "funnel.unused.reminded": 2, "funnel.unused.by_itself": 1, "funnel.unused.kept": 1, "funnel.unused.open": 2,
		"funnel.tokens.found": 12, "funnel.tokens.reminded": 3, "funnel.tokens.after_first_mail": 2, "funnel.tokens.by_itself": 4,
		"funnel.tokens.kept": 2, "funnel.tokens.open": 4, // one of them for both reasons
	})
	s.wantRecipients(map[string]int{
		"ann@week.example": 1, "adam@week.example": 1, "ann@fresh.example": 1, "adam@fresh.example": 1, "ann@crowd.example": 1, "adam@crowd.example": 1,
	})
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// notify sends what is owed by the schedule, as the stream would have it sent.
func (w *world) notify() {
	w.t.Helper()
	for range 20 {
		if _, err := w.Fire(w.t.Context(), "notify", time.Now()); err != nil {
			w.t.Fatal(err)
		}
		if w.owing() == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.t.Errorf("%d debts still stand", w.owing())
}

// picture is all that a sweep leaves behind: the tokens as they are stored, the
// ledgers and figures as the API shows them, the accounts, and the mails.
// Only the names that entries are given by chance are left out.
func (s *scene) picture() []string {
	s.t.Helper()
	var lines []string
	for key, item := range s.stored("Tokens") {
		lines = append(lines, "token "+key+" "+asJSON(s.t, item))
	}
	for key, item := range s.stored("Ledger") {
		if account, ok := item["account"].(*types.AttributeValueMemberS); ok {
			lines = append(lines, "account "+key+" "+account.Value)
		}
	}
	for _, id := range s.places {
		for _, e := range s.entries(id) {
			delete(e, "seq")
			lines = append(lines, "ledger of "+id+": "+asJSON(s.t, e))
		}
		if id != "ended" {
			lines = append(lines, "figures of "+id+": "+asJSON(s.t, s.get("/workspaces/"+id+"/hygiene")))
		}
	}
	for _, m := range s.Outbox.Mails() {
		lines = append(lines, fmt.Sprintf("mail to %s: %s\n%s", m.To[0], m.Subject, m.Text))
	}
	slices.Sort(lines)
	return lines
}

// same reports whether all stands as after a sweep without faults, and says
// what does not.
func (s *scene) same(after string) {
	s.t.Helper()
	s.notify()
	if d := difference(s.want, s.picture()); d != "" {
		s.t.Errorf("%s (- is what a sweep without faults leaves behind, + what this one did):\n%s", after, d)
	}
}

// The process is killed before and after every single call that a sweep makes.
// Run again as of the same time, it ends as if nothing had happened: the same
// stages, the same ledger, the same figures, one digest a workspace and one mail
// an admin.
func TestSweepKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]faults.Action{"before": faults.KillBefore, "after": faults.KillAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, local.Options{})
			killed := map[string]int{}
			calls, n := 0, 1
			for ; !t.Failed() && n < 200; n++ {
				s.restore(s.eve)
				rule, used := once("sweep", n, action)
				s.Faults.Set(rule)
				_, got := s.trySweep(s.at)
				s.Faults.Set(nil)
				call := used.Load()
				if got != (call == nil) {
					t.Errorf("call %d (%s): the sweep answered: %v", n, named(call), got)
				}
				if call == nil {
					s.same("unharmed")
					break
				}
				calls = n
				killed[call.Operation]++
				s.sweep(s.at)
				s.same(fmt.Sprintf("killed %s call %d, %s", name, n, named(call)))
			}
			// One scan, then for each of 4 workspaces with findings at least: tokens, members,
			// account, a transaction of marks, and where there is a digest the ledger and
			// another transaction.
			if calls < 22 || n == 200 || killed["Scan"] == 0 || killed["Query"] < 6 || killed["BatchGetItem"] == 0 || killed["TransactWriteItems"] < 6 {
				t.Errorf("killed at %d calls: %v", calls, killed)
			}
			t.Logf("killed %s each of %d calls: %v; without faults: %v", name, calls, killed, s.counts)
			s.assertQuiet(s.tokens...)
		})
	}
}

// The process is killed, and the schedule gives that day's run up. The next
// day's makes up for it: the same findings, the same figures, and every finding
// is told once.
func TestSweepKilledAndNotRepeated(t *testing.T) {
	t.Parallel()
	s := newScene(t, local.Options{})
	s.sweep(s.at.Add(day))
	want, told := s.outline()
	for address, n := range told {
		if n != 1 {
			t.Fatalf("without faults, %s: %d times", address, n)
		}
	}
	killed := map[string]int{}
	calls := 0
	for n := 1; !t.Failed() && n < 200; n += 2 {
		s.restore(s.eve)
		rule, used := once("sweep", n, []faults.Action{faults.KillBefore, faults.KillAfter}[n/2%2])
		s.Faults.Set(rule)
		_, _ = s.trySweep(s.at)
		s.Faults.Set(nil)
		call := used.Load()
		if call == nil {
			break
		}
		calls = n
		killed[call.Operation]++
		s.sweep(s.at.Add(day))
		s.sweep(s.at.Add(2 * day))
		got, now := s.outline()
		if d := difference(want, got); d != "" {
			t.Errorf("killed at call %d, %s (- without faults, + with):\n%s", n, named(call), d)
		}
		for what := range told {
			if now[what] != 1 {
				t.Errorf("killed at call %d, %s: %s was told %d times", n, named(call), what, now[what])
			}
		}
		if len(now) != len(told) {
			t.Errorf("killed at call %d, %s: %d tokens were told, want %d", n, named(call), len(now), len(told))
		}
	}
	t.Logf("killed at some of %d calls: %v", calls, killed)
}

// outline is what a sweep leaves behind but for when it was: the stages, how
// often the ledger tells what, and the figures; and how often a digest has told
// of each token since the eve.
func (s *scene) outline() (lines []string, told map[string]int) {
	s.t.Helper()
	told = map[string]int{}
	for key, item := range s.stored("Tokens") {
		if item["id"] != nil {
			lines = append(lines, fmt.Sprint("token ", key, asJSON(s.t, item["orphaned_stage"]), asJSON(s.t, item["unused_stage"]), asJSON(s.t, item["version"])))
		}
	}
	for _, id := range s.places {
		for _, e := range s.entries(id) {
			detail := e["detail"].(map[string]any)
			at, err := time.Parse(time.RFC3339, e["at"].(string))
			if err != nil {
				s.t.Fatal(err)
			}
			if e["kind"] != "hygiene.digested" {
				lines = append(lines, fmt.Sprint("ledger of ", id, ": ", e["kind"], e["subject"], detail["reason"], detail["cause"], detail["outcome"]))
				continue
			}
			for _, list := range []string{"orphaned", "unused", "never_used"} {
				tokens, _ := detail[list].(map[string]any)["tokens"].([]any)
				for _, line := range tokens {
					if !at.Before(s.at) {
						told[line.(map[string]any)["id"].(string)]++
					}
				}
			}
		}
		if id != "ended" {
			figures := s.get("/workspaces/" + id + "/hygiene")
			delete(figures, "digested_at")
			lines = append(lines, "figures of "+id+": "+asJSON(s.t, figures))
		}
	}
	slices.Sort(lines)
	return lines, told
}

// through runs the sweep under a rule, by several processes at once, until one
// of them says that all is done: the schedule tries again, too.
func (s *scene) through(processes int, rule faults.Rule) (reports []sweepReport, runs int) {
	s.t.Helper()
	s.restore(s.eve)
	s.Faults.Set(rule)
	defer s.Faults.Set(nil)
	for runs < 40 {
		var mu sync.Mutex
		var all sync.WaitGroup
		done := false
		for range processes {
			all.Go(func() {
				report, got := s.trySweep(s.at)
				mu.Lock()
				defer mu.Unlock()
				done = done || got && report.Failed == 0
				reports = append(reports, report)
			})
		}
		all.Wait()
		if runs++; done {
			return reports, runs
		}
	}
	s.t.Errorf("after %d runs the sweep is not through", runs)
	return reports, runs
}

// chance is a rule that picks by a seed.
func chance(seed uint64, pick func(c faults.Call, n int) faults.Action) faults.Rule {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	return func(c faults.Call) faults.Action {
		if c.Function != "sweep" {
			return faults.Pass
		}
		mu.Lock()
		n := random.IntN(100)
		mu.Unlock()
		return pick(c, n)
	}
}

// The schedule fires eight times at once, half of all writes conflict and some
// calls are throttled: it all ends as after one sweep. What the processes count
// adds up to what happened, however they shared the work.
//
// It runs alone: beside other tests the one database engine may leave a call
// unanswered for longer than a process waits, and then a workspace is rightly
// reported as failed.
func TestSweepEightAtOnce(t *testing.T) {
	s := newScene(t, local.Options{Instances: 8})
	for _, seed := range []uint64{1, 2} {
		before, began := len(s.log.String()), time.Now()
		reports, runs := s.through(8, chance(seed, func(c faults.Call, n int) faults.Action {
			switch {
			case n < 5:
				return faults.Throttle
			case n < 50 && c.Operation == "TransactWriteItems":
				return faults.Conflict
			}
			return faults.Pass
		}))
		t.Logf("seed %d: %.1f s", seed, time.Since(began).Seconds())
		s.same(fmt.Sprint("seed ", seed))
		findings, digests := 0, 0
		for _, r := range reports {
			if runs != 1 || r.Workspaces != 5 || r.Failed != 0 {
				t.Errorf("seed %d, run %d: one of the processes reports %+v", seed, runs, r)
			}
			findings += r.Findings
			digests += r.Digests
		}
		if findings != 71 || digests != 3 {
			t.Errorf("seed %d: the processes count %d findings and %d digests, want 71 and 3", seed, findings, digests)
		}
		sums := metricsIn(s.sweepLog(before, 8))
		for name, want := range map[string]float64{
			"FindingsWarned": 57, "FindingsReminded": 4, "FindingsEndedAfterFirstMail": 2, "FindingsEndedAfterFollowUp": 2,
			"FindingsEndedLater": 0, "FindingsEndedByThemselves": 4, "FindingsKept": 2, "FindingsWarned of tokens": 56, "FindingsReminded of tokens": 3, "SweepDigests": 3, "SweepWorkspacesFailed": 0,
		} {
			if sums[name] != want {
				t.Errorf("seed %d: the metrics count %s %v, want %v", seed, name, sums[name], want)
			}
		}
	}
	s.assertQuiet(s.tokens...)
}

// Every third read is throttled, half of the answers of transactions are lost,
// and then everything at once, kills among it: it ends as without faults.
func TestSweepThroughThrottlesAndLostAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t, local.Options{})
	reads := func(c faults.Call) bool {
		return slices.Contains([]string{"Query", "Scan", "GetItem", "BatchGetItem"}, c.Operation)
	}
	for _, c := range []struct {
		name             string
		processes, seeds int
		pick             func(c faults.Call, n int) faults.Action
	}{
		{"reads are throttled", 1, 1, func(c faults.Call, n int) faults.Action {
			if n < 30 && reads(c) {
				return faults.Throttle
			}
			return faults.Pass
		}},
		{"answers of transactions are lost", 1, 1, func(c faults.Call, n int) faults.Action {
			if n < 50 && c.Operation == "TransactWriteItems" {
				return faults.LoseAnswer
			}
			return faults.Pass
		}},
		{"keys are left unprocessed, reads fail", 1, 1, func(c faults.Call, n int) faults.Action {
			switch {
			case n < 30 && c.Operation == "BatchGetItem":
				return faults.Unprocessed
			case n < 20:
				return faults.Fail
			}
			return faults.Pass
		}},
		{"all of it, and kills, in two processes", 2, 2, func(c faults.Call, n int) faults.Action {
			switch {
			case n < 1:
				return faults.KillBefore
			case n < 2:
				return faults.KillAfter
			case n < 7:
				return faults.Throttle
			case n < 30 && c.Operation == "TransactWriteItems":
				return faults.Conflict
			case n < 12:
				return faults.LoseAnswer
			}
			return faults.Pass
		}},
	} {
		for seed := range uint64(c.seeds) {
			began := time.Now()
			_, runs := s.through(c.processes, chance(seed, c.pick))
			t.Logf("%s, seed %d: through after %d runs, %.1f s", c.name, seed, runs, time.Since(began).Seconds())
			s.same(fmt.Sprint(c.name, ", seed ", seed))
		}
	}
	service, err := faults.Forward(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s.Faults.Serve(faults.DynamoDB, cutShort(service))
	_, runs := s.through(1, nil)
	s.Faults.Serve(faults.DynamoDB, service)
	t.Logf("answers are cut short: through after %d runs", runs)
	s.same("answers are cut short")
	s.assertQuiet(s.tokens...)
}

// cutShort breaks off every tenth answer of a service in the middle, six times.
// The SDK takes that for final.
func cutShort(service http.Handler) http.Handler {
	var calls atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := calls.Add(1); n%10 != 0 || n > 60 {
			service.ServeHTTP(w, r)
			return
		}
		whole := httptest.NewRecorder()
		service.ServeHTTP(whole, r)
		maps.Copy(w.Header(), whole.Header())
		w.Header().Set("Content-Length", fmt.Sprint(whole.Body.Len()))
		w.WriteHeader(whole.Code)
		_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
}
