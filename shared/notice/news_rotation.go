package notice

import (
	"errors"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/letter"
)

// isRotation says whether an entry is about the rotation of a key pair.
func isRotation(kind ledger.Kind) bool {
	return kind == ledger.CredentialRotated || kind == ledger.CredentialRotationBlocked || kind == ledger.CredentialRotationFailed
}

// rotationDetail is what the three kinds of entries hold. It is declared here and
// not taken from the rooms that write it, because those bring the encryption
// library along; a test holds it against what they write.
type rotationDetail struct {
	Name           string    `json:"name"`
	Account        string    `json:"account"`
	User           string    `json:"user"`
	Fingerprint    string    `json:"fingerprint"`
	OldFingerprint string    `json:"old_fingerprint"`
	Replaced       string    `json:"replaced"` // of one that was rotated, for OldFingerprint
	Until          time.Time `json:"until"`
	Retires        bool      `json:"retires"` // the replaced key will be removed
	Reason         string    `json:"reason"`
	Explanation    string    `json:"explanation"`
	SQL            []string  `json:"sql"`
	CheckSQL       string    `json:"check_sql"`
	PresentRefused bool      `json:"present_refused"`
	Since          time.Time `json:"since"`
}

func rotationOf(e Debt) (letter.Rotation, error) {
	d, err := detail[rotationDetail](e)
	r := letter.Rotation{
		CredentialID: e.Subject, Credential: d.Name, Account: d.Account, User: d.User,
		Fingerprint: d.Fingerprint, OldFingerprint: d.OldFingerprint,
	}
	switch e.Kind {
	case ledger.CredentialRotated:
		r.State, r.OldFingerprint = letter.RotationDone, d.Replaced
		if d.Retires {
			r.OldUntil = d.Until
		}
	case ledger.CredentialRotationFailed:
		r.State, r.Explanation, r.PresentRefused, r.Since = letter.RotationFailing, d.Explanation, d.PresentRefused, d.Since
		if len(d.SQL) == 1 {
			r.LastSQL = d.SQL[0] // it shows an admin more; nothing is to be changed
		}
	default:
		r.State, r.Reason, r.SQL, r.CheckSQL, r.Since = letter.RotationBlocked, d.Reason, d.SQL, d.CheckSQL, d.Since
		if d.Reason == "no_free_slot" && len(d.SQL) > 1 {
			r.Choice = "Choose the one whose key nothing uses any more."
		}
	}
	return r, err
}

// rotated writes the mail, without the SQL if that cannot stand in a mail as it
// is: better words than statements that were altered.
func rotated(b letter.Brand, id, name string, to letter.Recipient, r letter.Rotation) (letter.Mail, error) {
	mail, err := letter.Rotated(b, id, name, to, r)
	if errors.Is(err, letter.ErrSQL) {
		r.SQL, r.CheckSQL, r.LastSQL, r.Choice = nil, "", "", ""
		mail, err = letter.Rotated(b, id, name, to, r)
	}
	return mail, err
}
