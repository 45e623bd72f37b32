package notice

import (
	"context"
	"time"

	"safekeep/shared/ledger"
)

// Key names an entry of the ledger.
type Key struct{ Workspace, Seq string }

// Debt is an entry that owes a mail, and how far its own mail has come. Of an
// entry that is told together with others, the Group says how far it has come.
type Debt struct {
	ledger.Entry
	To map[string]Delivery // by user
}

// Key returns the entry's key.
func (d Debt) Key() Key { return Key{d.Workspace, d.Seq} }

// Group is the note on what is told together of one report in one workspace.
// It is one item, so that whoever changes it sees what the others did: an
// entry joins it once, waits until the report is complete, and then belongs to
// one batch, which is one mail.
type Group struct {
	Workspace, Report string
	// Version counts the changes of Waiting and Batches; 0 is no note yet.
	Version int64
	Waiting []string // seqs
	// Batches are the seqs of each mail that is not told to everybody yet.
	// One that is, is gone; its entries owe nothing any more.
	Batches map[int64]Batch
}

// Batch is what one mail tells, and how each recipient's mail stands.
type Batch struct {
	Entries []string // seqs, oldest first
	To      map[string]Delivery
}

// has says whether an entry has joined the group.
func (g *Group) has(seq string) bool {
	for _, waiting := range g.Waiting {
		if waiting == seq {
			return true
		}
	}
	for _, batch := range g.Batches {
		for _, member := range batch.Entries {
			if member == seq {
				return true
			}
		}
	}
	return false
}

// state is how one recipient's mail stands; "" is not begun.
type state string

const (
	claimed       state = "claimed" // on its way until Until, then anybody's
	failed        state = "failed"  // surely not sent; to be tried again at Until
	refused       state = "refused" // as failed, and the address seems to be no good
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

// slip is where the deliveries of one mail are noted: on the entry that is
// told alone, or on a group's batch.
type slip struct {
	entry  Key // of a batch, only its workspace
	report string
	batch  int64 // 0: the entry itself
}

// Debts is the ledger as couriers use it.
type Debts interface {
	// Entries returns those of the given entries that exist and owe a mail,
	// oldest first, consistently. All keys are of one workspace.
	Entries(ctx context.Context, keys []Key) ([]Debt, error)
	// Group returns the note on a report, consistently; Version is 0 when
	// there is none.
	Group(ctx context.Context, workspace, report string) (Group, error)
	// Form writes the group's Waiting and the new batches, which are numbered
	// by the group's next version, if it is still the one that was read, and
	// reports whether it did.
	Form(ctx context.Context, g Group, batches map[int64][]string) (bool, error)
	// Claim notes the claim if the recipient's mail is not begun, or due
	// again at now; it reports whether it did.
	Claim(ctx context.Context, at slip, user string, claim Delivery, now time.Time) (bool, error)
	// Note notes how a mail that this claim was for stands now.
	Note(ctx context.Context, at slip, user string, outcome Delivery) error
	// Clear ends the debt of entries that everybody has been told of, and
	// then the batch they were told in.
	Clear(ctx context.Context, at slip, entries []Debt) error
	// Owing calls yield for every entry that owes, by the index, oldest
	// first in each shard, until yield returns false.
	Owing(ctx context.Context, yield func(Key) bool) error
}
