package hygiene

import (
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// Account is what stands of a workspace's hygiene beside the marks on its
// tokens: the figures of all runs, and which run was told of last. The ledger
// is where it comes from; it is kept so that nobody has to read years of it.
//
// The figures of the latest run are counted anew from the ledger each time, so
// a run that is repeated counts nothing twice.
type Account struct {
	Workspace string `json:"-"`
	Version   int64  `json:"-"` // counts the writes; 0 is none yet
	// At is the scheduled time of the latest run that changed something.
	At     time.Time `json:"at"`
	Before Tally     `json:"before"` // of the runs before that
	Latest Tally     `json:"latest"` // of that run
	// Digested is the scheduled time of the run whose digest was written last,
	// and Thanked how many findings people had ended by then.
	Digested time.Time `json:"digested,omitzero"`
	Thanked  int       `json:"thanked"`
}

// Tally counts, for each reason, what became of findings.
type Tally map[Reason]Funnel

// Funnel is how findings of one reason went.
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

// add returns the sum, or with sign -1 the difference.
func (f Funnel) add(g Funnel, sign int) Funnel {
	return Funnel{
		Found: f.Found + sign*g.Found, Reminded: f.Reminded + sign*g.Reminded,
		AfterFirstMail: f.AfterFirstMail + sign*g.AfterFirstMail, AfterFollowUp: f.AfterFollowUp + sign*g.AfterFollowUp,
		Later: f.Later + sign*g.Later, ByItself: f.ByItself + sign*g.ByItself, Kept: f.Kept + sign*g.Kept,
	}
}

// Open is how many have not ended.
func (f Funnel) Open() int {
	return f.Found - f.cleaned() - f.ByItself - f.Kept
}

// cleaned is how many people have ended by removing or rotating the token.
func (f Funnel) cleaned() int { return f.AfterFirstMail + f.AfterFollowUp + f.Later }

// All are the figures of all runs.
func (a Account) All() Tally { return a.Before.add(a.Latest, 1) }

func (t Tally) add(u Tally, sign int) Tally {
	sum := Tally{}
	for _, reason := range Reasons {
		sum[reason] = t[reason].add(u[reason], sign)
	}
	return sum
}

func (t Tally) equal(u Tally) bool {
	for _, reason := range Reasons {
		if t[reason] != u[reason] {
			return false
		}
	}
	return true
}

func (t Tally) cleaned() int {
	n := 0
	for _, f := range t {
		n += f.cleaned()
	}
	return n
}

// count adds one entry of the ledger.
func (t Tally) count(kind ledger.Kind, d FindingDetail) {
	f := t[d.Reason]
	switch kind {
	case ledger.TokenOrphaned, ledger.TokenUnused:
		f.Found++
	case ledger.TokenReminded:
		f.Reminded++
	case ledger.TokenCleared:
		switch d.Outcome {
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
	default:
		return
	}
	t[d.Reason] = f
}

// advance returns the account after a run at the given time, which is not
// before the latest, has been counted.
func (a Account) advance(at time.Time, tally Tally) Account {
	if at.After(a.At) {
		a.At, a.Before = at, a.All()
	}
	a.Latest = tally
	return a
}

// due says whether a run may write a digest: one a day.
func (a Account) due(at time.Time) bool {
	return a.Digested.IsZero() || token.Day(a.Digested) < token.Day(at)
}
