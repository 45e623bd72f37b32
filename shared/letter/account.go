package letter

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
)

// AccountEvent is one thing that happened to somebody's own account: to their
// second factors, or at the second step of signing in. All strings may come from
// strangers; none is trusted.
type AccountEvent struct {
	Kind AccountKind
	At   time.Time // zero: not told
	// By is the company's id of whoever did it, if that was not the user.
	By string
	// Factor is the second factor that was added or removed: "totp", "sms" or
	// "passkey". Hint tells it from others: of a phone, and of a new phone number,
	// as "+1 … 42", of a passkey the name its owner gave it. It may be empty.
	Factor, Hint string
	OldHint      string // of the phone number that was replaced; may be empty
	First        bool   // the account had no second factor before
	Codes        int    // recovery codes: how many were made with it, or are left after one was used
	// Factors are the kinds of those that a reset removed, and Reason is why, in
	// the words of whoever did it. Either may be empty.
	Factors []string
	Reason  string
	Failing FailedSteps
}

// FailedSteps tells of somebody who gave the right password and then failed the
// second step of signing in, again and again.
type FailedSteps struct {
	Failures int // how often; 0: not known
	Replays  int // how often it was with a code that had been used before
	Minutes  int // within how many; 0: not known
	// Methods are what was tried: "totp", "sms", "passkey" or "recovery".
	Methods []string
	// FirstAt and LastAt are when it began and when it was last seen. Zero: not told.
	FirstAt, LastAt time.Time
	// IP and Agent, a User-Agent, are where the last failure came from. Either may
	// be empty.
	IP, Agent string
}

// AccountKind is what happened to an account.
type AccountKind string

// What can happen to an account.
const (
	FactorAdded   AccountKind = "added"
	FactorRemoved AccountKind = "removed"
	PhoneChanged  AccountKind = "phone_changed"
	CodesMade     AccountKind = "codes_made" // recovery codes; earlier ones ended
	CodeUsed      AccountKind = "code_used"  // one recovery code
	FactorsReset  AccountKind = "reset"      // somebody else removed all second factors
	StepFailing   AccountKind = "failing"    // the second step, after the right password
)

// AccountChanged writes the mail about somebody's own account, which goes to
// nobody but them: Recipient.Role is not looked at. It does no I/O. An unknown
// kind is ErrAccountEvent.
func AccountChanged(b Brand, to Recipient, e AccountEvent) (Mail, error) {
	to.Role = roleSelf
	o, err := newOccasion(b, "", "", to)
	if err != nil {
		return Mail{}, err
	}
	i, err := newIncident(o, e)
	if err != nil {
		return Mail{}, err
	}
	return seal(i.page(), machineHeaders(accountThreads(o.domain, to.User)))
}

// incident is what a mail about an account tells, before it is put into words.
type incident struct {
	occasion
	AccountEvent
}

// newCodes says that there are new recovery codes.
func (i *incident) newCodes() bool {
	return i.Kind == CodesMade || i.Codes > 0 && (i.Kind == FactorAdded || i.Kind == PhoneChanged)
}

// The longest forms, in runes, of what only letters about accounts show.
const (
	programRunes = 160 // of a User-Agent: most browsers' own is shorter
	phoneDigits  = 5   // of a hint: a country code has at most three, and two are the number's
)

func newIncident(o occasion, e AccountEvent) (*incident, error) {
	switch e.Kind {
	case FactorAdded, FactorRemoved, PhoneChanged, CodesMade, CodeUsed, FactorsReset, StepFailing:
	default:
		return nil, fmt.Errorf("%w: %q", ErrAccountEvent, cutEnd(string(e.Kind), hintRunes))
	}
	i := &incident{occasion: o, AccountEvent: e}
	i.By, i.Reason = tame(e.By, userRunes), tame(e.Reason, reasonRunes)
	i.OldHint = phoneHint(e.OldHint)
	if i.Hint = tame(e.Hint, nameRunes); e.Kind == PhoneChanged || e.Factor == factorSMS {
		i.Hint = phoneHint(e.Hint)
	}
	i.Failing.IP, i.Failing.Agent = address4or6(e.Failing.IP), program(e.Failing.Agent)
	return i, nil
}

// phoneHint is a hint at a phone number, or nothing when it says more of the
// number than a hint may: mail is read by others.
func phoneHint(hint string) string {
	digits := 0
	for _, r := range hint {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if digits > phoneDigits {
		return ""
	}
	return tame(hint, hintRunes)
}

// address4or6 is an IP address in its one spelling. Anything else is left out:
// what a sign-in service takes for it may be a header that a stranger wrote.
func address4or6(ip string) string {
	a, err := netip.ParseAddr(strings.TrimSpace(ip))
	if err != nil {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

// program is what a program called itself. Whoever tries to get in chooses these
// words and has them mailed to their victim, so nothing in them may become a
// link, not even what only looks like a host. Versions keep their dots.
func program(agent string) string {
	agent = tame(agent, programRunes)
	runes := []rune(agent)
	for i := 1; i+1 < len(runes); i++ {
		if runes[i] == '.' && unicode.IsLetter(runes[i-1]) && unicode.IsLetter(runes[i+1]) {
			return cutEnd(strings.ReplaceAll(agent, ".", "[.]"), programRunes)
		}
	}
	return agent
}
