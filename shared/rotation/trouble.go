package rotation

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/ledger"
	"safekeep/shared/snowflake"
)

// held is why a rotation does not go on. It is an error on the way up to where it
// is noted, and no longer: a rotation that is held up has not failed to run.
type held struct {
	trouble credential.Trouble
	// passing says that it may mend itself, so that nobody is written to at once.
	passing bool
	cause   error // for the log; may be nil
}

func (h *held) Error() string { return "held up: " + h.trouble.Reason }

// patience is how long something passing is borne before the customer is written
// to about it. The key in use goes on working meanwhile.
const patience = 72 * time.Hour

func blocked(reason, check string, sql ...string) error {
	return &held{trouble: credential.Trouble{State: credential.Blocked, Reason: reason, SQL: sql, CheckSQL: check}}
}

func failing(reason, explanation string, cause error) error {
	if explanation == "" {
		explanation = "Snowflake did not answer in time. It is tried again every day; the key in use is not affected."
	}
	return &held{trouble: credential.Trouble{State: credential.Failing, Reason: reason, Explanation: explanation}, passing: true, cause: cause}
}

// failingSQL is for a sign-in that was refused, with what an admin can run to
// learn more.
func failingSQL(reason, explanation, sql string) *held {
	t := credential.Trouble{State: credential.Failing, Reason: reason, Explanation: explanation}
	if sql != "" {
		t.SQL = []string{sql}
	}
	// A clock or a lock mends itself; the rest takes somebody.
	passing := reason == string(snowflake.ReasonClock) || reason == string(snowflake.ReasonLocked)
	return &held{trouble: t, passing: passing}
}

// refusedPresent is for a sign-in with the key in use that was refused.
func refusedPresent(tried credential.Connection) error {
	h := failingSQL(tried.Reason, tried.Explanation, tried.SQL)
	h.trouble.PresentRefused = true
	return h
}

// failingBy is for a statement that did not get through.
func failingBy(err error) error {
	var r *snowflake.Refusal
	if errors.As(err, &r) {
		return failingSQL(string(r.Reason), r.Explanation, r.SQL)
	}
	return failing("unreachable", "", err)
}

// Held is the detail of the entries about a rotation that does not go on: all that
// a mail about it says.
type Held struct {
	Name           string   `json:"name"`
	Account        string   `json:"account"`
	User           string   `json:"user"`
	Reason         string   `json:"reason"`
	Explanation    string   `json:"explanation,omitempty"`
	SQL            []string `json:"sql,omitempty"`
	CheckSQL       string   `json:"check_sql,omitempty"`
	Fingerprint    string   `json:"fingerprint,omitempty"`     // of the new key
	OldFingerprint string   `json:"old_fingerprint,omitempty"` // of the one that it replaces
	// PresentRefused says that it is the key in use that Snowflake refuses.
	PresentRefused bool      `json:"present_refused,omitempty"`
	Since          time.Time `json:"since"`
}

// note keeps what holds the rotation up and has the customer's admins told, once
// for each thing. Nothing is written while nothing is new.
func (v *visit) note(ctx context.Context, h *held) error {
	slog.WarnContext(ctx, "rotation held up", "workspace", v.c.Workspace, "credential", v.c.ID, "step", string(v.c.Rotation.Step),
		"state", string(h.trouble.State), "reason", h.trouble.Reason, "cause", causeOf(h))
	was, t := v.c.Rotation.Trouble, h.trouble
	t.Since = v.at
	// Statements about a failure have that failure's own id in them.
	same := was.State == t.State && was.Reason == t.Reason && (t.State == credential.Failing || slices.Equal(was.SQL, t.SQL))
	if same {
		t.Since, t.Told = was.Since, was.Told
	}
	tell := !t.Told && (!h.passing || v.at.Sub(t.Since) >= patience)
	if same && !tell {
		return nil
	}
	t.Told = t.Told || tell
	v.c.Rotation.Trouble = t
	kind := ledger.CredentialRotationBlocked
	if t.State == credential.Failing {
		kind = ledger.CredentialRotationFailed
	}
	return v.advance(ctx, kind, v.heldDetail(t), tell)
}

func (v *visit) heldDetail(t credential.Trouble) Held {
	place := v.c.Current.Place()
	d := Held{
		Name: v.c.Name, Account: place.Account, User: place.User, Reason: t.Reason, Explanation: t.Explanation,
		SQL: t.SQL, CheckSQL: t.CheckSQL, PresentRefused: t.PresentRefused, Since: t.Since,
		Fingerprint: v.c.Pending.Fingerprint, OldFingerprint: v.c.Current.Fingerprint,
	}
	if v.c.Rotation.Step == credential.Retiring && t.State == credential.Blocked {
		d.Fingerprint, d.OldFingerprint = v.c.Current.Fingerprint, v.c.Rotation.Old
	}
	return d
}

func causeOf(h *held) string {
	if h.cause == nil {
		return ""
	}
	return h.cause.Error()
}
