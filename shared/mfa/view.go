package mfa

import (
	"net/http"
	"time"

	"safekeep/shared/web"
)

// accountView is what a sign-in page and a settings page need to know.
type accountView struct {
	User    string       `json:"user"`
	Factors []factorView `json:"factors"`
	Left    int          `json:"recovery_codes_left"`
	// Required says that a workspace of theirs demands a second factor.
	Required bool `json:"required"`
	// SSO says that all their workspaces sign in by SSO.
	SSO      bool   `json:"sso"`
	MayEnrol bool   `json:"may_enrol"`
	Ask      []Kind `json:"ask"`
	// LockedUntil is of codes from an app or a text: passkeys are never locked, and
	// recovery codes by failures of their own. It is the last second of the year 9999
	// when those codes are checked no more.
	LockedUntil *time.Time `json:"locked_until"`
}

type factorView struct {
	ID         string     `json:"id"`
	Kind       Kind       `json:"kind"`
	Hint       string     `json:"hint"`
	EnrolledAt time.Time  `json:"enrolled_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// get answers for users who never enrolled too: the sign-in page asks about
// everybody.
func (s *Service) get(w http.ResponseWriter, r *http.Request) error {
	c, err := s.read(r, nil)
	if err != nil {
		return err
	}
	a, err := s.account(c)
	if err != nil {
		return err
	}
	required, sso, err := s.rules(c)
	if err != nil {
		return err
	}
	view := accountView{
		User: c.user, Factors: []factorView{}, Left: a.Codes.Left(), Required: required, SSO: sso, MayEnrol: !sso, Ask: a.ask(),
	}
	for _, kind := range a.kinds() {
		for _, f := range a.Factors {
			if f.Kind == kind {
				view.Factors = append(view.Factors, factorView{f.ID, f.Kind, f.Hint, f.EnrolledAt, known(a.Used[f.ID])})
			}
		}
	}
	if len(a.Factors) > 0 {
		view.LockedUntil = known(s.Limits.lockedUntil(a.Tries, c.now))
	}
	return web.WriteJSON(w, http.StatusOK, view)
}

// rules are what a user's workspaces have chosen: whether one demands a second
// factor, and whether all sign in by SSO. Of somebody who is in none, neither.
func (s *Service) rules(c call) (required, sso bool, err error) {
	places, err := s.Places.OfUser(c.ctx, c.user)
	sso = len(places) > 0
	for _, place := range places {
		required = required || place.RequireMFA
		sso = sso && place.SSO
	}
	return required, sso, err
}

// known is a time, or nil for none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
