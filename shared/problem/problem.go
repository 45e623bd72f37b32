// Package problem holds the errors that a caller is meant to read.
//
// A room returns a problem when the caller can do something about it; every
// other error stays inside and is answered without its text. Which status a
// kind becomes is decided in one place, package web, so that no room knows
// about HTTP.
package problem

import "errors"

// Kind says what sort of mistake or state a problem is about.
type Kind int

const (
	// Unreadable means that the request could not be parsed, or has a field we do not know.
	Unreadable Kind = iota + 1
	// Unacceptable means that it could be read, but a value breaks a rule.
	Unacceptable
	// Unauthenticated means that a signature, grant or secret does not verify.
	Unauthenticated
	// Forbidden means that the caller is not one of those who may call at all.
	Forbidden
	// NotFound means that it is not there, or not the caller's; the two are never told apart.
	NotFound
	// WrongMethod means that the path is known, the method is not.
	WrongMethod
	// Conflict means already used, already done, or in the way of something.
	Conflict
	// TooLarge means that the body is longer than the limit that the detail states.
	TooLarge
	// Locked means that there were too many tries; the answer says how long to wait.
	Locked
	// Unavailable means that nothing is wrong with the request; the same one may work later.
	Unavailable
)

// Error is a problem: what kind, which field of the request (empty when it is
// about the whole), and a sentence that tells the caller what to do. The
// sentence never repeats a value that may be a secret.
type Error struct {
	Kind   Kind
	Field  string
	Detail string
	// More are further members of the answer, such as a statement that helps.
	More map[string]string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Detail
	}
	return e.Field + ": " + e.Detail
}

// New returns a problem about the whole request. Rooms use it to declare their
// sentinel errors.
func New(kind Kind, detail string) *Error {
	return &Error{Kind: kind, Detail: detail}
}

// Field returns an Unacceptable problem about one field of the request.
func Field(field, detail string) *Error {
	return &Error{Kind: Unacceptable, Field: field, Detail: detail}
}

// Of returns the problem that err is or wraps, and whether there is one.
func Of(err error) (*Error, bool) {
	var p *Error
	ok := errors.As(err, &p)
	return p, ok
}
