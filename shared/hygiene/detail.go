package hygiene

import (
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// FindingDetail is the detail of token.orphaned, token.unused, token.reminded
// and token.cleared: all that a mail says of it, as it was at that moment. Of
// token.kept it reads until when.
type FindingDetail struct {
	Name       string     `json:"name"`
	Hint       string     `json:"hint"`
	Reason     Reason     `json:"reason"`
	CreatedBy  string     `json:"created_by"`
	CreatedAt  time.Time  `json:"created_at"`
	LeftAt     *time.Time `json:"left_at,omitempty"` // when the creator left
	LastUsedOn string     `json:"last_used_on,omitempty"`
	ImportedAt *time.Time `json:"imported_at,omitempty"`
	// Also says that the other reason stands, too.
	Also bool `json:"also,omitempty"`
	// Stage and Since are the mark before, of token.reminded and token.cleared.
	Stage token.Stage `json:"stage,omitempty"`
	Since *time.Time  `json:"since,omitempty"`
	// Cause and Outcome say how it ended, of token.cleared.
	Cause   Cause   `json:"cause,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"`
	// Until is a UTC day, of token.kept.
	Until string `json:"until,omitempty"`
}

// kind is what the ledger calls a finding.
func (f Finding) kind() ledger.Kind {
	switch {
	case f.Stage == "":
		return ledger.TokenCleared
	case f.Stage == token.Reminded:
		return ledger.TokenReminded
	case f.Reason == Orphaned:
		return ledger.TokenOrphaned
	default:
		return ledger.TokenUnused
	}
}

// marking returns what is written of a token's findings.
func (s step) marking(at time.Time) token.Marking {
	m := token.Marking{Token: s.token, At: at}
	m.Orphaned, m.Unused = marks(&s.token, s.found, at)
	for _, f := range s.found {
		d := FindingDetail{
			Name: s.token.Name, Hint: s.token.Hint, Reason: f.Reason, CreatedBy: s.token.CreatedBy, CreatedAt: s.token.CreatedAt,
			LastUsedOn: s.token.LastUsedOn, ImportedAt: optional(s.token.ImportedAt),
			Stage: f.Was.Stage, Since: optional(f.Was.Since), Cause: f.Cause, Outcome: f.Outcome,
		}
		if s.creator.State == Left {
			d.LeftAt = optional(s.creator.LeftAt)
		}
		d.Also = f.Reason == Orphaned && m.Unused.Stage != "" || f.Reason == Unused && m.Orphaned.Stage != ""
		m.Entries = append(m.Entries, ledger.New(s.token.Workspace, at, f.kind(), actor, s.token.ID, d))
	}
	return m
}

// actor is who the ledger says a sweep is.
const actor = "safekeep"

// optional is nil for the zero time, as JSON wants it.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
