package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/token"
	"safekeep/shared/workspace"
)

// Courier pays the ledger's debts: it tells the admins of a workspace what the
// entries that owe a mail say.
//
// It is driven by the ledger's stream, and on a schedule works off whatever
// still stands in the index of debts, so that an outage heals itself. Several
// couriers may be at the same entry: what is told together is settled once
// (form), and each recipient's mail is claimed before it is sent. A claim ends
// by time, later than its courier can live. So a crash, or an answer lost on
// the way, may repeat the one mail that was in flight; nothing ever loses one,
// and a run without faults repeats none.
type Courier struct {
	Debts   Debts
	Rosters Rosters
	Sender  Sender
	Brand   Brand
	// Fallback is the stack's security contact: it is told what a workspace
	// without a reachable admin cannot be told.
	Fallback string
	Metrics  *metrics.Recorder
	Now      func() time.Time
}

// Rosters knows who is in a workspace.
type Rosters interface {
	Roster(ctx context.Context, id string) (workspace.Workspace, []workspace.Member, error)
}

// Sender sends one mail. Its errors tell apart what must not be mixed up:
// ErrRefused and ErrNotSent say that surely nothing went out; after any other
// error the mail counts as in flight.
type Sender interface {
	Send(ctx context.Context, to string, mail Mail) error
}

// What a Sender can know about a mail that failed.
var (
	// ErrRefused: this address cannot be sent to, now or later.
	ErrRefused = errors.New("the address was refused")
	// ErrNotSent: nothing went out; trying again later may help.
	ErrNotSent = errors.New("the mail was not sent")
)

// fallbackUser is the name under which the security contact's delivery is
// noted. It is no id that the company could bring.
const fallbackUser = "#security-contact"

// The patience of a courier.
const (
	// groupGrace is how long the entries of one report are waited for before
	// those that are there are told without the others.
	groupGrace = time.Minute
	// leaseMargin is how long after a courier's end its claims end.
	leaseMargin = 2 * time.Second
	// defaultLease is for a courier that has no deadline of its own.
	defaultLease = time.Minute
	// sendReserve is the time that must be left to begin a send.
	sendReserve = 2 * time.Second
	// maxAttempts is after how many refusals a mail is given up. With the
	// pauses of retryAfter that is about four days.
	maxAttempts = 100
)

// retryAfter is the pause after the n-th failed attempt. The first retries
// come with the next run of the schedule.
func retryAfter(n int) time.Duration {
	if n <= 3 {
		return 0
	}
	return min(time.Minute<<min(n-4, 10), time.Hour)
}

// Settle tells what one entry owes, together with the entries of the same
// report, and clears the debt when everybody has been told. It returns the
// entries it looked at. Mails that fail are no error; an error means that the
// tables could not be read or written.
func (c *Courier) Settle(ctx context.Context, key Key) ([]Debt, error) {
	debt, err := c.Debts.Get(ctx, key)
	if err != nil || debt == nil || !debt.Owes {
		return nil, err
	}
	if debt.ReportSize <= 1 {
		return []Debt{*debt}, c.deliver(ctx, *debt, nil)
	}
	group, err := c.Debts.Report(ctx, *debt)
	if err != nil {
		return nil, err
	}
	if err := c.form(ctx, group); err != nil {
		return nil, err
	}
	for _, leader := range group {
		if leader.Owes && len(leader.Mail.Entries) > 0 {
			if err := c.deliver(ctx, leader, group); err != nil {
				return group, err
			}
		}
	}
	return group, nil
}

// form settles which entries of a report are told together. The list is kept
// on the first of them, written once: whoever comes second uses it too.
func (c *Courier) form(ctx context.Context, group []Debt) error {
	told := map[string]bool{}
	size, newest := 0, time.Time{}
	for _, d := range group {
		for _, seq := range d.Mail.Entries {
			told[seq] = true
		}
		size = max(size, d.ReportSize)
		if at := ledger.SeqTime(d.Seq); at.After(newest) {
			newest = at
		}
	}
	leader, members := -1, []string(nil)
	for i, d := range group {
		if d.Owes && !told[d.Seq] {
			if leader < 0 {
				leader = i
			}
			apart := ledger.SeqTime(d.Seq).Sub(ledger.SeqTime(group[leader].Seq))
			if apart <= groupSpan && len(members) < groupMost {
				members = append(members, d.Seq)
			}
		}
	}
	if leader < 0 || len(group) < size && c.Now().Sub(newest) < groupGrace {
		return nil // all told, or more to come: their own records will bring us back
	}
	entries, err := c.Debts.Form(ctx, group[leader].Key(), members)
	if err != nil {
		return err
	}
	group[leader].Mail.Entries = entries
	return nil
}

