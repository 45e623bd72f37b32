// Package notice delivers the mails that the ledger owes: what happened to the
// API tokens of a workspace is told to the people who run it, and what happened
// to an account to the user whose it is, once to each.
// What the mails say is package letter's.
package notice

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/letter"
	"safekeep/shared/metrics"
	"safekeep/shared/workspace"
)

// Courier pays the ledger's debts: it tells the admins of a workspace, or a user,
// what the entries that owe a mail say.
//
// It is driven by the ledger's stream, and on a schedule works off whatever
// still stands in the index of debts, so that an outage heals itself. Several
// couriers may be at the same entry: what is told together is settled in one
// place (Group), and each recipient's mail is claimed before it is sent. A claim ends
// by time, later than its courier can live. So a crash, or an answer lost on
// the way, may repeat the one mail that was in flight; nothing ever loses one,
// and a run without faults repeats none.
type Courier struct {
	Debts   Debts
	Rosters Rosters
	// Profiles are the addresses of users for what concerns their own accounts.
	Profiles Profiles
	Sender   Sender
	Brand    letter.Brand
	// Fallback is the stack's security contact: it is told what a workspace
	// without a reachable admin cannot be told, and nothing about an account.
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
	Send(ctx context.Context, to string, mail letter.Mail) error
}

// What a Sender can know about a mail that failed.
var (
	// ErrRefused: nothing went out, and the address seems to be no good.
	ErrRefused = errors.New("the address was refused")
	// ErrNotSent: nothing went out; trying again later may help.
	ErrNotSent = errors.New("the mail was not sent")
)

// fallbackUser is the name under which the security contact's delivery is
// noted. It is no id that the company could bring.
const fallbackUser = "#security-contact"

// The patience of a courier.
const (
	// leaseMargin is how long after a courier's end its claims end.
	leaseMargin = 2 * time.Second
	// defaultLease is for a courier that has no deadline of its own.
	defaultLease = time.Minute
	// sendReserve is the time that must be left to begin a send.
	sendReserve = 2 * time.Second
	// maxAttempts is after how many failures a mail is given up. With the
	// pauses of retryAfter that is about four days.
	maxAttempts = 100
	// maxRefusals is the same for an address that SES calls bad, about half a
	// day: the fault may be in how the mail is sent, and be repaired.
	maxRefusals = 20
)

// retryAfter is the pause after the n-th failed attempt. The first retries
// come with the next run of the schedule.
func retryAfter(n int) time.Duration {
	if n <= 3 {
		return 0
	}
	return min(time.Minute<<min(n-4, 10), time.Hour)
}

// settle tells what entries of one workspace or of one user's account owe, each
// report's together, and clears the debts of which everybody has been told. Mails
// that fail are no error; an error means that the tables could not be read or
// written.
func (c *Courier) settle(ctx context.Context, workspace string, keys []Key) error {
	debts, err := c.Debts.Entries(ctx, keys)
	if err != nil || len(debts) == 0 {
		return err
	}
	if user, ok := accountOf(workspace); ok {
		return c.settleAccount(ctx, user, debts)
	}
	place, members, err := c.Rosters.Roster(ctx, workspace)
	if err != nil {
		return err
	}
	to := audience{place: place, members: members}
	var errs []error
	reports := map[string][]Key{}
	for _, debt := range debts {
		if debt.ReportSize > 1 {
			reports[debt.Entry.Report] = append(reports[debt.Entry.Report], debt.Key())
		} else {
			errs = append(errs, c.deliver(ctx, slip{entry: debt.Key()}, to, debt.To, []Debt{debt}))
		}
	}
	for report, keys := range reports {
		errs = append(errs, c.settleReport(ctx, report, to, keys))
	}
	return errors.Join(errs...)
}

// audience is a workspace and who is in it, or a user who is told about their own
// account.
type audience struct {
	place   workspace.Workspace
	members []workspace.Member
	user    *letter.Recipient  // nil of a workspace
	former  []letter.Recipient // the same user, where their mail went before
}

// private says that nobody but the one user may be told.
func (a audience) private() bool { return a.user != nil }

