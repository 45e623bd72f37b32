package letter

import "time"

// Digest is what one day's look at the API tokens of a workspace found: those
// that may no longer be needed. A token stands in one list only. All strings
// may come from strangers; none is trusted.
type Digest struct {
	Day string // the UTC day of the look, "2026-11-22"
	// UnusedDays is after how many days without use a token counts as unused,
	// and FollowUpDays how many after the first mail about it a reminder comes.
	UnusedDays, FollowUpDays int
	Orphaned                 Findings // their creator has left
	Unused                   Findings // not used for UnusedDays
	NeverUsed                Findings // issued here, and not used since
	// Cleaned is how many findings people have ended since the digest of the
	// UTC day Before, or ever when that is "".
	Cleaned int
	Before  string
	Kept    Keeps // kept on purpose
}

// Findings are the tokens found for one reason: how many, and the first of them.
type Findings struct {
	Count  int
	Tokens []Finding
}

// Finding is one such token.
type Finding struct {
	Name, Hint string // the hint is like skp_…a1B2
	// CreatedBy is the company's id of the person; CreatorEmail may be empty.
	CreatedBy, CreatorEmail string
	CreatedAt               time.Time // zero: not known
	LeftAt                  time.Time // when the creator left; zero: not known
	LastUsedOn              string    // a UTC day, or "" (no use is on record)
	ImportedAt              time.Time // since when its use is tracked, of one issued elsewhere
	Unused                  bool      // of an orphaned one: unused, too
	// Reminder says that this is the last mail about the token; the first was
	// on the UTC day FoundOn.
	Reminder bool
	FoundOn  string
}

// Keeps are the tokens that are kept on purpose: how many, and the first of them.
type Keeps struct {
	Count  int
	Tokens []Keep
}

// Keep is one such token.
type Keep struct {
	Name, Hint  string
	Reason      string // in the words of whoever kept it
	By, ByEmail string // who that was; the address may be empty
	Until       string // the UTC day on which it is judged again
}

// linesEach is how many tokens of a list are named at most, so that Gmail, which
// shows 102 KB, does not cut the mail off. The sweep writes no more, either.
const linesEach = 50

// Digested writes the mail about one day's digest. It does no I/O.
func Digested(b Brand, workspaceID, workspaceName string, to Recipient, d Digest) (Mail, error) {
	o, err := newOccasion(b, workspaceID, workspaceName, to)
	if err != nil {
		return Mail{}, err
	}
	r, err := newReview(o, d)
	if err != nil {
		return Mail{}, err
	}
	return seal(r.page(), machineHeaders(digestedThreads(o.domain, workspaceID)))
}
