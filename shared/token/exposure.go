package token

import "time"

// Outcome is what came of a report about a token.
type Outcome string

// The outcomes. The first three are true positives.
const (
	OutcomeRevoked        Outcome = "revoked"         // it was good, and this report ended it
	OutcomeReportedOnly   Outcome = "reported_only"   // it is good still: policy says not to revoke
	OutcomeAlreadyRevoked Outcome = "already_revoked" // it had ended before
	OutcomeUnknown        Outcome = "unknown"         // we have no such token
	OutcomeMalformed      Outcome = "malformed"       // no token looks like this
)

// Known says whether the report was about a token of ours.
func (o Outcome) Known() bool {
	return o == OutcomeRevoked || o == OutcomeReportedOnly || o == OutcomeAlreadyRevoked
}

// Policy says whether a leaked token is revoked, and if not, why not.
type Policy struct {
	Revoke bool
	Why    string // "dry_run" or "auto_revoke_off" when Revoke is false
}

// Finding is one leaked token as one report has it.
type Finding struct {
	// Host is who reported it: "github" or "gitlab".
	Host string
	// At is when the report is acted on.
	At time.Time
	// Report is the digest of the report's body.
	Report string
	// ReportSize is how many tokens of the same workspace the report is
	// expected to owe a mail for.
	ReportSize int
	Places     []Place // at least one
}

// Place is where a token was found.
type Place struct {
	Source string // the host's word for the kind of place, lower case; "" when it gave none
	URL    string // chosen by whoever leaked it, our tokens redacted; may be ""
}

// Step is what a report changes about a token. The zero Step changes nothing.
type Step struct {
	Outcome Outcome
	Expose  bool // note it as exposed and tell the workspace
	Revoke  bool
	// Sightings are the places that are new, beside the one the exposure
	// itself names; Counted is how many more are only counted.
	Sightings []Place
	Counted   int
}

// Decide says what a report changes about a token, from what is known of it
// and the policy. It is asked again whenever somebody else changed the token
// in between.
func Decide(t *Token, f Finding, policy Policy) Step {
	var step Step
	switch {
	case t.GoodAt(f.At) && policy.Revoke:
		// Also when it was exposed before and only reported then: the policy
		// has been switched on since, and its admins are told again.
		step = Step{Outcome: OutcomeRevoked, Expose: true, Revoke: true}
	case t.GoodAt(f.At):
		step = Step{Outcome: OutcomeReportedOnly, Expose: t.ExposedAt.IsZero()}
	default:
		// Nobody was told of one that ended by its own date, and perhaps not of
		// one that ended nobody here knows why: tell them once that it was
		// public. One that was revoked or rotated had somebody's attention.
		_, reason, _ := t.End(f.At)
		untold := reason == Expired || reason == ""
		step = Step{Outcome: OutcomeAlreadyRevoked, Expose: untold && t.ExposedAt.IsZero()}
	}
	places := f.Places
	if step.Expose {
		places = places[1:]
	}
	room := MaxSightings - len(t.Places)
	seen := map[string]bool{}
	if step.Expose {
		if first := PlaceOf(f.Places[0].URL); !t.FoundAt(first) {
			seen[first] = true
			room--
		}
	}
	for _, place := range places {
		digest := PlaceOf(place.URL)
		if t.FoundAt(digest) || seen[digest] {
			continue
		}
		seen[digest] = true
		if room > 0 {
			room--
			step.Sightings = append(step.Sightings, place)
		} else {
			step.Counted++
		}
	}
	return step
}

// Empty says whether the step writes nothing.
func (s Step) Empty() bool {
	return !s.Expose && !s.Revoke && len(s.Sightings) == 0 && s.Counted == 0
}

// ExposedDetail is the detail of a token.exposed entry: all that its mail
// says, as it was at that moment.
type ExposedDetail struct {
	Name       string     `json:"name"`
	Hint       string     `json:"hint"`
	CreatedBy  string     `json:"created_by"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedOn string     `json:"last_used_on,omitempty"` // a UTC day
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	LastIP     string     `json:"last_used_ip,omitempty"`
	LastAgent  string     `json:"last_used_agent,omitempty"`
	ExpiredAt  *time.Time `json:"expired_at,omitempty"` // when it had expired before
	Host       string     `json:"host"`
	Source     string     `json:"source,omitempty"`
	URL        string     `json:"url,omitempty"`
	Outcome    Outcome    `json:"outcome"`
	Why        string     `json:"why,omitempty"` // why it was only reported
	// The other tokens of a rotation, which this report does not touch.
	Successor   string `json:"successor,omitempty"`   // hint
	Predecessor string `json:"predecessor,omitempty"` // hint
}

func exposedDetail(t *Token, f Finding, policy Policy, step Step) ExposedDetail {
	detail := ExposedDetail{
		Name: t.Name, Hint: t.Hint, CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt, LastUsedOn: t.LastUsedOn,
		LastUsedAt: optional(t.LastUsedAt), LastIP: t.LastUse.IP, LastAgent: t.LastUse.Agent,
		Host: f.Host, Source: f.Places[0].Source, URL: f.Places[0].URL, Outcome: step.Outcome,
		Successor: t.Successor.Hint, Predecessor: t.Predecessor.Hint,
	}
	if step.Outcome == OutcomeReportedOnly {
		detail.Why = policy.Why
	}
	if at, reason, ended := t.End(f.At); ended && reason == Expired {
		detail.ExpiredAt = optional(at)
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
