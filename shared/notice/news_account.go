package notice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/letter"
)

// Profiles knows where users get the mail about their own accounts.
type Profiles interface {
	// Profile returns the user's addresses, consistently.
	Profile(ctx context.Context, user string) (Profile, error)
}

// Profile is where a user gets the mail about their account.
type Profile struct {
	Email  string    // "" when none is known
	Before string    // the address that Email took the place of; "" for none
	Since  time.Time // when it did
}

// movedTold is how long an address that was replaced is told what happens to the
// account: whoever has got into one must not end its mail by naming another.
const movedTold = 7 * 24 * time.Hour

// formerSuffix ends the name under which the delivery to a user's former address is
// noted. It makes it no id that the company could bring.
const formerSuffix = "#before"

// former is the user at the address before, while that is told.
func (p Profile) former(user string, now time.Time) []letter.Recipient {
	if p.Before == "" || p.Before == p.Email || !now.Before(p.Since.Add(movedTold)) {
		return nil
	}
	return []letter.Recipient{{User: user + formerSuffix, Email: p.Before}}
}

// accountPrefix begins the ledger's partition of a user's own account. No id
// that the company brings can hold a '#', so it is never a workspace's.
const accountPrefix = "user#"

// accountOf returns the user whose own account a partition of the ledger is about.
func accountOf(partition string) (user string, ok bool) {
	return strings.CutPrefix(partition, accountPrefix)
}

// settleAccount tells users what is owed to them about their own accounts, each
// entry in a mail of its own. Nobody stands in for them, not even the security
// contact: it is nobody else's account.
func (c *Courier) settleAccount(ctx context.Context, user string, debts []Debt) error {
	profile, err := c.Profiles.Profile(ctx, user)
	if err != nil {
		return err
	}
	to := audience{user: &letter.Recipient{User: user, Email: profile.Email}, former: profile.former(user, c.Now())}
	var errs []error
	for _, debt := range debts {
		if profile.Email == "" {
			errs = append(errs, c.writeOff(ctx, user, debt))
		} else {
			errs = append(errs, c.deliver(ctx, slip{entry: debt.Key()}, to, debt.To, []Debt{debt}))
		}
	}
	return errors.Join(errs...)
}

// writeOff ends a debt to a user without an address. It is noted on the entry
// first, as a claim is, so that of several couriers one counts it.
func (c *Courier) writeOff(ctx context.Context, user string, debt Debt) error {
	at, now, before := slip{entry: debt.Key()}, c.Now(), debt.To[user]
	if before.State != sent && before.State != undeliverable {
		note := Delivery{State: undeliverable, Until: now, Attempts: before.Attempts, By: ledger.NewSeq()}
		won, err := c.Debts.Claim(ctx, at, user, note, now)
		if err != nil || !won {
			return err
		}
		c.Metrics.Add(now, "MfaMailless", 1)
		slog.WarnContext(ctx, "no address to mail to", "workspace", debt.Workspace, "seq", debt.Seq, "kind", string(debt.Kind))
	}
	return c.Debts.Clear(ctx, at, []Debt{debt})
}

// accountKinds are the kinds as the letters name them.
var accountKinds = map[ledger.Kind]letter.AccountKind{
	ledger.MFAEnrolled: letter.FactorAdded, ledger.MFARemoved: letter.FactorRemoved, ledger.MFAPhoneChanged: letter.PhoneChanged,
	ledger.MFARecoveryCodesMade: letter.CodesMade, ledger.MFARecoveryCodeUsed: letter.CodeUsed, ledger.MFAReset: letter.FactorsReset, ledger.MFAFailing: letter.StepFailing,
}

// accountDetail is what the details of all these kinds hold. It is declared here
// and not taken from the room that writes them, because that brings packages along
// that have no place in function notify.
type accountDetail struct {
	Factor    string    `json:"factor"` // "totp", "sms" or "passkey"
	Hint      string    `json:"hint"`
	OldHint   string    `json:"old_hint"`
	First     bool      `json:"first"`
	Count     int       `json:"count"`          // of recovery codes that were made
	Left      int       `json:"left"`           // of recovery codes, after one was used
	Made      int       `json:"recovery_codes"` // with a second factor
	Factors   []string  `json:"factors"`
	Reason    string    `json:"reason"`
	Failures  int       `json:"failures"`
	Replays   int       `json:"replays"`
	Minutes   int       `json:"minutes"`
	Methods   []string  `json:"methods"`
	FirstAt   time.Time `json:"first_at"`
	LastAt    time.Time `json:"last_at"`
	IP        string    `json:"ip"`
	UserAgent string    `json:"user_agent"`
}

// accountEventOf reads an entry about the account of a user.
func accountEventOf(e Debt, user string) (letter.AccountEvent, error) {
	kind, ok := accountKinds[e.Kind]
	if !ok {
		return letter.AccountEvent{}, fmt.Errorf("no mail about an account is written for %s", e.Kind)
	}
	d, err := detail[accountDetail](e)
	event := letter.AccountEvent{
		Kind: kind, At: e.At, By: otherThan(user, e.Actor),
		Factor: d.Factor, Hint: d.Hint, OldHint: d.OldHint, First: d.First, Codes: d.Made, Factors: d.Factors, Reason: d.Reason,
		Failing: letter.FailedSteps{
			Failures: d.Failures, Replays: d.Replays, Minutes: d.Minutes, Methods: d.Methods,
			FirstAt: d.FirstAt, LastAt: d.LastAt, IP: d.IP, Agent: d.UserAgent,
		},
	}
	switch kind {
	case letter.CodesMade:
		event.Codes = d.Count
	case letter.CodeUsed:
		event.Codes = d.Left
	default:
	}
	return event, err
}

// otherThan is the actor, if it is somebody whom the user may ask about it: not
// the user, and not an IAM principal of the company's own.
func otherThan(user, actor string) string {
	if actor == user || strings.HasPrefix(actor, "arn:") {
		return ""
	}
	return actor
}
