package notice

import (
	"context"
	"time"

	"safekeep/shared/ledger"
)

// Key names an entry of the ledger.
type Key struct{ Workspace, Seq string }

// Debt is an entry and how far its mail has come.
type Debt struct {
	ledger.Entry
	Mail MailState
}

// Key returns the entry's key.
func (d Debt) Key() Key { return Key{d.Workspace, d.Seq} }

// MailState is what couriers note on an entry. It is all they may write there.
type MailState struct {
	// Entries are the seqs that are told in one mail, this one among them;
	// empty while that is open or the entry is told alone.
	Entries []string
	// To is how each recipient's mail stands, by user.
	To map[string]Delivery
}

// state is how one recipient's mail stands; "" is not begun.
type state string

const (
	claimed       state = "claimed" // on its way until Until, then anybody's
	failed        state = "failed"  // surely not sent; to be tried again at Until
	sent          state = "sent"
	undeliverable state = "undeliverable"
)

// Delivery is how one recipient's mail stands.
type Delivery struct {
	State    state
	Until    time.Time
	Attempts int
	By       string // the claim's own name, so that a repeated answer is known as ours
}

// groupSpan is how far the entries told in one mail may lie apart. Looking for
// an entry's group goes further back than that (groupLookback), so that the
// entry that keeps the list is always seen.
const (
	groupSpan     = 10 * time.Minute
	groupLookback = 15 * time.Minute
	// groupMost keeps the list within an item, and the mail readable.
	groupMost = 1000
)

// Debts is the ledger as couriers use it.
type Debts interface {
	// Get returns an entry, consistently, or nil when there is none.
	Get(ctx context.Context, key Key) (*Debt, error)
	// Report returns the entries of the debt's report in its workspace that are
	// to be told with others (ReportSize above 1), from
	// groupLookback before it on, oldest first, consistently.
	Report(ctx context.Context, debt Debt) ([]Debt, error)
	// Form notes that the given entries are told together, on the first of
	// them, unless such a note stands there already; it returns the one that
	// stands.
	Form(ctx context.Context, leader Key, entries []string) ([]string, error)
	// Claim notes the claim if the recipient's mail is not begun, or due
	// again at now; it reports whether it did.
	Claim(ctx context.Context, leader Key, user string, claim Delivery, now time.Time) (bool, error)
	// Note notes how a mail that this claim was for stands now.
	Note(ctx context.Context, leader Key, user string, outcome Delivery) error
	// Clear ends the debt of the entries, the leader's last.
	Clear(ctx context.Context, leader Debt, entries []Debt) error
	// Owing calls yield for every entry that owes, by the index, oldest
	// first in each shard, until yield returns false.
	Owing(ctx context.Context, yield func(Key) bool) error
}
