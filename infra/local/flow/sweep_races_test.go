package flow_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra/local"
	"safekeep/infra/local/faults"
)

// sweepHeldUp runs the sweep, and the change when the sweep has judged and is
// about to write for the first time.
func (w *world) sweepHeldUp(at time.Time, change func()) sweepReport {
	w.t.Helper()
	gate, arrived, done := make(chan struct{}), make(chan struct{}), make(chan sweepReport, 1)
	var first atomic.Bool
	w.Faults.Set(func(c faults.Call) faults.Action {
		if c.Function == "sweep" && c.Operation == "TransactWriteItems" {
			if first.CompareAndSwap(false, true) {
				close(arrived)
			}
			<-gate
		}
		return faults.Pass
	})
	defer w.Faults.Set(nil)
	go func() {
		report, got := w.trySweep(at)
		if !got || report.Failed != 0 {
			w.t.Errorf("held up, the sweep answers %v, %+v", got, report)
		}
		done <- report
	}()
	select {
	case <-arrived:
		change()
	case <-done:
		w.t.Fatal("the sweep writes nothing")
	}
	close(gate)
	return <-done
}

// Between judging a token and writing what was found, what it was judged by
// changes. Nothing is written of it then, and nobody is told; the token that
// stood in the same transaction is warned of all the same.
func TestSweepWritesNothingThatIsNoLongerSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{NoPump: true})
	at := today()
	until := at.AddDate(1, 0, 0).Format(time.DateOnly)
	old := map[string]types.AttributeValue{"created_at": stamp(at.Add(-200 * day))}
	for i, c := range []struct {
		name   string
		change func(token issued)
		reason string
		also   bool // the change concerns the token beside it, too
	}{
		{"revoked", func(token issued) { w.call("DELETE", token.path(), "", 204) }, "orphaned", false},
		{"rotated", func(token issued) { w.call("POST", token.path()+"/rotate", `{"created_by":"ann"}`, 201) }, "orphaned", false},
		{"kept", func(token issued) { w.call("POST", token.path()+"/keep", `{"reason":"why","until":"`+until+`"}`, 200) }, "orphaned", false},
		{"back", func(token issued) { w.member(token.workspace, "bob", "member") }, "orphaned", true},
		{"used", func(token issued) { w.active(token.text) }, "unused", false},
		{"unused and revoked", func(token issued) { w.call("DELETE", token.path(), "", 204) }, "unused", false},
		{"ended", func(token issued) { w.call("DELETE", "/workspaces/"+token.workspace, "", 204) }, "unused", true},
	} {
		id := "w" + string(rune('a'+i))
		var tokens []issued
		if c.reason == "orphaned" {
			tokens = w.orphans(id, 2)
		} else {
			w.workspace(id, "", "ann")
			tokens = []issued{w.issueBy(id, "ann", ""), w.issueBy(id, "ann", "")}
			w.alter(tokens[0], old)
			w.alter(tokens[1], old)
		}
		w.Outbox.Empty()
		w.sweepHeldUp(at, func() { c.change(tokens[0]) })
		w.notify()
		for n, token := range tokens {
			told := w.told("ann@"+id+".example", token)
			if n == 0 || c.also {
				w.wantFindings(token)
				if got := w.hygiene(token, c.reason); got != "" || told != 0 {
					t.Errorf("%s in between: %q, ann was told %d times", c.name, got, told)
				}
				continue
			}
			w.wantFindings(token, c.reason)
			if got := w.hygiene(token, c.reason); got != marked("warned", at) || told != 1 {
				t.Errorf("the token beside one that was %s: %q, ann was told %d times", c.name, got, told)
			}
		}
	}
}

