package flow_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"safekeep/infra/local"
	"safekeep/infra/local/faults"
	"safekeep/infra/local/outbox"
)

// mostCalls is more than either function makes for the reports of these tests.
const mostCalls = 60

// once is a rule for the n-th call of one invocation of a function, the first
// that gets there; it reports whether it was used, and on which call.
func once(function string, n int, action faults.Action) (faults.Rule, *atomic.Pointer[faults.Call]) {
	var used atomic.Pointer[faults.Call]
	return func(c faults.Call) faults.Action {
		if c.Function == function && c.N == n && used.CompareAndSwap(nil, &c) {
			return action
		}
		return faults.Pass
	}, &used
}

// The process is killed before and after every single call that alerts and
// notify make. Delivered again, the report ends as if nothing had happened: no
// revocation without its mail, no mail without its revocation, none repeated
// but the one that was in flight.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, function := range []string{"alerts", "notify"} {
		for _, tokens := range []int{1, 3} {
			for _, when := range []struct {
				name   string
				action faults.Action
			}{{"before", faults.KillBefore}, {"after", faults.KillAfter}} {
				t.Run(fmt.Sprintf("%s of %d tokens, %s", function, tokens, when.name), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, local.Options{})
					calls := 0
					for n := 1; n <= mostCalls && killAt(w, function, n, tokens, when.action); n++ {
						calls = n
					}
					// A first report also fetches the host's keys.
					if least := map[string]int{"alerts": 3, "notify": 9}[function]; calls < least || calls == mostCalls {
						t.Errorf("killed at %d calls: fewer than %d, or more than this test looks at", calls, least)
					}
					t.Logf("killed at each of %d calls", calls)
				})
			}
		}
	}
}

// killAt runs one report of its own workspace through a kill at the n-th call
// and reports whether there was such a call.
func killAt(w *world, function string, n, tokens int, action faults.Action) bool {
	w.t.Helper()
	id := fmt.Sprintf("w%d", n)
	w.workspace(id, "", "ann", "bob")
	var leaked []issued
	for range tokens {
		leaked = append(leaked, w.issue(id))
	}
	w.Outbox.Empty()
	if function == "alerts" {
		w.Kill("alerts") // a cold process reads the host's keys too
	}
	rule, used := once(function, n, action)
	w.Faults.Set(rule)
	w.insist(w.report(leaked...))
	w.settle()
	w.Faults.Set(nil)
	call := used.Load()
	for _, token := range leaked {
		if kinds := w.kinds(token); w.active(token.text) || kinds["token.revoked"] != 1 || kinds["token.exposed"] != 1 || kinds["token.sighted"] != 0 {
			w.t.Errorf("call %d: active %v, ledger %v", n, w.active(token.text), kinds)
		}
		for _, user := range []string{"ann", "bob"} {
			if w.told(user+"@"+id+".example", token) == 0 {
				w.t.Errorf("call %d: %s was not told of %s", n, user, token.hint)
			}
		}
	}
	w.assertMails(call, action, len(leaked), n)
	return call != nil
}

// assertMails says whether mails were repeated only where one was in flight. A
// report whose exposures were written in two goes, because alerts died between
// them, may come as more than one mail; no token may be told twice.
func (w *world) assertMails(call *faults.Call, action faults.Action, tokens, n int) {
	w.t.Helper()
	told := 0
	mails := w.Outbox.Mails()
	for _, m := range mails {
		told += countHints(m)
	}
	want := 2 * tokens
	repeated := 0
	if call != nil && call.Service == faults.SES && action == faults.KillAfter {
		repeated = tokens // that one mail went out and nobody heard
	}
	if call != nil && call.Function == "notify" && call.Service == faults.DynamoDB && action == faults.KillBefore && told > want {
		// Killed before it could note that the mail went out.
		repeated = tokens
	}
	if told != want && told != want+repeated {
		w.t.Errorf("call %d (%s): tokens were told %d times in %d mails, want %d", n, named(call), told, len(mails), want)
	}
}

// named is a call in a few words.
func named(call *faults.Call) string {
	if call == nil {
		return "none"
	}
	return call.Service + " " + call.Operation
}

// countHints counts the tokens a mail is about.
func countHints(m outbox.Mail) int {
	n := 0
	for i := 0; i+len("skp_…") <= len(m.Text); i++ {
		if m.Text[i:i+len("skp_…")] == "skp_…" {
			n++
		}
	}
	return n
}

