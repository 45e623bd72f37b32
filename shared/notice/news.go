package notice

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"safekeep/shared/hygiene"
	"safekeep/shared/ledger"
	"safekeep/shared/letter"
	"safekeep/shared/token"
	"safekeep/shared/workspace"
)

// news is what entries of the ledger tell, ready to be written to anybody.
type news struct {
	write func(to letter.Recipient) (letter.Mail, error)
	// since is when it happened, from which on people wait to be told. Zero for
	// a digest: nobody waits for it, and a run's time may lie far off.
	since time.Time
}

// newsOf reads what the entries tell, as it was when they were written: the
// exposures of one report, one digest, one rotation, or one event of an account.
// About an account only its user is told, and a user of nothing else.
func (c *Courier) newsOf(entries []Debt, to audience) (news, error) {
	id, name := entries[0].Workspace, to.place.Name // the place may never have been put
	if first := entries[0]; to.private() {
		event, err := accountEventOf(first, to.user.User)
		if err != nil {
			return news{}, err
		}
		return news{since: first.At, write: func(to letter.Recipient) (letter.Mail, error) {
			return letter.AccountChanged(c.Brand, to, event)
		}}, nil
	}
	emails := emailsOf(to.members)
	if first := entries[0]; first.Kind == ledger.HygieneDigested && len(entries) == 1 {
		digest, err := digestOf(first, emails)
		if err != nil {
			return news{}, err
		}
		return news{write: func(to letter.Recipient) (letter.Mail, error) {
			return letter.Digested(c.Brand, id, name, to, digest)
		}}, nil
	}
	if first := entries[0]; isRotation(first.Kind) && len(entries) == 1 {
		rotation, err := rotationOf(first)
		if err != nil {
			return news{}, err
		}
		return news{since: first.At, write: func(to letter.Recipient) (letter.Mail, error) {
			return rotated(c.Brand, id, name, to, rotation)
		}}, nil
	}
	exposures, err := exposuresOf(entries, emails)
	if err != nil {
		return news{}, err
	}
	return news{since: exposures[0].At, write: func(to letter.Recipient) (letter.Mail, error) {
		return letter.Exposed(c.Brand, id, name, to, exposures)
	}}, nil
}

// emailsOf are the members' addresses by user; who has left has none.
func emailsOf(members []workspace.Member) map[string]string {
	emails := map[string]string{}
	for _, m := range members {
		emails[m.User] = m.Email
	}
	return emails
}

// detail reads an entry's detail.
func detail[T any](e Debt) (d T, err error) {
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return d, fmt.Errorf("reading the detail of %s: %w", e.Seq, err)
	}
	return d, nil
}

func exposuresOf(entries []Debt, emails map[string]string) ([]letter.Exposure, error) {
	exposures := make([]letter.Exposure, 0, len(entries))
	for _, e := range entries {
		if e.Kind != ledger.TokenExposed {
			return nil, fmt.Errorf("no mail is written for %s", e.Kind)
		}
		d, err := detail[token.ExposedDetail](e)
		if err != nil {
			return nil, err
		}
		exposures = append(exposures, letter.Exposure{
			LastUsedAt: known(d.LastUsedAt),
			TokenID:    e.Subject, Name: d.Name, Hint: d.Hint,
			CreatedBy: d.CreatedBy, CreatorEmail: emails[d.CreatedBy], CreatedAt: d.CreatedAt, LastUsedOn: d.LastUsedOn,
			LastUsedIP: d.LastIP, LastUsedAgent: d.LastAgent, Successor: d.Successor, Predecessor: d.Predecessor,
			Host: d.Host, Place: d.Source, URL: d.URL, At: e.At, Outcome: string(d.Outcome), Why: d.Why,
			Revoked: d.Outcome == token.OutcomeAlreadyRevoked && d.ExpiredAt == nil,
		})
	}
	return exposures, nil
}

func digestOf(e Debt, emails map[string]string) (letter.Digest, error) {
	d, err := detail[hygiene.Digest](e)
	if err != nil {
		return letter.Digest{}, err
	}
	kept := letter.Keeps{Count: d.Kept.Count}
	for _, k := range d.Kept.Tokens {
		email, member := emails[k.By]
		if !member && strings.HasPrefix(k.By, "arn:") {
			k.By = "" // an IAM principal of the company's own, which tells its customers nothing
		}
		kept.Tokens = append(kept.Tokens, letter.Keep{
			Name: k.Name, Hint: k.Hint, Reason: k.Reason, By: k.By, ByEmail: email, Until: k.Until,
		})
	}
	return letter.Digest{
		Day: d.Day, UnusedDays: d.UnusedDays, FollowUpDays: d.FollowUpDays,
		Orphaned: findingsOf(d.Orphaned, emails), Unused: findingsOf(d.Unused, emails), NeverUsed: findingsOf(d.NeverUsed, emails),
		Cleaned: d.Cleaned, Before: d.Before, Kept: kept,
	}, nil
}

func findingsOf(list hygiene.List, emails map[string]string) letter.Findings {
	found := letter.Findings{Count: list.Count}
	for _, l := range list.Tokens {
		found.Tokens = append(found.Tokens, letter.Finding{
			Name: l.Name, Hint: l.Hint, CreatedBy: l.CreatedBy, CreatorEmail: emails[l.CreatedBy], CreatedAt: l.CreatedAt,
			LeftAt: l.LeftAt, LastUsedOn: l.LastUsedOn, ImportedAt: l.ImportedAt,
			Unused: l.Unused, Reminder: l.Reminder, FoundOn: l.FoundOn,
		})
	}
	return found
}

// known is a time that may be missing, zero when it is.
func known(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
