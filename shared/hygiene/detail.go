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
	Name       string    `json:"name"`
	Hint       string    `json:"hint"`
	Reason     Reason    `json:"reason"`
	CreatedBy  string    `json:"created_by"`
	CreatedAt  time.Time `json:"created_at"`
	LeftAt     time.Time `json:"left_at,omitzero"` // when the creator left
	LastUsedOn string    `json:"last_used_on,omitempty"`
	ImportedAt time.Time `json:"imported_at,omitzero"`
	// Also says that the other reason stands, too.
	Also bool `json:"also,omitempty"`
	// Stage and Since are the mark before, of token.reminded and token.cleared.
	Stage token.Stage `json:"stage,omitempty"`
	Since time.Time   `json:"since,omitzero"`
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

// step is what a run finds of one token.
type step struct {
	token   token.Token
	creator Person
	at      time.Time
	found   []Finding
}

// marking returns what is written of a token's findings.
func (s step) marking() token.Marking {
	m := token.Marking{Token: s.token, At: s.at}
	m.Orphaned, m.Unused = marks(&s.token, s.found, s.at)
	for _, f := range s.found {
		d := FindingDetail{
			Name: s.token.Name, Hint: s.token.Hint, Reason: f.Reason, CreatedBy: s.token.CreatedBy, CreatedAt: s.token.CreatedAt,
			LastUsedOn: s.token.LastUsedOn, ImportedAt: s.token.ImportedAt,
			Stage: f.Was.Stage, Since: f.Was.Since, Cause: f.Cause, Outcome: f.Outcome,
		}
		if s.creator.State == Left {
			d.LeftAt = s.creator.LeftAt
		}
		d.Also = f.Reason == Orphaned && m.Unused.Stage != "" || f.Reason == Unused && m.Orphaned.Stage != ""
		m.Entries = append(m.Entries, ledger.New(s.token.Workspace, s.at, f.kind(), actor, s.token.ID, d))
		m.ByUse = m.ByUse || f.Reason == Unused && (f.Stage != "" || f.Cause == CauseUsed)
	}
	return m
}

// premise is what a token's findings go by: only a finding about its creator
// goes by the creator.
func (s step) premise() Premise {
	for _, f := range s.found {
		if f.Reason == Orphaned && (f.Stage != "" || f.Cause == CauseReturned) {
			return Premise{s.token.Workspace, s.token.CreatedBy, s.creator.State}
		}
	}
	return Premise{}
}

// actor is who the ledger says a sweep is.
const actor = "safekeep"
