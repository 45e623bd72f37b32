package flow_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra/local"
	"safekeep/infra/local/faults"
	"safekeep/infra/local/outbox"
)

func memberKey(id, user string) attributes {
	return attributes{"workspace": text(id), "item": text("member#" + user)}
}

// orphans makes a workspace with n tokens of bob, who has left, and returns them.
func (w *world) orphans(id string, n int) (tokens []issued) {
	w.t.Helper()
	w.workspace(id, "", "ann")
	w.member(id, "bob", "member")
	for range n {
		tokens = append(tokens, w.issueBy(id, "bob", ""))
	}
	w.leave(id, "bob")
	return tokens
}

// attributes are an item, or what is set in one.
type attributes = map[string]types.AttributeValue

// A breakage is something stored that makes no sense, and its repair.
type breakage struct {
	name       string
	harm, mend func(w *world, id string, tokens []issued)
	// alone says that only the first token is concerned: the other one of the
	// workspace is done.
	alone bool
}

func brokenToken(name string, harm, mend attributes) breakage {
	set := func(to attributes) func(*world, string, []issued) {
		return func(w *world, _ string, tokens []issued) { w.alter(tokens[0], to) }
	}
	return breakage{name, set(harm), set(mend), true}
}

func brokenMember(name, user string, harm, mend attributes) breakage {
	set := func(to attributes) func(*world, string, []issued) {
		return func(w *world, id string, _ []issued) { w.update("Workspaces", memberKey(id, user), to) }
	}
	return breakage{name, set(harm), set(mend), false}
}

// brokenLedger puts an item among the ledger's, and takes it away again.
func brokenLedger(name, seq string, item attributes) breakage {
	key := func(id string) attributes { return attributes{"workspace": text(id), "seq": text(seq)} }
	return breakage{name, func(w *world, id string, tokens []issued) {
		whole := maps.Clone(item)
		maps.Copy(whole, key(id))
		whole["subject"] = text(tokens[0].id)
		w.put("Ledger", []map[string]types.AttributeValue{whole}, nil)
	}, func(w *world, id string, _ []issued) {
		w.put("Ledger", nil, []map[string]types.AttributeValue{key(id)})
	}, false}
}

// What is stored of one workspace makes no sense. All others are done, the log
// and a metric say which one is not, and when it is mended the next run makes up
// for it: nothing is lost, told twice or counted wrong.
func TestSweepPassesOverABrokenWorkspace(t *testing.T) {
	t.Parallel()
	made := stamp(today())
	const marker, last = "once#hygiene", "7ZZZZZZZZZ0000000000000000"
	breakAndMend(t, []breakage{
		brokenToken("token without created_at", attributes{"created_at": nil}, attributes{"created_at": made}),
		brokenToken("created_at of another kind", attributes{"created_at": number(1)}, attributes{"created_at": made}),
		brokenToken("token of an unknown status", attributes{"status": text("asleep"), "orphaned_stage": text("warned"), "orphaned_since": made}, attributes{"status": text("active"), "orphaned_stage": nil, "orphaned_since": nil}),
		brokenToken("token without a version", attributes{"version": nil}, attributes{"version": number(1)}),
		brokenToken("token of an unknown stage", attributes{"orphaned_stage": text("shouted")}, attributes{"orphaned_stage": nil}),
		brokenToken("stage without a time", attributes{"orphaned_stage": text("warned")}, attributes{"orphaned_stage": nil}),
		brokenToken("token of nobody", attributes{"created_by": nil}, attributes{"created_by": text("bob")}),
		brokenLedger("account that is no JSON", marker, attributes{"account": text("{"), "version": number(1)}),
		brokenLedger("account of another shape", marker, attributes{"account": text(`{"at":7}`), "version": number(1)}),
		brokenLedger("account without text", marker, attributes{"version": number(1)}),
		brokenLedger("account without a version", marker, attributes{"account": text("{}")}),
		brokenLedger("entry that is no JSON", last, attributes{"at": made, "kind": text("token.orphaned"), "actor": text("safekeep"), "detail": text("{")}),
	})
}

// The same for members: whether they have left cannot be said.
func TestSweepPassesOverOddMembers(t *testing.T) {
	t.Parallel()
	made := stamp(today())
	breakAndMend(t, []breakage{
		brokenMember("leaver of whom no time is known", "bob", attributes{"left_at": text("yesterday")}, attributes{"left_at": made}),
		brokenMember("leaver whose time is of another kind", "bob", attributes{"left_at": number(1)}, attributes{"left_at": made}),
		brokenMember("member whose role is of another kind", "ann", attributes{"role": number(1)}, attributes{"role": text("owner")}),
	})
}

