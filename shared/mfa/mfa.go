// Package mfa keeps people's second factors: an authenticator app, texts to a
// phone, passkeys, and the recovery codes that stand in for them. It checks what
// is given at the second step of signing in, and tells a person by mail when
// somebody who has their password keeps failing there.
//
// Only the company's sign-in service calls it, after the password was right. All
// limits here count failures of the second step alone: whoever fails it has the
// password already, so they are tighter than those on passwords need to be.
package mfa

import (
	"maps"
	"slices"
	"time"

	"safekeep/shared/problem"
)

// Kind is a sort of second factor, and the method of verifying by it.
type Kind string

// The kinds of second factor. Recovery is a method only: a code stands in for a
// factor and is none.
const (
	TOTP     Kind = "totp"
	SMS      Kind = "sms"
	Passkey  Kind = "passkey"
	Recovery Kind = "recovery"
)

// best is the order in which a sign-in page offers the methods. A passkey cannot
// be phished; a text can be had by whoever talks the phone company into it (NIST
// SP 800-63B-4, 3.1.3.3); a recovery code is for when nothing else is at hand.
var best = []Kind{Passkey, TOTP, SMS, Recovery}

// MaxPasskeys is how many passkeys one account may have.
const MaxPasskeys = 10

// Factor is a second factor in force.
type Factor struct {
	Kind Kind
	// ID is how a caller names it: "totp", "sms", or the UUID of a passkey.
	ID string
	// Made is the random name of this enrolment. It tells a factor from the one
	// that it replaced under the same ID.
	Made string
	// Hint tells it from others: of an app the label that it shows, of a phone
	// "+1 … 42", of a passkey the name its owner gave it.
	Hint       string
	EnrolledAt time.Time
	// Sealed is the secret of an app, or the number of a phone, under the key for
	// second factors.
	Sealed []byte
	// Credential is a passkey's public half, as JSON, and SignCount how often its
	// authenticator says that it has signed.
	Credential []byte
	SignCount  uint32
}

// Pending is something begun that an answer is to finish: an enrolment, or a
// challenge at sign-in.
type Pending struct {
	Kind      Kind
	Made      string // as of a Factor, which an enrolment hands it on to
	ExpiresAt time.Time
	Hint      string
	Sealed    []byte
	// State is what the answer is checked against, beside Sealed: of a text what
	// its sender gave, of a passkey the session of the ceremony.
	State string
	// For is the Made of the factor that a challenge is about.
	For string
	// Email is the address that an enrolment names. It becomes the account's with
	// the factor, not before: else whoever begins one would take the mail away.
	Email string
	// Proved says that a proof was given for an enrolment. One without finishes
	// only while the account has no factor.
	Proved bool
}

// live says whether the answer may still come. The table forgets what has
// expired some time later; until then the time is compared.
func (p *Pending) live(now time.Time) bool { return p != nil && now.Before(p.ExpiresAt) }

// Account is all that is kept about one user. Of a user who never began to enrol
// there is only the id.
type Account struct {
	User string
	// Version counts the changes to what is in force or pending.
	Version int64
	// Email is where the mail about the account goes.
	Email   string
	Moved   Moved
	Factors []Factor
	Codes   Codes
	// Enrolling is by kind, as is Challenges.
	Enrolling  map[Kind]*Pending
	Challenges map[Kind]*Pending
	// Step is the last step of the authenticator app that was accepted, see match.
	Step int64
	// Tries are those by an app or a text, CodeTries those by a recovery code.
	Tries, CodeTries Tries
	// Proofs are until when, by digest.
	Proofs map[string]time.Time
	// Used is when each factor was used last, by id.
	Used  map[string]time.Time
	Watch Watch
	// Torn says that factors and codes are not those that the profile names.
	// Somebody changed the table by hand; a reset mends it.
	Torn bool
}

// Moved is the address that an account's mail went to before, and since when it
// does not. For a while mail goes to both, so that whoever moves it cannot do so
// in silence.
type Moved struct {
	Before string
	Since  time.Time
}

