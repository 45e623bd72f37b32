// Package workspace keeps the company's customers: their workspaces, who is in
// them, and what each has chosen.
package workspace

import (
	"fmt"
	"net/mail"
	"time"

	"safekeep/shared/identity"
	"safekeep/shared/problem"
)

// Workspace is one customer's place and what it has chosen.
type Workspace struct {
	ID   string
	Name string
	// AutoRevoke says that a leaked token is revoked at once, the default.
	AutoRevoke bool
	// SSO says that its people sign in through their own identity provider.
	SSO bool
	// RequireMFA says that its people must have a second factor.
	RequireMFA bool
	// BlockBreached says that a password known from a breach is refused and not
	// only warned of.
	BlockBreached bool
	CreatedAt     time.Time
	// EndedAt is when the workspace was ended, or zero. Its ledger stays.
	EndedAt time.Time
	Version int64
}

// Role is what a member may do, as the company's own product has it.
type Role string

// The roles. Owners and admins get the mails.
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Plain  Role = "member"
	nobody Role = ""
)

// Member is somebody in a workspace, or, with LeftAt set, somebody who was.
// The tombstone is what makes a token of theirs an orphan.
type Member struct {
	Workspace string
	User      string
	Email     string // "" when the company has none, and on a tombstone
	Role      Role
	AddedAt   time.Time
	LeftAt    time.Time // zero: still there
	Version   int64
}

// Present says whether the member has not left.
func (m Member) Present() bool { return m.LeftAt.IsZero() && m.Role != nobody }

// Sound returns an error about a stored member of whom it cannot be said whether
// they are there.
func (m Member) Sound() error {
	if m.Role == nobody {
		return fmt.Errorf("member %q: their role or when they left is not what we store", m.User)
	}
	return nil
}

// Told says whether this member gets the workspace's mails.
func (m Member) Told() bool {
	return m.Present() && m.Email != "" && (m.Role == Owner || m.Role == Admin)
}

// The problems a caller can have with workspaces and members.
var (
	ErrNotFound       = problem.New(problem.NotFound, "There is no such workspace.")
	ErrMemberNotFound = problem.New(problem.NotFound, "There is no such member in this workspace.")
	ErrEnded          = problem.New(problem.Conflict, "This workspace has ended, for good; make another one under another id.")
	errBusy           = problem.New(problem.Unavailable, "This is being changed by many at once; send the same request again.")
)

// MaxName is the longest name of a workspace in characters.
const MaxName = 200

func checkName(name string) error {
	return identity.CheckLine("name", name, MaxName, "it stands in the mails to this workspace")
}

// maxEmail is RFC 5321's longest path, less the angle brackets.
const maxEmail = 254

// checkEmail accepts a bare address, "ann@acme.example", or none.
func checkEmail(field, email string) error {
	if email == "" {
		return nil
	}
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > maxEmail {
		return problem.Field(field, "must be one bare address such as ann@acme.example, or empty")
	}
	for _, c := range email {
		if c <= ' ' || c == '"' || c >= 0x7f {
			return problem.Field(field, "must be written in plain ASCII; give an international domain in its xn-- form")
		}
	}
	return nil
}

func checkRole(field string, role Role) error {
	switch role {
	case Owner, Admin, Plain:
		return nil
	default:
		return problem.Field(field, "must be owner, admin or member")
	}
}
