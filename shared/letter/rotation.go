package letter

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Rotation is what became of the rotation of one Snowflake key pair: a new key
// is made, put in place, proved by a sign-in and used, and the old one is
// removed after an overlap. All strings may come from strangers; none is trusted.
type Rotation struct {
	CredentialID string // ties the mails about one credential together; may be empty
	Credential   string // the name the customer gave it
	// Account and User are Snowflake's, as the credential's settings have them.
	Account, User string
	State         RotationState
	// Reason says why the rotation is blocked:
	//   - "no_privilege": we may not put the new key in place;
	//   - "no_free_slot": both slots of the user hold keys that we did not make
	//     or that are in use;
	//   - "supplied_key": the new key works and is in use, and the old one, which
	//     the customer supplied, is the customer's to remove;
	//   - "old_key_left": the new key is in use, and we may not remove the old one.
	Reason string
	// SQL is what there is to run while blocked or failing, each statement on one
	// line: all of them in this order or, when there is a Choice, one of them. It
	// may be empty; the mail then says in words what to do.
	SQL []string
	// CheckSQL shows the user's keys, where the SQL could take away or overwrite
	// one that is in use; or it is empty.
	CheckSQL string
	// Choice is a sentence of ours about which statement to choose, or empty.
	Choice string
	// Fingerprint and OldFingerprint, "SHA256:…", are those of the new key and of
	// the one it replaces, which is the one in use while the state is failing or
	// the reason is no_privilege or no_free_slot. Either may be empty.
	Fingerprint, OldFingerprint string
	// Explanation is what Snowflake said of one that is failing and what mends
	// it, in sentences of ours; LastSQL tells the customer's admin more about the
	// sign-in that was refused. Either may be empty.
	Explanation, LastSQL string
	// PresentRefused says, of one that is failing, that it is the key in use that
	// Snowflake refuses: loads most likely fail, too.
	PresentRefused bool
	Since          time.Time // since when it is blocked or failing; zero: not told
	OldUntil       time.Time // when a rotated key's predecessor is removed; zero: it stays
}

// RotationState is how far a rotation has come.
type RotationState string

// The states of a rotation.
const (
	RotationBlocked RotationState = "blocked" // until the customer runs some SQL
	RotationFailing RotationState = "failing"
	RotationDone    RotationState = "rotated"
)

// Why a rotation is blocked, as the ledger puts it.
const (
	reasonPrivilege = "no_privilege"
	reasonNoSlot    = "no_free_slot"
	reasonSupplied  = "supplied_key"
	reasonOldLeft   = "old_key_left"
)

// sqlBytes is how much SQL one mail holds: more than ten statements of the
// longest names, and so little that Gmail, which shows 102 KB, does not cut the
// HTML off.
const sqlBytes = 14 << 10

// Rotated writes the mail about the rotation of one key pair. It does no I/O.
// An unknown state or reason is ErrRotation. SQL that somebody could not copy
// out of a mail as it stands is ErrSQL: it is sent unaltered or not at all. The
// same rotation without its SQL makes a mail that says in words what to do.
func Rotated(b Brand, workspaceID, workspaceName string, to Recipient, r Rotation) (Mail, error) {
	o, err := newOccasion(b, workspaceID, workspaceName, to)
	if err != nil {
		return Mail{}, err
	}
	t, err := newTurn(o, r)
	if err != nil {
		return Mail{}, err
	}
	return seal(t.page(), machineHeaders(rotatedThreads(o.domain, r.CredentialID)))
}

// turn is what a mail about a rotation tells, before it is put into words.
type turn struct {
	occasion
	Rotation
	name     string // of the credential
	inUse    string // the fingerprint of the key that must stay, or ""
	toRemove string // that of the key that is to go, where that is the old one
}

func newTurn(o occasion, r Rotation) (*turn, error) {
	t := &turn{occasion: o, Rotation: r, name: named(r.Credential)}
	t.Account, t.User = tame(r.Account, nameRunes), tame(r.User, userRunes)
	t.Fingerprint, t.OldFingerprint = tame(r.Fingerprint, fingerprintRunes), tame(r.OldFingerprint, fingerprintRunes)
	switch r.State {
	case RotationBlocked, RotationFailing, RotationDone:
	default:
		return nil, fmt.Errorf("%w: state %q", ErrRotation, cutEnd(string(r.State), hintRunes))
	}
	switch {
	case r.State == RotationDone:
		t.inUse = t.Fingerprint
	case r.State == RotationFailing, r.Reason == reasonPrivilege, r.Reason == reasonNoSlot:
		t.inUse = t.OldFingerprint
	case r.Reason == reasonSupplied, r.Reason == reasonOldLeft:
		t.inUse, t.toRemove = t.Fingerprint, t.OldFingerprint
	default:
		return nil, fmt.Errorf("%w: reason %q", ErrRotation, cutEnd(r.Reason, hintRunes))
	}
	return t, t.checkSQL()
}

// blockedBy says whether the rotation is blocked for one of these reasons.
func (t *turn) blockedBy(reasons ...string) bool {
	return t.State == RotationBlocked && slices.Contains(reasons, t.Reason)
}

// switched says that loads use the new key already.
func (t *turn) switched() bool {
	return t.State == RotationDone || t.blockedBy(reasonSupplied, reasonOldLeft)
}

// checkSQL returns ErrSQL unless all statements can be copied out of a mail.
func (t *turn) checkSQL() error {
	length := 0
	for i, s := range append([]string{t.CheckSQL, t.LastSQL}, t.SQL...) {
		optional := i < 2
		if s == "" && optional {
			continue
		}
		// The statement is not quoted: whatever is wrong with it would be wrong
		// with the error, too.
		if why := unfit(s); why != "" {
			return fmt.Errorf("%w: it %s", ErrSQL, why)
		}
		length += len(s)
	}
	if length > sqlBytes {
		return fmt.Errorf("%w: it has %d bytes, more than %d", ErrSQL, length, sqlBytes)
	}
	return nil
}

// unfit says why a statement cannot stand in a mail, or "". User names in it are
// chosen by strangers. What tame would drop or defang in a name is refused here,
// because SQL that was altered would be run all the same.
func unfit(statement string) string {
	switch {
	case strings.TrimSpace(statement) == "":
		return "is empty"
	case !utf8.ValidString(statement):
		return "is not UTF-8"
	case strings.ContainsFunc(statement, hidden):
		return "holds a control character, a line break or an invisible character"
	case strings.Contains(statement, "://"), strings.Contains(strings.ToLower(statement), "www."):
		return "holds an address, which mail programs make a link of"
	}
	return ""
}

// hidden is true of every character that a reader cannot see or that changes
// where others are seen: control, format and bidirectional characters and all
// spaces but one, and those that count as letters or marks and show nothing
// (Unicode's Default_Ignorable_Code_Point, and the blank Braille pattern).
func hidden(r rune) bool {
	const blankBraille = '\u2800'
	return !unicode.IsPrint(r) || r == blankBraille ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
