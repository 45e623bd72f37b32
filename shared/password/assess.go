package password

import (
	"context"
	"log/slog"
	"time"

	"safekeep/shared/metrics"
	"safekeep/shared/password/strength"
)

// Breaches says how often a password is known from breaches.
type Breaches interface {
	// Count returns how often, 0 for never, within the budget that the
	// implementation states. The password is in no error.
	Count(ctx context.Context, s Secret) (int, error)
}

// Assessor judges passwords.
type Assessor struct {
	Meter    *strength.Meter
	Breaches Breaches
	Metrics  *metrics.Recorder // nil: nothing is measured
	Now      func() time.Time
}

// Question is a password and what it is to be judged by.
type Question struct {
	Password Secret // in composed form
	Words    []string
	Event    Event
	Policy   Policy
	Variant  Variant
}

// Assessment is the answer.
type Assessment struct {
	Verdict     Verdict  `json:"verdict"`
	Score       int      `json:"score"`        // 0 to 4, as strength.Estimate has it
	Breached    *bool    `json:"breached"`     // nil: not known
	BreachCount int      `json:"breach_count"` // in how many breached accounts
	Warning     string   `json:"warning"`
	Suggestions []string `json:"suggestions"`
	MinLength   int      `json:"min_length"`
	CrackTime   string   `json:"crack_time"` // as strength.Estimate has it
	Reasons     []Reason `json:"reasons"`
	Variant     Variant  `json:"variant"`
}

// Assess judges a password. It always comes to a verdict: a breach corpus that
// does not answer leaves Breached nil and speaks for the password.
func (a *Assessor) Assess(ctx context.Context, q Question) Assessment {
	began := a.Now()
	e := a.Meter.Estimate(q.Password.Reveal(), q.Words, began.Year())
	count, known, took := a.breaches(ctx, q)
	verdict, reasons := q.Policy.judge(q.Event, q.Password.length(), e.Score, count > 0)
	answer := Assessment{
		Verdict: verdict, Score: e.Score, BreachCount: count,
		MinLength: q.Policy.MinLength, CrackTime: e.CrackTime, Reasons: reasons, Variant: q.Variant,
	}
	if known {
		breached := count > 0
		answer.Breached = &breached
	}
	told := answer
	if q.Variant == Control {
		told = q.withoutGuidance(answer)
	}
	a.measure(q, answer, told.Verdict, took)
	told.Warning, told.Suggestions = q.Policy.advise(q.Event, told.Reasons, q.shown(e))
	return told
}

// breaches asks how often the password is known, and how long that took.
func (a *Assessor) breaches(ctx context.Context, q Question) (count int, known bool, took time.Duration) {
	// Half-typed passwords need not leave the house, not even five
	// characters of their hash.
	if q.Event == Typing {
		return 0, false, 0
	}
	began := a.Now()
	count, err := a.Breaches.Count(ctx, q.Password)
	took = a.Now().Sub(began)
	if err != nil {
		slog.WarnContext(ctx, "it is not known whether a password was breached", "error", err.Error())
		return 0, false, took
	}
	return count, true, took
}

// withoutGuidance returns what the control group is told: the rules, which are the
// length and that a breached password is refused where a workspace has it so. How
// strong one is, and that a breached one is let pass, is guidance. The score stays,
// so that the answer has one shape; a page must not show it.
func (q Question) withoutGuidance(a Assessment) Assessment {
	refused := q.Policy.BlockBreached && a.BreachCount > 0
	// The best score leaves nothing but the rules to judge.
	a.Verdict, a.Reasons = q.Policy.judge(q.Event, q.Password.length(), best, refused)
	if !refused {
		a.Breached, a.BreachCount = nil, 0
	}
	return a
}

// best is the highest score.
const best = 4

// shown returns the estimate as far as it may be talked about.
func (q Question) shown(e strength.Estimate) strength.Estimate {
	if q.Variant == Control {
		return strength.Estimate{}
	}
	return e
}
