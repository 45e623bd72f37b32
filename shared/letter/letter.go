// Package letter writes the mails that tell the people who run a workspace what
// concerns its secrets: API tokens found in public (Exposed) and those that may
// no longer be needed (Digested), and the rotation of a Snowflake key pair
// (Rotated). Users are told what concerns their own accounts (AccountChanged). It
// does not send them.
//
// Writing is pure: the same facts give the same mail, byte for byte, so a mail
// that is sent a second time after a crash is recognisably the same. All facts
// may come from strangers; none is trusted.
package letter

import "errors"

// Brand is what the company that runs the stack puts on its mails. Its
// customers know the company's product, so that is the only name they see.
type Brand struct {
	// Product is the name customers know. When empty, the domain of From
	// stands in for it.
	Product string
	// From is the sender, "addr" or "Name <addr>". Its domain ends the thread
	// ids in the headers, so it must have one.
	From string
	// The pages a mail leads to: https (http and mailto are accepted too, for
	// a local stack and for a support address). "{workspace}" is replaced by
	// the percent-encoded workspace id. An empty or unusable address is left
	// out; every sentence is complete without its link.
	TokensURL, AuditURL, DocsURL, SupportURL string
	// AccountURL is where users change their password and their second factors. In
	// it "{user}" is replaced by the percent-encoded id of the user.
	AccountURL string
}

// Recipient is one person a mail goes to.
type Recipient struct {
	User  string // the company's id of the person, or "security-contact"
	Email string
	// Role is "owner" or "admin". Empty means the stack's fallback contact,
	// who gets the mail because the workspace has nobody else to write to.
	Role string
}

// Mail is a rendered mail, without addresses. Subject and header values are
// single lines; Text and HTML say the same.
type Mail struct {
	Subject, Text, HTML string
	Headers             map[string]string
}

// Why a letter cannot be written.
var (
	// ErrNoExposure is returned for an exposure mail with nothing to say.
	ErrNoExposure = errors.New("letter: no exposure to write about")
	// ErrNoFinding is returned for a digest with nothing to say.
	ErrNoFinding = errors.New("letter: no finding to write about")
	// ErrOutcome is returned when what became of a token is not known. A mail
	// that guesses between "revoked" and "still works" would be worse than none.
	ErrOutcome = errors.New("letter: unknown outcome of an exposure")
	// ErrRotation is returned when it is not known how far a rotation has come,
	// or what blocks it.
	ErrRotation = errors.New("letter: unknown state of a rotation")
	// ErrAccountEvent is returned when it is not known what happened to an account.
	ErrAccountEvent = errors.New("letter: unknown event of an account")
	// ErrSQL is returned for SQL that could not be copied out of a mail as it
	// stands: an empty statement, characters that cannot be seen, an address, or
	// more than a mail holds.
	ErrSQL = errors.New("letter: SQL that is not fit for a mail")
	// ErrFrom is returned when Brand.From has no domain.
	ErrFrom = errors.New("letter: the sender's address has no domain")
)
