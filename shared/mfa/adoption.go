package mfa

import (
	"errors"
	"net/http"

	"safekeep/shared/metrics"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// adoption is how far second factors have come in a workspace. People who sign in
// by SSO elsewhere count as members without one here.
type adoption struct {
	Members  int          `json:"members"`
	Enrolled int          `json:"enrolled"` // with one factor at least
	Percent  int          `json:"percent"`  // of the members, rounded down; 0 of none
	Kinds    map[Kind]int `json:"kinds"`    // members by kind; some have several
}

// adopted counts the members of a workspace who have second factors.
func (s *Service) adopted(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("workspace")
	if err := s.Places.CheckWorkspace(ctx, id); err != nil {
		return err
	}
	found := adoption{Kinds: map[Kind]int{TOTP: 0, SMS: 0, Passkey: 0}}
	var failed error
	err := s.Places.Everybody(ctx, id, func(page []workspace.Member) {
		var users []string
		for _, m := range page {
			if m.Present() {
				users = append(users, m.User)
			}
		}
		found.Members += len(users)
		if failed == nil && len(users) > 0 {
			failed = found.count(s.Accounts.Kinds(ctx, users))
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if found.Members > 0 {
		found.Percent = 100 * found.Enrolled / found.Members
	}
	// Of a company that asks about each workspace once a day, the average is that
	// of its workspaces.
	s.Metrics.Record(s.Now(), []metrics.Value{{Name: "MfaPercent", Unit: metrics.Count, Value: float64(found.Percent)}})
	return web.WriteJSON(w, http.StatusOK, found)
}

func (a *adoption) count(kinds map[string][]Kind, err error) error {
	for _, has := range kinds {
		if len(has) > 0 {
			a.Enrolled++
		}
		for _, kind := range has {
			a.Kinds[kind]++
		}
	}
	return err
}