func breakAndMend(t *testing.T, breakages []breakage) {
	w := newWorld(t, local.Options{NoPump: true})
	start := today()
	first, second := start.Add(day), start.Add(2*day)
	for i, c := range breakages {
		id, other := fmt.Sprintf("broken%d", i), fmt.Sprintf("fine%d", i)
		tokens, others := w.orphans(id, 2), w.orphans(other, 1)
		w.Outbox.Empty()
		c.harm(w, id, tokens)
		before := len(w.log.String())
		report, got := w.trySweep(first)
		log := w.sweepLog(before, 1)
		if !got || report.Failed != 1 {
			t.Errorf("%s: answered %v, %+v; want 1 workspace that failed", c.name, got, report)
		}
		if sums := metricsIn(log); sums["SweepWorkspacesFailed"] != 1 || sums["SweepHeartbeat"] != 1 {
			t.Errorf("%s: the metrics say %v", c.name, sums)
		}
		if !strings.Contains(log, `"workspace":"`+id+`"`) || strings.Contains(log, `"workspace":"`+other+`"`) {
			t.Errorf("%s: the log does not name %s alone:\n%s", c.name, id, log)
		}
		if got := w.hygiene(others[0], "orphaned"); got != marked("warned", first) {
			t.Errorf("%s: the other workspace's token is %q", c.name, got)
		}
		if got := w.hygiene(tokens[1], "orphaned"); c.alone && got != marked("warned", first) {
			t.Errorf("%s: the token beside it is %q", c.name, got)
		}
		w.notify()
		c.mend(w, id, tokens)
		before = len(w.log.String())
		w.sweep(second)
		w.sweepLog(before, 1)
		w.notify()
		for _, token := range append(tokens, others...) {
			w.wantFindings(token, "orphaned")
			if n := w.told("ann@"+token.workspace+".example", token); n != 1 {
				t.Errorf("%s: ann of %s was told %d times of %s", c.name, token.workspace, n, token.hint)
			}
		}
		w.wantInventory(id, map[string]int{"tokens": 2, "orphaned": 2, "funnel.orphaned.found": 2, "funnel.orphaned.open": 2})
		w.wantInventory(other, map[string]int{"tokens": 1, "orphaned": 1, "funnel.orphaned.found": 1, "funnel.orphaned.open": 1})
	}
}

// The day's findings are written, but the table does not answer when they are to
// be counted and told, and that day's run is not repeated. The next day's run
// tells and counts them.
func TestSweepMakesUpForADayThatWasNotSettled(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(c faults.Call) bool{
		"when the ledger is read":    func(c faults.Call) bool { return c.Operation == "Query" && c.Mentions(`"Ledger"`) },
		"when the digest is written": func(c faults.Call) bool { return c.Operation == "TransactWriteItems" && c.Mentions("hygiene.digested") },
		"when the process is killed": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, local.Options{NoPump: true})
			first := today().Add(day)
			tokens := w.orphans("acme", 3)
			w.Faults.Set(func(c faults.Call) faults.Action {
				switch {
				case c.Function != "sweep":
				case fails == nil && c.Operation == "Query" && c.Mentions(`"Ledger"`):
					return faults.KillBefore
				case fails != nil && fails(c):
					return faults.Refuse(400, "AccessDeniedException")
				}
				return faults.Pass
			})
			if report, got := w.trySweep(first); got && report.Failed != 1 {
				t.Errorf("the run that fails reports %+v", report)
			}
			w.Faults.Set(nil)
			for _, token := range tokens {
				if got := w.hygiene(token, "orphaned"); got != marked("warned", first) {
					t.Fatalf("the finding was not written: %q", got)
				}
			}
			if n := len(w.digests("acme")); n != 0 {
				t.Fatalf("%d digests of a day that was not settled", n)
			}
			// One of them is cleaned up before the next run.
			w.call("DELETE", tokens[0].path(), "", 204)
			w.sweep(first.Add(day))
			w.notify()
			for i, token := range tokens {
				if n := w.told("ann@acme.example", token); n != map[bool]int{false: 0, true: 1}[i > 0] {
					t.Errorf("ann was told %d times of token %d", n, i)
				}
			}
			w.sweep(first.Add(2 * day))
			w.notify()
			w.wantRecipients(map[string]int{"ann@acme.example": 1})
			w.wantInventory("acme", map[string]int{
				"tokens": 2, "orphaned": 2,
				"funnel.orphaned.found": 3, "funnel.orphaned.by_itself": 1, "funnel.orphaned.open": 2, // it was not the mail's doing
			})
		})
	}
}

