// Package faults stands between the Lambdas and everything they call, records
// each call and, when a test asks for it, lets it go wrong: kills the process
// before or after the call, throttles, conflicts, loses the answer, hangs, fails,
// or hides what an index should show.
//
// Each process has an address of its own here, so the function, the process and
// the invocation behind a call are known. Without a rule a call is passed on as
// it is.
package faults

import (
	"bytes"
	"encoding/json"
	"time"
)

// The services that stand behind a proxy.
const (
	DynamoDB       = "dynamodb"
	SES            = "ses"
	SecretsManager = "secretsmanager"
	KMS            = "kms"
	CodeHost       = "codehost"
	Snowflake      = "snowflake"
	Pwned          = "pwned"
	SMS            = "sms"
)

// A Call is one request of a function to a service.
type Call struct {
	// At is when it came.
	At time.Time
	// Function and Instance name the process; Invocation is the request id it
	// works on, empty while it starts.
	Function   string
	Instance   int
	Invocation string
	// Service is one of the constants above. Operation is the API operation, such
	// as TransactWriteItems or SendEmail; for a code host it is the host's name, for Snowflake the path after the
	// account.
	Service   string
	Operation string
	// N counts the calls of this invocation and Total those of the function since
	// the stack began, both from 1.
	N     int
	Total int
	// Body is the request's body. Rules see it; recorded calls leave it out.
	Body []byte
}

// Index is the index that a Query or Scan reads, empty for the table itself and
// for other operations.
func (c Call) Index() string {
	var q struct{ IndexName string }
	_ = json.Unmarshal(c.Body, &q)
	return q.IndexName
}

// Mentions says whether the request's body holds text, for example the name of a
// table or an id.
func (c Call) Mentions(text string) bool { return bytes.Contains(c.Body, []byte(text)) }

// A Rule decides what happens to a call. Calls come at the same time, so a rule
// that counts must lock.
type Rule func(Call) Action

// An Action is what happens to a call.
type Action struct {
	kind   kind
	status int
	code   string
	delay  time.Duration
}

type kind int

const (
	pass kind = iota
	killBefore
	killAfter
	throttle
	conflict
	loseAnswer
	hang
	refuse
	emptyIndex
	unprocessed
	wait
)

var (
	// Pass passes the call on.
	Pass = Action{}
	// KillBefore kills the process; the service never hears of the call.
	KillBefore = Action{kind: killBefore}
	// KillAfter has the service do the work, then kills the process before it
	// hears the answer.
	KillAfter = Action{kind: killAfter}
	// Throttle answers as a service that is over its limit.
	Throttle = Action{kind: throttle}
	// Conflict answers a write as DynamoDB does when another transaction holds one
	// of the items: TransactionCanceledException with the reason
	// TransactionConflict for each item, or TransactionConflictException for a
	// write of one item. Anything else passes.
	Conflict = Action{kind: conflict}
	// LoseAnswer has the service do the work and drops the connection.
	LoseAnswer = Action{kind: loseAnswer}
	// Hang answers nothing until the caller gives up or is killed.
	Hang = Action{kind: hang}
	// EmptyIndex answers a Query or Scan of an index as if nothing had reached it
	// yet. Anything else passes.
	EmptyIndex = Action{kind: emptyIndex}
	// Unprocessed does the first half of a batch and returns the rest as
	// unprocessed. Anything but BatchGetItem and BatchWriteItem passes.
	Unprocessed = Action{kind: unprocessed}
	// Fail answers 500 InternalServerError.
	Fail = Refuse(500, "InternalServerError")
)

// Refuse answers with an error of the service, such as 400 and
// "AccessDeniedException".
func Refuse(status int, code string) Action {
	return Action{kind: refuse, status: status, code: code}
}

// Delay passes the call on after d.
func Delay(d time.Duration) Action { return Action{kind: wait, delay: d} }

// HideIndexes is a rule: until t, every index is empty.
func HideIndexes(t time.Time) Rule {
	return func(Call) Action {
		if time.Now().Before(t) {
			return EmptyIndex
		}
		return Pass
	}
}

// Nth is a rule for the n-th call of every invocation of a function, counted
// from 1.
func Nth(function string, n int, a Action) Rule {
	return func(c Call) Action {
		if c.Function == function && c.N == n {
			return a
		}
		return Pass
	}
}