// deliver tells one mail's entries to everybody who is to be told.
func (c *Courier) deliver(ctx context.Context, leader Debt, group []Debt) error {
	place, members, err := c.Rosters.Roster(ctx, leader.Workspace)
	if err != nil {
		return err
	}
	entries := []Debt{leader}
	if len(leader.Mail.Entries) > 0 {
		entries = slices.DeleteFunc(slices.Clone(group), func(d Debt) bool { return !slices.Contains(leader.Mail.Entries, d.Seq) })
	}
	exposures, err := exposuresOf(entries, members)
	if err != nil {
		// It cannot be told in these words. Leave it in the index: the age of
		// the oldest debt is watched, and a repaired release will tell it.
		slog.ErrorContext(ctx, "entry cannot be told", "workspace", leader.Workspace, "seq", leader.Seq, "error", err.Error())
		return nil
	}
	done, lost := true, true
	for _, to := range recipients(members) {
		switch state, err := c.tell(ctx, leader, place, to, exposures); {
		case err != nil:
			return err
		case state == sent:
			lost = false
		case state != undeliverable:
			done, lost = false, false
		}
	}
	if lost { // nobody is there, or nobody could be reached
		to := Recipient{User: fallbackUser, Email: c.Fallback}
		state, err := c.tell(ctx, leader, place, to, exposures)
		if err != nil {
			return err
		}
		done = state == sent || state == undeliverable
	}
	if !done {
		return nil
	}
	return c.Debts.Clear(ctx, leader, entries)
}

// recipients are the owners and admins with an address, by user.
func recipients(members []workspace.Member) []Recipient {
	var to []Recipient
	for _, m := range members {
		if m.Told() {
			to = append(to, Recipient{User: m.User, Email: m.Email, Role: string(m.Role)})
		}
	}
	return to
}

// tell sends one mail to one recipient unless that was done before, and
// returns how the delivery stands.
func (c *Courier) tell(ctx context.Context, leader Debt, place workspace.Workspace, to Recipient, exposures []Exposure) (state, error) {
	before := leader.Mail.To[to.User]
	if before.State == sent || before.State == undeliverable {
		return before.State, nil
	}
	now := c.Now()
	if before.Until.After(now) || c.late(ctx, now) {
		return before.State, nil
	}
	mail, err := Render(c.Brand, leader.Workspace, place.Name, to.named(), exposures)
	if err != nil {
		slog.ErrorContext(ctx, "mail cannot be written", "workspace", leader.Workspace, "seq", leader.Seq, "error", err.Error())
		return before.State, nil
	}
	claim := Delivery{State: claimed, Until: c.leaseUntil(ctx, now), Attempts: before.Attempts + 1, By: ledger.NewSeq()}
	won, err := c.Debts.Claim(ctx, leader.Key(), to.User, claim, now)
	if err != nil || !won {
		return claimed, err
	}
	outcome := c.send(ctx, leader, to, mail, claim)
	if outcome.State == claimed {
		return claimed, nil // in flight: the claim's own end decides
	}
	return outcome.State, c.Debts.Note(ctx, leader.Key(), to.User, outcome)
}

// send hands the mail over and says how the delivery stands then.
func (c *Courier) send(ctx context.Context, leader Debt, to Recipient, mail Mail, claim Delivery) Delivery {
	err := c.Sender.Send(ctx, to.Email, mail)
	now := c.Now()
	switch {
	case err == nil:
		claim.State, claim.Until = sent, now
		c.Metrics.Record(now, []metrics.Value{
			{Name: "MailsSent", Unit: metrics.Count, Value: 1},
			{Name: "MailTime", Unit: metrics.Milliseconds, Value: float64(now.Sub(ledger.SeqTime(leader.Seq)).Milliseconds())},
		})
	case errors.Is(err, ErrRefused) || errors.Is(err, ErrNotSent) && claim.Attempts >= maxAttempts:
		claim.State, claim.Until = undeliverable, now
		c.Metrics.Add(now, "MailUndeliverable", 1)
	case errors.Is(err, ErrNotSent):
		claim.State, claim.Until = failed, now.Add(retryAfter(claim.Attempts))
	}
	if err != nil {
		slog.WarnContext(ctx, "mail not sent", "workspace", leader.Workspace, "seq", leader.Seq, "user", to.User,
			"attempt", claim.Attempts, "state", claim.State, "error", err.Error())
	}
	return claim
}

// late says whether too little time is left to begin a send.
func (c *Courier) late(ctx context.Context, now time.Time) bool {
	deadline, ok := ctx.Deadline()
	return ok && deadline.Sub(now) < sendReserve
}

// leaseUntil is when nobody of this invocation can be alive any more.
func (c *Courier) leaseUntil(ctx context.Context, now time.Time) time.Time {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline.Add(leaseMargin)
	}
	return now.Add(defaultLease)
}

// exposuresOf reads what the entries tell, as it was when they were written.
func exposuresOf(entries []Debt, members []workspace.Member) ([]Exposure, error) {
	emails := map[string]string{}
	for _, m := range members {
		emails[m.User] = m.Email
	}
	exposures := make([]Exposure, 0, len(entries))
	for _, e := range entries {
		if e.Kind != ledger.TokenExposed {
			return nil, fmt.Errorf("no mail is written for %s", e.Kind)
		}
		var d token.ExposedDetail
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			return nil, fmt.Errorf("reading the detail of %s: %w", e.Seq, err)
		}
		exposures = append(exposures, Exposure{
			TokenID: e.Subject, Name: d.Name, Hint: d.Hint,
			CreatedBy: d.CreatedBy, CreatorEmail: emails[d.CreatedBy], CreatedAt: d.CreatedAt, LastUsedOn: d.LastUsedOn,
			Host: d.Host, Place: d.Source, URL: d.URL, At: e.At, Outcome: string(d.Outcome), Why: d.Why,
		})
	}
	return exposures, nil
}

// named is the recipient as the mail addresses them.
func (r Recipient) named() Recipient {
	if r.User == fallbackUser {
		r.User = "security-contact"
	}
	return r
}
