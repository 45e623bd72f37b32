package token

import (
	"errors"
	"net/http"
	"time"

	"safekeep/shared/identity"
	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// MaxKeepReason is the longest reason for keeping a token, in characters.
const MaxKeepReason = 300

// errGone is for a token that cannot be kept because it is no longer good.
var errGone = problem.New(problem.Conflict, "This token is no longer good, so there is nothing to keep.")

type keepRequest struct {
	Reason string `json:"reason"`
	Until  string `json:"until"`
}

// check returns the midnight at which the keeping ends.
func (q *keepRequest) check(format Format, now time.Time) (time.Time, error) {
	if err := identity.CheckLine("reason", q.Reason, MaxKeepReason, "say why the token is kept; it stands in the ledger and in the mails"); err != nil {
		return time.Time{}, err
	}
	if len(format.Within(q.Reason)) > 0 {
		return time.Time{}, problem.Field("reason", "holds a token; reasons stand in mails and in the ledger")
	}
	until, err := time.Parse(time.DateOnly, q.Until)
	if err != nil || !until.After(now) {
		return time.Time{}, problem.Field("until", "must be a day in the future such as 2027-03-01; the token is judged again when it begins (UTC)")
	}
	return until, nil
}

// keptDetail is the detail of a token.kept entry.
type keptDetail struct {
	Name   string `json:"name"`
	Hint   string `json:"hint"`
	Reason string `json:"reason"`
	Until  string `json:"until"` // a UTC day
}

// keep leaves a token in peace: the daily sweep does not judge it until the day
// given. Keeping it again replaces day and reason.
func (s *Service) keep(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q keepRequest
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	now := s.Now().UTC()
	until, err := q.check(s.Format, now)
	if err != nil {
		return err
	}
	want := Keep{Until: until, Reason: q.Reason, By: actor, At: now}
	for range maxRaces {
		t, err := s.named(r)
		if err != nil {
			return err
		}
		if !t.GoodAt(now) {
			return errGone
		}
		if t.Kept.Until.Equal(until) && t.Kept.Reason == q.Reason { // sent again
			return web.WriteJSON(w, http.StatusOK, view(t, now))
		}
		err = s.Store.Keep(r.Context(), t, want)
		if errors.Is(err, errRaced) {
			continue
		}
		if err != nil {
			return err
		}
		t.Kept = want
		return web.WriteJSON(w, http.StatusOK, view(t, now))
	}
	return errBusy
}
