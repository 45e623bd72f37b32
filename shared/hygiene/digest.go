package hygiene

import "time"

// ListMost is how many tokens each list of a digest names; the rest is only
// counted.
const ListMost = 50

// Digest is the detail of a hygiene.digested entry: all that one day's mail to
// the owners and admins of a workspace says, as it was when the sweep wrote it.
// A token stands in one list only; one that is both orphaned and unused stands
// in Orphaned, and its line says so.
type Digest struct {
	Day string `json:"day"` // UTC day of the run, "2026-11-22"
	// UnusedDays and FollowUpDays are the stack's settings at that time.
	UnusedDays   int  `json:"unused_days"`
	FollowUpDays int  `json:"follow_up_days"`
	Orphaned     List `json:"orphaned"`   // their creator has left
	Unused       List `json:"unused"`     // used once, or tracked since an import, but not for UnusedDays
	NeverUsed    List `json:"never_used"` // issued here, and not used since
	// Cleaned is how many of the tokens that were found people have removed or
	// rotated since the digest before this one (or ever, when Before is "").
	Cleaned int    `json:"cleaned"`
	Before  string `json:"before,omitempty"` // UTC day of that digest
	// Kept are tokens that somebody chose to keep, and that are silent for it.
	Kept KeptList `json:"kept"`
}

// List is one list of a digest: at most ListMost lines, those of follow-ups
// first, and how many tokens there are in all.
type List struct {
	Count  int    `json:"count"`
	Tokens []Line `json:"tokens"`
}

// Line is one token of a list.
type Line struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Hint      string    `json:"hint"`
	CreatedBy string    `json:"created_by"` // the company's id of the person
	CreatedAt time.Time `json:"created_at"` // zero for imported ones without a date
	// LeftAt is when the creator left, for orphaned ones.
	LeftAt time.Time `json:"left_at,omitzero"`
	// LastUsedOn is a UTC day, or "" when no use is on record.
	LastUsedOn string `json:"last_used_on,omitempty"`
	// ImportedAt says that the token was issued elsewhere, and that its use has
	// been tracked only since then.
	ImportedAt time.Time `json:"imported_at,omitzero"`
	// Unused says of an orphaned token that it is unused, too.
	Unused bool `json:"unused,omitempty"`
	// Reminder says that this is the follow-up, the last mail about it; FoundOn
	// is the UTC day of the first.
	Reminder bool   `json:"reminder,omitempty"`
	FoundOn  string `json:"found_on"`
}

// KeptList are tokens that are kept on purpose.
type KeptList struct {
	Count  int        `json:"count"`
	Tokens []KeptLine `json:"tokens"` // at most ListMost
}

// KeptLine is one of them.
type KeptLine struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Hint   string `json:"hint"`
	Reason string `json:"reason"` // in the words of whoever kept it
	By     string `json:"by"`     // who kept it
	Until  string `json:"until"`  // UTC day on which it is judged again
}