// How long an address that was replaced is told what happens to the account, and
// how long it is kept. The first is package notice's rule too.
const (
	movedTold = 7 * 24 * time.Hour
	movedKept = 30 * 24 * time.Hour
)

// move makes an address the account's. Of several changes while the first address
// is still told, that one stays: nobody gets rid of it by moving twice.
func (a *Account) move(email string, now time.Time) {
	old := a.Email
	a.Email = email
	if old != "" && old != email && !now.Before(a.Moved.Since.Add(movedTold)) {
		a.Moved = Moved{Before: old, Since: now}
	}
}

// parts are the names of the factors and the codes, which the profile repeats. A
// query may see half of a transaction; whether an account has a factor, and so
// whether a change takes a proof, must not depend on which half.
func (a Account) parts() []string {
	var parts []string
	for _, f := range a.Factors {
		parts = append(parts, f.Made)
	}
	if a.Codes.Made != "" {
		parts = append(parts, a.Codes.Made)
	}
	slices.Sort(parts)
	return parts
}

// clone returns a copy whose lists and maps can be changed.
func (a Account) clone() Account {
	a.Factors = slices.Clone(a.Factors)
	a.Enrolling, a.Challenges = copied(a.Enrolling), copied(a.Challenges)
	a.Proofs, a.Used = copied(a.Proofs), copied(a.Used)
	return a
}

// copied is maps.Clone that makes a map of none.
func copied[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	maps.Copy(c, m)
	return c
}

// factor returns the factor with an id.
func (a Account) factor(id string) (Factor, bool) {
	i := slices.IndexFunc(a.Factors, func(f Factor) bool { return f.ID == id })
	if i < 0 {
		return Factor{}, false
	}
	return a.Factors[i], true
}

// put adds a factor, or replaces the one with its id.
func (a *Account) put(f Factor) {
	a.Factors = slices.DeleteFunc(a.Factors, func(old Factor) bool { return old.ID == f.ID })
	a.Factors = append(a.Factors, f)
}

// kinds are the kinds of factor in force, best first, each once.
func (a Account) kinds() []Kind {
	kinds := []Kind{}
	for _, kind := range best {
		if slices.ContainsFunc(a.Factors, func(f Factor) bool { return f.Kind == kind }) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// ask is what a sign-in page offers, best first. A factor is asked for whatever
// has changed around it since: that texts were switched off or a workspace went
// over to SSO must not be a way around it.
func (a Account) ask() []Kind {
	methods := a.kinds()
	if len(methods) > 0 && a.Codes.Left() > 0 {
		methods = append(methods, Recovery)
	}
	return methods
}

// The problems a caller can have with second factors.
var (
	errNoFactors  = problem.New(problem.NotFound, "This user has no second factor.")
	errNoFactor   = problem.New(problem.NotFound, "This user has no such second factor.")
	errNoPending  = problem.New(problem.NotFound, "There is nothing to confirm, or it has expired or had too many wrong answers. Begin again.")
	errProof      = problem.New(problem.Unauthenticated, "The proof does not verify; verify a second factor again.")
	errSSO        = problem.New(problem.Conflict, "All of this user's workspaces sign in by SSO. A second factor is set up at their identity provider, not here.")
	errTextsOff   = problem.New(problem.Conflict, "This stack sends no texts. Choose another second factor, or set up a sender.")
	errKeysOff    = problem.New(problem.Conflict, "This stack takes no passkeys. Choose another second factor, or give the stack the domain they are for.")
	errManyKeys   = problem.New(problem.Conflict, "This account has 10 passkeys already; remove one first.")
	errKnownKey   = problem.New(problem.Conflict, "This passkey is enrolled already.")
	errWrongCode  = problem.Field("code", "is not right; look at the newest one, and that the phone's clock is")
	errWrongReply = problem.Field("credential", "does not answer the challenge; begin again")
	errTorn       = problem.New(problem.Unavailable, "What is kept of this account does not fit together. Send the same request again; if that does not help, an admin's reset does.")
	errBusy       = problem.New(problem.Unavailable, "This account is being changed by many at once; send the same request again.")
)