// A run is repeated as of the same time, after the day's digest was written, and
// finds something that was not so the first time. It is told the next day.
func TestSweepRepeatedFindsMore(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]struct{ before, then func(w *world, second issued) }{
		"somebody has left": {
			func(*world, issued) {},
			func(w *world, _ issued) { w.leave("acme", "cleo") },
		},
		"a token was mended": {
			func(w *world, second issued) {
				w.leave("acme", "cleo")
				w.alter(second, map[string]types.AttributeValue{"version": nil})
			},
			func(w *world, second issued) {
				w.alter(second, map[string]types.AttributeValue{"version": number(1)})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, local.Options{NoPump: true})
			at := today()
			first := w.orphans("acme", 1)[0]
			w.member("acme", "cleo", "member")
			second := w.issueBy("acme", "cleo", "")
			between.before(w, second)
			if _, got := w.trySweep(at); !got {
				t.Fatal("the first run failed")
			}
			between.then(w, second)
			w.sweep(at)
			w.notify()
			w.wantRecipients(map[string]int{"ann@acme.example": 1})
			if w.told("ann@acme.example", first) != 1 || w.told("ann@acme.example", second) != 0 {
				t.Error("the day's digest is not of what there was then")
			}
			w.sweep(at.Add(day))
			w.notify()
			if w.told("ann@acme.example", first) != 1 || w.told("ann@acme.example", second) != 1 {
				t.Errorf("the next day ann has been told %d times of the first token, %d times of the second, want once of each",
					w.told("ann@acme.example", first), w.told("ann@acme.example", second))
			}
			w.sweep(at.Add(2 * day))
			w.notify()
			w.wantFindings(first, "orphaned")
			w.wantFindings(second, "orphaned")
			w.wantRecipients(map[string]int{"ann@acme.example": 2})
			w.wantInventory("acme", map[string]int{"tokens": 2, "orphaned": 2, "funnel.orphaned.found": 2, "funnel.orphaned.open": 2})
		})
	}
}

// Two runs of the same time overlap, and somebody leaves while the first is on
// its way: it does not see that, the second does. Whichever writes the day's
// digest, both tokens are told of once by the next day.
func TestSweepTwiceAtOnceWhileSomebodyLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{NoPump: true})
	at := today()
	first := w.orphans("acme", 1)[0]
	w.member("acme", "cleo", "member")
	second := w.issueBy("acme", "cleo", "")

	// Either process is held up at its first write, until it is let go.
	var mu sync.Mutex
	gates := map[int]chan struct{}{}
	arrived := make(chan int, 2)
	w.Faults.Set(func(c faults.Call) faults.Action {
		if c.Function != "sweep" || c.Operation != "TransactWriteItems" {
			return faults.Pass
		}
		mu.Lock()
		gate, known := gates[c.Instance]
		if !known {
			gate = make(chan struct{})
			gates[c.Instance] = gate
			arrived <- c.Instance
		}
		mu.Unlock()
		<-gate
		return faults.Pass
	})
	begin := func() (process int, done chan struct{}) {
		done = make(chan struct{})
		go func() {
			defer close(done)
			if report, got := w.trySweep(at); !got || report.Failed != 0 {
				t.Errorf("answered %v, %+v", got, report)
			}
		}()
		return <-arrived, done
	}
	let := func(process int, done chan struct{}) {
		mu.Lock()
		close(gates[process])
		mu.Unlock()
		<-done
	}
	early, earlyDone := begin()
	w.leave("acme", "cleo")
	late, lateDone := begin()
	let(early, earlyDone)
	let(late, lateDone)
	w.Faults.Set(nil)
	w.notify()
	w.sweep(at.Add(day))
	w.notify()
	for i, token := range []issued{first, second} {
		if n := w.told("ann@acme.example", token); n != 1 {
			t.Errorf("by the next day ann has been told %d times of token %d", n, i+1)
		}
		w.wantFindings(token, "orphaned")
	}
	w.wantInventory("acme", map[string]int{"tokens": 2, "orphaned": 2, "funnel.orphaned.found": 2, "funnel.orphaned.open": 2})
}
