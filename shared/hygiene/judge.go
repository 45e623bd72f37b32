package hygiene

import (
	"time"

	"safekeep/shared/token"
)

// Judge says what a run at the given time changes of a token. The same token,
// judged again after the change, changes nothing; nor does a run of an earlier
// time than the one that changed it last.
func Judge(t *token.Token, creator Creator, at time.Time, rules Rules) []Finding {
	if at.Before(t.SweptAt) {
		return nil
	}
	var found []Finding
	for _, reason := range Reasons {
		f := Finding{Reason: reason, Was: mark(t, reason)}
		cause, known := stands(t, reason, creator, at, rules)
		switch {
		case !known:
			continue
		case cause != "" && f.Was.Stage != "":
			f.Cause, f.Outcome = cause, outcome(t, f.Was, cause, rules)
		case cause != "":
			continue
		case f.Was.Stage == "":
			f.Stage = token.Warned
		case f.Was.Stage == token.Warned && !at.Before(f.Was.Since.Add(rules.FollowUp-forward)):
			f.Stage = token.Reminded
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// stands says whether a reason holds for a token: the cause is "" when it does,
// and else why it does not. Known is false when that cannot be said.
func stands(t *token.Token, reason Reason, creator Creator, at time.Time, rules Rules) (cause Cause, known bool) {
	switch {
	case t.Successor.ID != "": // also while the overlap lasts: its end is set
		return Replaced, true
	case t.Status == token.Revoked && t.RevokedReason == token.Requested:
		return Removed, true
	case t.Status == token.Revoked:
		return Elsewhere, true
	case !t.GoodAt(at):
		return Expired, true
	case t.KeptAt(at):
		return Chosen, true
	case reason == Orphaned && creator == Unknown:
		return "", false
	case reason == Orphaned && creator == Present:
		return Returned, true
	case reason == Unused && !unused(t, at, rules):
		return Used, true
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
func outcome(t *token.Token, was token.Mark, cause Cause, rules Rules) Outcome {
	ended := t.RevokedAt
	switch cause {
	case Chosen:
		return Kept
	case Replaced:
		ended = t.RotatedAt()
	case Removed:
	default:
		return ByItself
	}
	switch {
	case was.Stage == token.Warned:
		return AfterFirstMail
	case ended.After(was.Since.Add(rules.FollowUp)):
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
