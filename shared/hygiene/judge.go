package hygiene

import (
	"time"

	"safekeep/shared/token"
)

// forward is the hour by which a clock is put forward in spring, when a day of
// a schedule in local time is short.
const forward = time.Hour

// Judge says what a run at the given time changes of a token. Told is the time
// of the run whose digest was written last: a mark that is younger has not been
// told of, so nobody is reminded of it, and a run that has told already finds no
// more. The same token, judged again after the change, changes nothing; nor
// does a run of an earlier time than the one that changed it last.
func Judge(t *token.Token, creator Creator, at, told time.Time, rules Rules) []Finding {
	if at.Before(t.SweptAt) {
		return nil
	}
	var found []Finding
	for _, reason := range Reasons {
		f := Finding{Reason: reason, Was: mark(t, reason)}
		cause, known := ended(t, reason, creator, at, rules)
		marked := f.Was.Stage != ""
		switch {
		case !known || cause != "" && !marked:
			continue
		case cause != "":
			f.Cause, f.Outcome = cause, outcome(t, f.Was, cause, told, rules)
		case at.Equal(told):
			continue
		case !marked:
			f.Stage = token.Warned
		case f.Was.Stage == token.Warned && !f.Was.Since.After(told) && !at.Before(f.Was.Since.Add(rules.FollowUp-forward)):
			f.Stage = token.Reminded
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// ended says why a reason does not hold for a token, "" when it does. Known is
// false when that cannot be said.
func ended(t *token.Token, reason Reason, creator Creator, at time.Time, rules Rules) (cause Cause, known bool) {
	switch {
	case t.Successor.ID != "": // also while the overlap lasts: its end is set
		return CauseRotated, true
	case t.Status == token.Revoked && t.RevokedReason == token.Requested:
		return CauseRemoved, true
	case t.Status == token.Revoked:
		return CauseOther, true
	case !t.GoodAt(at):
		return CauseExpired, true
	case t.KeptAt(at):
		return CauseKept, true
	case reason == Orphaned && creator == Unknown:
		return "", false
	case reason == Orphaned && creator == Present:
		return CauseReturned, true
	case reason == Unused && !unused(t, at, rules):
		return CauseUsed, true
	}
	return "", true
}

// unused says whether a token has been tracked for long enough without a use.
// Of a use only the day is known.
func unused(t *token.Token, at time.Time, rules Rules) bool {
	if at.Before(t.TrackedSince().Add(rules.Unused)) {
		return false
	}
	// Days are compared as texts: "2026-08-24" is before "2026-08-25".
	return t.LastUsedOn == "" || t.LastUsedOn <= token.Day(at.Add(-rules.Unused))
}

// outcome says how the funnel counts a finding that ended.
func outcome(t *token.Token, was token.Mark, cause Cause, told time.Time, rules Rules) Outcome {
	end := t.RevokedAt
	switch cause {
	case CauseKept:
		return Kept
	case CauseRotated:
		end = t.RotatedAt()
	case CauseRemoved:
	default:
		return ByItself
	}
	switch {
	case was.Stage == token.Warned && was.Since.After(told):
		return ByItself
	case was.Stage == token.Warned:
		return AfterFirstMail
	case end.After(was.Since.Add(rules.FollowUp)):
		return Later
	}
	return AfterFollowUp
}

// marks returns the marks of a token after the findings.
func marks(t *token.Token, found []Finding, at time.Time) (orphaned, unused token.Mark) {
	orphaned, unused = t.Orphaned, t.Unused
	for _, f := range found {
		next := token.Mark{}
		if f.Stage != "" {
			next = token.Mark{Stage: f.Stage, Since: at}
		}
		if f.Reason == Orphaned {
			orphaned = next
		} else {
			unused = next
		}
	}
	return orphaned, unused
}
