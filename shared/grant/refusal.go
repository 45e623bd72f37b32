package grant

import (
	"errors"

	"safekeep/shared/problem"
)

// ErrRefused is for everything that is not a grant of ours that is good now.
// All of it gets the same answer, so that nobody can feel their way to one that
// passes; [Reason] tells the log.
var ErrRefused = problem.New(problem.Unauthenticated, "This is not a grant that is good now; ask for a new one and send it as you were given it.")

// ErrUnavailable is for a key service that does not answer. No grant is used up
// by it: the same request may be sent again.
var ErrUnavailable = problem.New(problem.Unavailable, "The key service did not answer in time; send the same request again.")

// Why a grant was refused, as [Reason] has it.
const (
	TooLong       = "too_long"  // longer than MaxLength
	Misshapen     = "shape"     // not three parts of base64url with a JSON object in front
	WrongAlg      = "alg"       // not ES256
	WrongType     = "typ"       // another sort of JWT
	WrongKey      = "kid"       // not the key that we sign with
	OddHeader     = "header"    // something in the header that we do not write
	BadSignature  = "signature" // not made by that key, or not over this text
	OddClaims     = "claims"    // signed by our key, and not as we write it
	WrongIssuer   = "iss"       // another stack's
	WrongAudience = "aud"       // for another service
	WrongLifetime = "lifetime"  // ends more than Lifetime after it began, or before
	NotYet        = "future"    // issued later than now
	Expired       = "expired"
)

// refusal is ErrRefused with the reason beside it. Its text is that of
// ErrRefused, so the reason cannot slip into an answer.
type refusal string

// Error implements error.
func (refusal) Error() string { return ErrRefused.Error() }

// Unwrap makes every refusal an ErrRefused.
func (refusal) Unwrap() error { return ErrRefused }

// Reason returns why a grant was refused, one of the constants above, or ""
// when err is no refusal. It is for logs and metrics, not for the caller.
func Reason(err error) string {
	var r refusal
	errors.As(err, &r)
	return string(r)
}