// Half of all calls go wrong, in all ways at once.
func TestHalfOfAllCallsGoWrong(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, local.Options{})
			const places, each = 3, 4
			var leaked []issued
			for i := range places {
				w.workspace(fmt.Sprint("w", i), "", "ann", "bob")
				for range each {
					leaked = append(leaked, w.issue(fmt.Sprint("w", i)))
				}
			}
			bystander := w.issue("w0")
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, 0))
			out, noted := 0, map[string]bool{} // mails that went out, claims noted as sent
			w.Faults.Set(func(c faults.Call) faults.Action {
				if c.Function != "alerts" && c.Function != "notify" {
					return faults.Pass
				}
				mu.Lock()
				defer mu.Unlock()
				action := []faults.Action{faults.Throttle, faults.Conflict, faults.LoseAnswer, faults.LoseAnswer, faults.Pass, faults.Pass, faults.Pass, faults.Pass}[random.IntN(8)]
				switch {
				case c.Service == faults.SES && action != faults.Throttle:
					out++
				case c.Function == "notify" && c.Operation == "UpdateItem" && c.Mentions(`"sent"`) && (action == faults.Pass || action == faults.LoseAnswer):
					noted[claimOf(c)] = true
				}
				return action
			})
			body := w.report(leaked...)
			w.insist(body)
			w.insist(body)
			w.settleThrough()
			w.Faults.Set(nil)
			w.settle()
			repeated := 0
			for _, token := range leaked {
				if kinds := w.kinds(token); w.active(token.text) || kinds["token.revoked"] != 1 || kinds["token.exposed"] != 1 {
					t.Errorf("active %v, ledger %v", w.active(token.text), kinds)
				}
				for _, user := range []string{"ann", "bob"} {
					told := w.told(user+"@"+token.workspace+".example", token)
					if told == 0 {
						t.Errorf("%s of %s was not told", user, token.workspace)
					}
					repeated += told - 1
				}
			}
			if !w.active(bystander.text) {
				t.Error("a token that nobody reported was revoked")
			}
			// An answer of SES that was lost, or a notify that ran out of time
			// before it could note one, leaves a mail in flight.
			inFlight := out - len(noted)
			if repeated > inFlight*each {
				t.Errorf("tokens were told again %d times, want at most %d: %d mails were left in flight", repeated, inFlight*each, inFlight)
			}
			t.Logf("%d mails were left in flight, tokens told again %d times", inFlight, repeated)
			w.assertQuiet(leaked...)
		})
	}
}

// claimOf is the claim that a note of notify is about.
func claimOf(c faults.Call) string {
	var update struct {
		ExpressionAttributeValues map[string]struct{ S string }
	}
	_ = json.Unmarshal(c.Body, &update) // other attributes are of other types
	return update.ExpressionAttributeValues[":by"].S
}

// settleThrough lets notify work for a while with the faults on.
func (w *world) settleThrough() {
	w.t.Helper()
	for range 6 {
		_, _ = w.Fire(w.t.Context(), "notify", time.Now())
	}
}

// The key endpoint is down: a known key still verifies, an unknown id is 503.
func TestKeyEndpointDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{Timeouts: map[string]time.Duration{"notify": notifyTimeout}})
	w.workspace("acme", "", "ann")
	w.insist(w.report(w.issue("acme")))
	w.GitHub.Outage(502)
	token := w.issue("acme")
	if answer := w.deliver(w.report(token)); answer.Status != 200 || w.active(token.text) {
		t.Errorf("a known key in an outage: %d", answer.Status)
	}
	fresh, err := w.GitHub.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	other := w.issue("acme")
	if answer := w.deliver(w.report(other)); answer.Status != 503 {
		t.Errorf("an unknown key (%s) in an outage: %d, want 503", fresh, answer.Status)
	}
	w.GitHub.Outage(0)
	w.insist(w.report(other))
	if w.active(other.text) {
		t.Error("after the outage the token still works")
	}
}

// Mail is down while tokens are revoked: they are dead at once and told later.
func TestMailDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann", "bob")
	token := w.issue("acme")
	w.Outbox.Refuse(func(outbox.Mail) *outbox.Error {
		return &outbox.Error{Status: 400, Code: "SendingPausedException", Message: "paused"}
	})
	w.insist(w.report(token))
	if w.active(token.text) {
		t.Error("the token still works")
	}
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Outbox.Mails()); n != 0 || w.owing() != 1 {
		t.Errorf("%d mails, %d debts in the outage", n, w.owing())
	}
	w.Outbox.Refuse(nil)
	w.settle()
	to := []string{}
	for _, m := range w.Outbox.Mails() {
		to = append(to, m.To[0])
	}
	if slices.Sort(to); !slices.Equal(to, []string{"ann@acme.example", "bob@acme.example"}) {
		t.Errorf("mails to %v", to)
	}
}