// deliver tells one mail's entries to everybody who is to be told.
func (c *Courier) deliver(ctx context.Context, at slip, to audience, stands map[string]Delivery, entries []Debt) error {
	if len(entries) == 0 {
		return c.Debts.Clear(ctx, at, nil)
	}
	news, err := c.newsOf(entries, to)
	if err != nil {
		// It cannot be told in these words. Leave it in the index: the age of
		// the oldest debt is watched, and a repaired release will tell it.
		slog.ErrorContext(ctx, "entry cannot be told", "workspace", at.entry.Workspace, "seq", entries[0].Seq, "error", err.Error())
		return nil
	}
	done, lost := true, true
	for _, recipient := range to.recipients() {
		state, err := c.tell(ctx, at, recipient, stands[recipient.User], news)
		if err != nil {
			return err
		}
		done = done && (state == sent || state == undeliverable)
		lost = lost && (state == refused || state == undeliverable)
	}
	if lost && !to.private() { // nobody is there, or nobody can be reached
		contact := letter.Recipient{User: fallbackUser, Email: c.Fallback}
		state, err := c.tell(ctx, at, contact, stands[fallbackUser], news)
		if err != nil {
			return err
		}
		done = done && (state == sent || state == undeliverable)
	}
	if !done {
		return nil
	}
	return c.Debts.Clear(ctx, at, entries)
}

// recipients are the owners and admins with an address, by user, or the one user
// at each of their addresses.
func (a audience) recipients() []letter.Recipient {
	if a.private() {
		return append([]letter.Recipient{*a.user}, a.former...)
	}
	var to []letter.Recipient
	for _, m := range a.members {
		if m.Told() {
			to = append(to, letter.Recipient{User: m.User, Email: m.Email, Role: string(m.Role)})
		}
	}
	return to
}

// tell sends one mail to one recipient unless that was done before, and
// returns how the delivery stands.
func (c *Courier) tell(ctx context.Context, at slip, to letter.Recipient, before Delivery, news news) (state, error) {
	if before.State == sent || before.State == undeliverable {
		return before.State, nil
	}
	now := c.Now()
	if before.Until.After(now) || c.late(ctx, now) {
		return before.State, nil
	}
	mail, err := news.write(addressed(to))
	if err != nil {
		slog.ErrorContext(ctx, "mail cannot be written", "workspace", at.entry.Workspace, "entry", at.entry.Seq, "report", at.report, "error", err.Error())
		return before.State, nil
	}
	claim := Delivery{State: claimed, Until: c.leaseUntil(ctx, now), Attempts: before.Attempts + 1, By: ledger.NewSeq()}
	won, err := c.Debts.Claim(ctx, at, to.User, claim, now)
	if err != nil || !won {
		return claimed, err
	}
	outcome := c.send(ctx, at, to, mail, news.since, claim)
	return outcome.State, c.Debts.Note(ctx, at, to.User, outcome)
}

// send hands the mail over and says how the delivery stands then.
func (c *Courier) send(ctx context.Context, at slip, to letter.Recipient, mail letter.Mail, since time.Time, claim Delivery) Delivery {
	err := c.Sender.Send(ctx, to.Email, mail)
	now := c.Now()
	most := maxAttempts
	switch {
	case err == nil:
		claim.State, claim.Until = sent, now
		measured := []metrics.Value{{Name: "MailsSent", Unit: metrics.Count, Value: 1}}
		if !since.IsZero() {
			measured = append(measured, metrics.Value{Name: "MailTime", Unit: metrics.Milliseconds, Value: float64(now.Sub(since).Milliseconds())})
		}
		c.Metrics.Record(now, measured)
		return claim
	case errors.Is(err, ErrRefused):
		claim.State = refused
		if to.User != fallbackUser { // there is nobody behind the fallback
			most = maxRefusals
		}
	case errors.Is(err, ErrNotSent):
		claim.State = failed
	}
	// A mail whose answer was lost stays claimed: it may be on its way. Each
	// further try may repeat it, so they too come ever more seldom.
	claim.Until = now.Add(retryAfter(claim.Attempts))
	if lease := c.leaseUntil(ctx, now); claim.State == claimed && claim.Until.Before(lease) {
		claim.Until = lease
	}
	if claim.Attempts >= most {
		claim.State = undeliverable
		c.Metrics.Add(now, "MailUndeliverable", 1)
	}
	slog.WarnContext(ctx, "mail not sent", "workspace", at.entry.Workspace, "entry", at.entry.Seq, "report", at.report, "user", to.User,
		"attempt", claim.Attempts, "state", claim.State, "error", err.Error())
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

// addressed is the recipient as the mail addresses them.
func addressed(to letter.Recipient) letter.Recipient {
	if to.User == fallbackUser {
		to.User = "security-contact"
	}
	to.User = strings.TrimSuffix(to.User, formerSuffix)
	return to
}
