package hygiene

import (
	"slices"

	"safekeep/shared/token"
)

// Tally counts what became of findings, for each reason, and of the tokens that
// were found, each once, whatever it was found for.
type Tally struct {
	Tokens   Funnel `json:"tokens"`
	Orphaned Funnel `json:"orphaned"`
	Unused   Funnel `json:"unused"`
}

// Funnel is how findings went.
type Funnel struct {
	Found    int `json:"found"`
	Reminded int `json:"reminded"`
	// How they ended: by people after the first mail, by people within the
	// follow-up time after the reminder, by people later than that, by
	// themselves, or because somebody chose to keep the token.
	AfterFirstMail int `json:"after_first_mail"`
	AfterFollowUp  int `json:"after_follow_up"`
	Later          int `json:"later"`
	ByItself       int `json:"by_itself"`
	Kept           int `json:"kept"`
}

// Open is how many have not ended.
func (f Funnel) Open() int { return f.Found - f.Cleaned() - f.ByItself - f.Kept }

// Cleaned is how many people have ended by removing or rotating the token.
func (f Funnel) Cleaned() int { return f.AfterFirstMail + f.AfterFollowUp + f.Later }

func (f *Funnel) end(o Outcome) {
	switch o {
	case AfterFirstMail:
		f.AfterFirstMail++
	case AfterFollowUp:
		f.AfterFollowUp++
	case Later:
		f.Later++
	case ByItself:
		f.ByItself++
	case Kept:
		f.Kept++
	}
}

// of is the funnel of a reason.
func (t *Tally) of(reason Reason) *Funnel {
	if reason == Orphaned {
		return &t.Orphaned
	}
	return &t.Unused
}

// count adds what a run found of one token.
func (t *Tally) count(s step) {
	for _, f := range s.found {
		switch funnel := t.of(f.Reason); f.Stage {
		case token.Warned:
			funnel.Found++
		case token.Reminded:
			funnel.Reminded++
		default:
			funnel.end(f.Outcome)
		}
	}
	before := []token.Mark{s.token.Orphaned, s.token.Unused}
	after := make([]token.Mark, 2)
	after[0], after[1] = marks(&s.token, s.found, s.at)
	switch {
	case !marked(before) && marked(after):
		t.Tokens.Found++
	case marked(before) && !marked(after):
		t.Tokens.end(lastOutcome(s.found))
	}
	if !reminded(before) && reminded(after) {
		t.Tokens.Reminded++
	}
}

func marked(marks []token.Mark) bool {
	return slices.ContainsFunc(marks, func(m token.Mark) bool { return m.Stage != "" })
}

func reminded(marks []token.Mark) bool {
	return slices.ContainsFunc(marks, func(m token.Mark) bool { return m.Stage == token.Reminded })
}

// outcomes are in the order in which they count for a token that had two.
var outcomes = []Outcome{ByItself, Kept, AfterFirstMail, AfterFollowUp, Later}

// lastOutcome is how a token ended whose marks came off together.
func lastOutcome(found []Finding) Outcome {
	last := -1
	for _, f := range found {
		last = max(last, slices.Index(outcomes, f.Outcome))
	}
	return outcomes[max(last, 0)]
}
