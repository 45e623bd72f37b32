package sms

import (
	"errors"
	"time"

	"safekeep/shared/problem"
)

// The errors of Start, Check and Reserve. Each may be answered as it is; [Reason]
// tells the log and the metrics more, and [Until] how long to wait.
var (
	// ErrUnavailable means that surely no text was sent, or that a code could
	// not be checked, and the number is not to blame. The same call may work
	// later.
	ErrUnavailable = problem.New(problem.Unavailable, "Text messages do not work at the moment; try again later, or use another second factor.")
	// ErrRefused means that this number gets no texts: the carrier, the sending
	// service or its owner does not want any.
	ErrRefused = problem.New(problem.Unacceptable, "This phone number cannot be reached by text message; give another mobile number, or use another second factor. A phone that has answered STOP to our texts must answer START first.")
	// ErrTooMany means that there were too many sends or tries.
	ErrTooMany = problem.New(problem.Locked, "Too many codes were asked for or tried; wait before you ask for another, or use another second factor.")
	// ErrExpired means that there is nothing any more to check a code against:
	// ten minutes are over, it was used, or another service was configured
	// since.
	ErrExpired = problem.New(problem.Unacceptable, "The code is not good any more; ask for a new one.")
)

// Why a text was not sent or a code not checked, as [Reason] has it: few fixed
// words, fit for a metric's dimension.
const (
	OptedOut    = "opted_out"    // STOP was answered from the number
	Unreachable = "unreachable"  // no such number, or not one that gets texts
	NoCountry   = "country"      // sending to the number's country is not set up or blocked
	Blocked     = "blocked"      // taken for fraud by the sending service
	Busy        = "busy"         // the sending service has too much to do
	Quota       = "quota"        // a quota of the account at the sending service is used up
	Account     = "account"      // the account, its settings or our secret are not in order
	Outage      = "outage"       // the sending service cannot be reached or is broken
	Sends       = "sends"        // Twilio's limit of sends to a number
	Tries       = "tries"        // Twilio's limit of tries of a code
	UserLimit   = "limit_user"   // our limit of sends to a user
	NumberLimit = "limit_number" // our limit of sends to a number
	StackLimit  = "limit_stack"  // our limit of sends a day
)

// failure is one of the errors above with the cause beside it, in words of ours:
// what a sending service says may quote the number.
type failure struct {
	kind   *problem.Error
	reason string
	cause  string
	until  time.Time
	// passing is for what was surely not done, and may be at the next try.
	passing bool
}

// verdict is what a sending service's code for an error means.
type verdict struct {
	kind   *problem.Error
	reason string
}

// notInOrder is the failure of a call that our own settings or secret prevent.
func notInOrder(err error) error {
	return &failure{kind: ErrUnavailable, reason: Account, cause: err.Error()}
}

// Error implements error.
func (f *failure) Error() string { return "text message: " + f.cause + " (" + f.reason + ")" }

// Unwrap makes it an ErrUnavailable, ErrRefused, ErrTooMany or ErrExpired.
func (f *failure) Unwrap() error { return f.kind }

// Reason returns why something failed, one of the constants above, or "" when
// err says nothing about it.
func Reason(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.reason
	}
	return ""
}

// Until returns when the same call may work again, or the zero time when that
// is not known.
func Until(err error) time.Time {
	var f *failure
	if errors.As(err, &f) {
		return f.until
	}
	return time.Time{}
}
