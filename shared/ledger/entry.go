// Package ledger is the story of every workspace: one immutable entry for
// every change that anybody may ask about later.
//
// An entry is written in the same transaction as the change it tells of. So it
// is the audit trail an admin reads, the outbox that mails are driven by (an
// entry that owes a mail says so), and the source of the figures.
package ledger

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// Kind is what happened, dotted and in the past tense.
type Kind string

// What can have happened so far.
const (
	WorkspaceCreated Kind = "workspace.created"
	WorkspaceChanged Kind = "workspace.changed"
	MemberAdded      Kind = "member.added"
	MemberChanged    Kind = "member.changed"
	MemberLeft       Kind = "member.left"
	WorkspaceEnded   Kind = "workspace.ended"
	TokenIssued      Kind = "token.issued"
	TokenImported    Kind = "token.imported"
	TokenRotated     Kind = "token.rotated" // says until when the old one lives
	TokenExposed     Kind = "token.exposed" // found in public; owes a mail
	TokenSighted     Kind = "token.sighted" // found again, at another place
	TokenRevoked     Kind = "token.revoked"
	TokenOrphaned    Kind = "token.orphaned"   // its creator has left
	TokenUnused      Kind = "token.unused"     // not used for a long time
	TokenReminded    Kind = "token.reminded"   // still so, after the first mail
	TokenCleared     Kind = "token.cleared"    // no longer orphaned or unused, and why
	TokenKept        Kind = "token.kept"       // somebody wants it kept, until a day
	HygieneDigested  Kind = "hygiene.digested" // the findings of a day; owes a mail

	CredentialStored   Kind = "credential.stored"
	CredentialReplaced Kind = "credential.replaced" // a new version; says until when the old one can be opened
	CredentialKeyMade  Kind = "credential.key_made" // a key pair made here; the customer is to put the public key in place
	CredentialDeleted  Kind = "credential.deleted"
	CredentialOpened   Kind = "credential.opened" // written before the secret is
	GrantIssued        Kind = "grant.issued"

	CredentialSessionOpened   Kind = "credential.session_opened"   // written before the sign-in
	CredentialActivated       Kind = "credential.activated"        // the first key made here signs in
	CredentialRotationStarted Kind = "credential.rotation_started" // a new key is stored
	CredentialKeyPlaced       Kind = "credential.key_placed"       // its public half stands in the warehouse
	CredentialRotated         Kind = "credential.rotated"          // the new key signs in and is in use
	CredentialKeyRetired      Kind = "credential.key_retired"      // the old key is gone from the warehouse, or left to its owner
	CredentialRotationBlocked Kind = "credential.rotation_blocked" // the customer is to run SQL; owes a mail
	CredentialRotationFailed  Kind = "credential.rotation_failed"  // owes a mail when it does not pass
	CredentialRotationChanged Kind = "credential.rotation_changed" // how the key is to be rotated

	// What happens to a user's second factors stands under user#<id> and owes a
	// mail to the user there; copies that owe none stand under their workspaces.
	MFAEnrolled          Kind = "mfa.enrolled"
	MFARemoved           Kind = "mfa.removed"
	MFAPhoneChanged      Kind = "mfa.phone_changed"
	MFARecoveryCodesMade Kind = "mfa.recovery_codes_made"
	MFARecoveryCodeUsed  Kind = "mfa.recovery_code_used"
	MFAReset             Kind = "mfa.reset"   // an admin took everything away
	MFAFailing           Kind = "mfa.failing" // the right password, and no second factor to it, again and again
)

// Entry is one line of the story.
type Entry struct {
	Workspace string
	// Seq is a ULID by the wall clock of whoever wrote the entry. It orders a
	// listing; it is not the order of commits, for that see Version.
	Seq string
	// At is when it happened: for a scheduled run, its scheduled time.
	At   time.Time
	Kind Kind
	// Actor is who did it: a person or IAM principal, "github", "gitlab" or "safekeep".
	Actor string
	// Subject is what it happened to: a token's id, a user, the workspace.
	Subject string
	// Version is the subject's version after the change, 0 for subjects that
	// have none. Replaying a subject's entries goes by it.
	Version int64
	// Detail is a JSON object; its shape depends on Kind. It never holds a
	// secret or a mail address.
	Detail json.RawMessage
	// Owes says that somebody has to be told by mail.
	Owes bool
	// Report is the digest of the leak report this entry comes from, and
	// ReportSize how many entries of this workspace that report is expected
	// to make, so that they are told in one mail.
	Report     string
	ReportSize int
}

// New returns an entry about a change made at the given time, its detail
// encoded as JSON. Detail must be a struct or map that encodes to an object.
func New(workspace string, at time.Time, kind Kind, actor, subject string, detail any) Entry {
	text, err := json.Marshal(detail)
	if err != nil { // details are our own plain structs
		panic(fmt.Sprintf("detail of %s: %v", kind, err))
	}
	return Entry{
		Workspace: workspace, Seq: NewSeq(), At: at.UTC(), Kind: kind,
		Actor: actor, Subject: subject, Detail: text,
	}
}

var entropy = struct {
	sync.Mutex
	io.Reader
}{Reader: ulid.Monotonic(rand.Reader, 0)}

// NewSeq returns the next ULID: by the wall clock, and within this process
// strictly growing.
func NewSeq() string {
	entropy.Lock()
	defer entropy.Unlock()
	return ulid.MustNew(ulid.Now(), entropy.Reader).String()
}

// SeqAt returns a seq below all that are made from a time on, to read entries
// from then on; of the zero time, one below all there are.
func SeqAt(t time.Time) string {
	var id ulid.ULID
	if t.After(time.Unix(0, 0)) {
		_ = id.SetTime(ulid.Timestamp(t)) // fails from the year 10889 on
	}
	return id.String()
}

// SeqTime returns when a seq was made, to the millisecond, or the zero time
// when it is no ULID.
func SeqTime(seq string) time.Time {
	id, err := ulid.ParseStrict(seq)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(id.Time()).UTC()
}
