package local_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"safekeep/infra/local"
	"safekeep/infra/local/faults"
)

// Each fault does what it says: to the caller, to the data and to the process.
func TestFaults(t *testing.T) {
	s, _ := start(t, func(o *local.Options) {
		o.NoPump = true
		o.Timeouts = map[string]time.Duration{"alerts": 3 * time.Second}
	})
	const (
		put      = `{"op":"put","table":"Ledger","key":"KEY","tries":1}`
		transact = `{"op":"transact","table":"Ledger","key":"KEY","tries":1}`
		query    = `{"op":"query","table":"Ledger","index":"by-kind","tries":1}`
		batch    = `{"op":"batch","table":"Ledger","key":"KEY","tries":1}`
		mail     = `{"op":"mail","from":"security@acme.example","to":"a@b.example","tries":1}`
		secret   = `{"op":"secret","key":"x","tries":1}`
	)
	for n, tt := range []struct {
		name   string
		action faults.Action
		call   string
		answer string // part of the answer, or of Lambda's error when the process dies
		dies   bool
		done   bool // the item is there afterwards
	}{
		{"pass", faults.Pass, put, "put", false, true},
		{"kill before", faults.KillBefore, put, "signal: killed", true, false},
		{"kill after", faults.KillAfter, put, "signal: killed", true, true},
		{"hang", faults.Hang, put, "Task timed out after 3.00 seconds", true, false},
		{"lose the answer", faults.LoseAnswer, put, "error: ", false, true},
		{"throttle", faults.Throttle, put, "ProvisionedThroughputExceededException", false, false},
		{"throttle mail", faults.Throttle, mail, "TooManyRequestsException", false, false},
		{"throttle a secret", faults.Throttle, secret, "ThrottlingException", false, false},
		{"conflict", faults.Conflict, put, "TransactionConflictException", false, false},
		{"conflict in a transaction", faults.Conflict, transact, "[TransactionConflict, TransactionConflict]", false, false},
		{"no conflict in a query", faults.Conflict, query, "found", false, false},
		{"fail", faults.Fail, put, "InternalServerError", false, false},
		{"fail mail", faults.Fail, mail, "InternalServerError", false, false},
		{"refuse", faults.Refuse(400, "AccessDeniedException"), put, "AccessDeniedException", false, false},
		{"empty index", faults.EmptyIndex, query, "found 0", false, false},
		{"unprocessed", faults.Unprocessed, batch, "unprocessed 2", false, false},
		{"delay", faults.Delay(50 * time.Millisecond), put, "put", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := fmt.Sprint("key", n)
			s.Faults.Set(faults.Nth("alerts", 1, tt.action))
			answers, failure := calls(t, s, "alerts", "["+strings.ReplaceAll(tt.call, "KEY", key)+"]")
			s.Faults.Set(nil)
			if (failure != "") != tt.dies || !strings.Contains(fmt.Sprint(answers, failure), tt.answer) {
				t.Errorf("answered %s %s", answers, failure)
			}
			after, _ := calls(t, s, "alerts", `[{"op":"get","table":"Ledger","key":"`+key+`"}]`)
			if want := fmt.Sprintf("got %t", tt.done); after[0] != want {
				t.Errorf("%s, want %s", after[0], want)
			}
		})
	}
}

// The SDK's own retries meet a fault once and then pass, each try being a call
// of its own; indexes stay empty until the time has come.
func TestRulesOverCalls(t *testing.T) {
	s, _ := start(t, func(o *local.Options) { o.NoPump = true })
	s.Faults.Set(faults.Nth("alerts", 1, faults.LoseAnswer))
	if answers, _ := calls(t, s, "alerts", `[{"op":"put","table":"Ledger","key":"x"}]`); answers[0] != "put" {
		t.Error(answers)
	}
	if n := s.Faults.Count("alerts")["dynamodb.PutItem"]; n != 2 {
		t.Errorf("%d tries", n)
	}
	s.Faults.Set(faults.HideIndexes(time.Now().Add(300 * time.Millisecond)))
	query := `[{"op":"query","table":"Ledger","index":"by-kind"},{"op":"get","table":"Ledger","key":"x"}]`
	if answers, _ := calls(t, s, "alerts", query); fmt.Sprint(answers) != "[found 0 got true]" {
		t.Error(answers)
	}
	time.Sleep(300 * time.Millisecond)
	if answers, _ := calls(t, s, "alerts", query); fmt.Sprint(answers) != "[found 1 got true]" {
		t.Error(answers)
	}
	s.Faults.Forget()
	if calls := s.Faults.Calls(nil); len(calls) != 0 {
		t.Errorf("%d calls are remembered", len(calls))
	}
}

// A rule may kill one of several processes; the others go on.
func TestKillsTheRightProcess(t *testing.T) {
	s, _ := start(t, func(o *local.Options) { o.NoPump = true })
	slow := make(chan string, 1)
	go func() {
		_, failure := calls(t, s, "alerts", `[{"op":"keys","key":"GITHUB_KEYS_URL"},{"op":"get","table":"Ledger","key":"slow"}]`)
		slow <- failure
	}()
	s.Faults.Set(func(c faults.Call) faults.Action {
		switch {
		case c.Mentions("slow"):
			return faults.Delay(300 * time.Millisecond)
		case c.Mentions("doomed"):
			return faults.KillBefore
		}
		return faults.Pass
	})
	for s.Function("alerts").Instances()[0].Invocation() == "" {
		time.Sleep(time.Millisecond)
	}
	if _, failure := calls(t, s, "alerts", `[{"op":"get","table":"Ledger","key":"doomed"}]`); !strings.Contains(failure, "killed") {
		t.Errorf("doomed: %s", failure)
	}
	if failure := <-slow; failure != "" {
		t.Errorf("the other process: %s", failure)
	}
}
