package token

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
)

// maxRaces bounds how often a change is decided anew because the token changed
// in between. Every round means that somebody else got one change through, and
// a token has few changes in its life.
const maxRaces = 16

var errBusy = problem.New(problem.Unavailable, "This token is being changed by many at once; send the same request again.")

// Revoke ends a token because somebody of the workspace wants it. A token that
// has ended stays as it ended.
func (s *Store) Revoke(ctx context.Context, t Token, reason Reason, actor string, now time.Time) error {
	for range maxRaces {
		if !t.GoodAt(now) {
			return nil
		}
		change := s.change(&t)
		change.revoke(reason, now)
		entry := ledger.New(t.Workspace, now, ledger.TokenRevoked, actor, t.ID, revokedDetail{Name: t.Name, Hint: t.Hint, Reason: reason})
		change.tell(entry)
		err := change.commit(ctx)
		if !errors.Is(err, dynamo.ErrCondition) {
			return err
		}
		if t, err = s.Lookup(ctx, t.Hash); err != nil {
			return err
		}
	}
	return errBusy
}

// Expose does what a report asks for: it decides by the policy, writes the
// step in one transaction, and decides anew when the token changed meanwhile.
// So of any number of reports at once, one revokes and one owes the mail.
func (s *Store) Expose(ctx context.Context, t Token, f Finding, policy Policy) (Outcome, error) {
	for range maxRaces {
		step := Decide(&t, f, policy)
		if step.Empty() {
			return step.Outcome, nil
		}
		change := s.change(&t)
		s.expose(change, f, policy, step)
		err := change.commit(ctx)
		if !errors.Is(err, dynamo.ErrCondition) {
			return step.Outcome, err
		}
		t, err = s.Lookup(ctx, t.Hash)
		if errors.Is(err, ErrNotFound) { // its tombstone was forgotten this very moment
			return OutcomeUnknown, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errBusy
}

func (s *Store) expose(change *change, f Finding, policy Policy, step Step) {
	t := change.token
	var places []string
	if step.Expose {
		if t.ExposedAt.IsZero() {
			change.set("exposed_at", dynamo.Time(f.At))
		}
		places = append(places, PlaceOf(f.Places[0].URL))
		entry := ledger.New(t.Workspace, f.At, ledger.TokenExposed, f.Host, t.ID, exposedDetail(t, f, policy, step))
		entry.Owes, entry.Report, entry.ReportSize = true, f.Report, f.ReportSize
		change.tell(entry)
	}
	if step.Revoke {
		change.revoke(Leaked, f.At)
		change.tell(ledger.New(t.Workspace, f.At, ledger.TokenRevoked, "safekeep", t.ID, revokedDetail{Name: t.Name, Hint: t.Hint, Reason: Leaked}))
	}
	for _, place := range step.Sightings {
		places = append(places, PlaceOf(place.URL))
		change.tell(ledger.New(t.Workspace, f.At, ledger.TokenSighted, f.Host, t.ID, SightedDetail{
			Name: t.Name, Hint: t.Hint, Host: f.Host, Source: place.Source, URL: place.URL,
		}))
	}
	if len(places) > 0 {
		change.add("places", &types.AttributeValueMemberSS{Value: places})
	}
	if step.Counted > 0 {
		change.add("more_places", dynamo.N(int64(step.Counted)))
	}
}

// ExposedDetail is the detail of a token.exposed entry: all that its mail
// says, as it was at that moment.
type ExposedDetail struct {
	Name       string     `json:"name"`
	Hint       string     `json:"hint"`
	CreatedBy  string     `json:"created_by"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedOn string     `json:"last_used_on,omitempty"` // a UTC day
	ExpiredAt  *time.Time `json:"expired_at,omitempty"`   // when it had expired before
	Host       string     `json:"host"`
	Source     string     `json:"source,omitempty"`
	URL        string     `json:"url,omitempty"`
	Outcome    Outcome    `json:"outcome"`
	Why        string     `json:"why,omitempty"` // why it was only reported
}

func exposedDetail(t *Token, f Finding, policy Policy, step Step) ExposedDetail {
	detail := ExposedDetail{
		Name: t.Name, Hint: t.Hint, CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt, LastUsedOn: t.LastUsedOn,
		Host: f.Host, Source: f.Places[0].Source, URL: f.Places[0].URL, Outcome: step.Outcome,
	}
	if step.Outcome == OutcomeReportedOnly {
		detail.Why = policy.Why
	}
	if t.ExpiredAt(f.At) {
		detail.ExpiredAt = optional(t.ExpiresAt)
	}
	return detail
}

// SightedDetail is the detail of a token.sighted entry.
type SightedDetail struct {
	Name   string `json:"name"`
	Hint   string `json:"hint"`
	Host   string `json:"host"`
	Source string `json:"source,omitempty"`
	URL    string `json:"url,omitempty"`
}

type revokedDetail struct {
	Name   string `json:"name"`
	Hint   string `json:"hint"`
	Reason Reason `json:"reason"`
}