// A run that has no time left says so, and is repeated by the schedule; the
// heartbeat that an alarm waits for is missing.
func TestSweepSaysWhenTheTimeIsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{
		Functions: []string{"sweep", "tokens", "workspaces"}, NoPump: true, Timeouts: map[string]time.Duration{"sweep": 9 * time.Second},
	})
	token := w.orphans("acme", 1)[0]
	refused := w.schedule(today(), 502)
	if detail, _ := refused["detail"].(string); !strings.Contains(detail, "the time was up") {
		t.Errorf("answer: %v", refused)
	}
	sums := metricsIn(w.sweepLog(0, 1))
	if _, alive := sums["SweepHeartbeat"]; alive || w.hygiene(token, "orphaned") != "" {
		t.Errorf("the metrics say %v", sums)
	}
}

// The state machine has the segments swept side by side: each workspace is
// visited once.
func TestSweepInSegments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{Functions: []string{"sweep", "tokens", "workspaces"}, NoPump: true})
	at := today()
	var tokens []issued
	for n := range 12 {
		tokens = append(tokens, w.orphans(fmt.Sprint("w", n), 1)...)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	var sum sweepReport
	for n := range 5 {
		all.Go(func() {
			event := fmt.Sprintf(`{"scheduled":"%s","segment":%d,"segments":5}`, at.Format(time.RFC3339), n)
			result, err := w.Invoke(t.Context(), "sweep", []byte(event))
			var report sweepReport
			if err != nil || result.Failed || json.Unmarshal(result.Payload, &report) != nil {
				t.Errorf("segment %d: %s %v", n, result.Payload, err)
			}
			mu.Lock()
			defer mu.Unlock()
			sum = sweepReport{sum.Workspaces + report.Workspaces, sum.Failed + report.Failed, sum.Tokens + report.Tokens, sum.Findings + report.Findings, sum.Digests + report.Digests}
		})
	}
	all.Wait()
	if sum != (sweepReport{Workspaces: 12, Tokens: 12, Findings: 12, Digests: 12}) {
		t.Errorf("the segments together: %+v", sum)
	}
	for _, token := range tokens {
		w.wantFindings(token, "orphaned")
	}
	for _, event := range []string{`{}`, `{"scheduled":"` + at.Format(time.RFC3339) + `","segment":5,"segments":5}`, `{"scheduled":"tomorrow"}`, `[]`} {
		if result, err := w.Invoke(t.Context(), "sweep", []byte(event)); err != nil || !result.Failed {
			t.Errorf("%s: %s %v", event, result.Payload, err)
		}
	}
}

// No mail goes out while the sweep runs. It does not notice; the mails come when
// they can, one each.
func TestSweepWhileMailIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	start := today()
	var tokens []issued
	want := map[string]int{}
	for n := range 4 {
		id := fmt.Sprint("w", n)
		tokens = append(tokens, w.orphans(id, n+1)...)
		w.member(id, "adam", "admin")
		want["ann@"+id+".example"], want["adam@"+id+".example"] = 1, 1
	}
	w.Outbox.Refuse(func(outbox.Mail) *outbox.Error {
		return &outbox.Error{Status: 400, Code: "SendingPausedException", Message: "paused"}
	})
	if report := w.schedule(start.Add(day), 200); report["failed"] != 0.0 || report["digests"] != 4.0 || report["findings"] != 10.0 {
		t.Errorf("the sweep reports %v", report)
	}
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.Outbox.Mails()) != 0 || w.owing() != 4 || w.Outbox.Asked() == 0 {
		t.Errorf("in the outage: %d mails, %d debts, asked %d times", len(w.Outbox.Mails()), w.owing(), w.Outbox.Asked())
	}
	w.sweep(start.Add(2 * day)) // the outage goes on, and nothing is new
	if n := w.owing(); n != 4 {
		t.Errorf("%d debts after another day", n)
	}
	w.Outbox.Refuse(nil)
	w.settle()
	w.wantRecipients(want)
	for _, token := range tokens {
		for _, user := range []string{"ann", "adam"} {
			if n := w.told(user+"@"+token.workspace+".example", token); n != 1 {
				t.Errorf("%s of %s was told %d times of %s", user, token.workspace, n, token.hint)
			}
		}
	}
	w.assertQuiet(tokens...)
}
