package credential

import (
	"encoding/json"
	"errors"
	"net/http"

	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// replaceRequest is a new version. The secret is always handed over anew: one
// that was kept while the address changed could be sent to a stranger's host.
type replaceRequest struct {
	Name     string          `json:"name"`
	Settings json.RawMessage `json:"settings"`
	Secret   json.RawMessage `json:"secret"`
	Rotation *Policy         `json:"rotation"` // left out, it stays as it is
}

// errRetiring is for a key that would be in use and removed at the same time.
var errRetiring = problem.Field("secret.private_key", "is the key that a rotation has replaced and is about to remove from Snowflake; make another one with POST …/keypair")

// replace makes a new version of a credential. The one before can be opened by
// its number until the grace is over.
func (s *Service) replace(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q replaceRequest
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	if err := checkName(q.Name); err != nil {
		return err
	}
	if len(q.Secret) == 0 || string(q.Secret) == "null" {
		return problem.Field("secret", "is missing; hand it over with the settings, also when only they change")
	}
	ctx := r.Context()
	c, err := s.named(r)
	if err != nil {
		return err
	}
	if _, err := policyOf(q.Rotation, Policy{}, c.Warehouse); err != nil {
		return err
	}
	wanted, err := wantsTest(r)
	if err != nil {
		return err
	}
	material, err := s.material(ctx, storeRequest{c.Warehouse, q.Name, q.Settings, q.Secret, q.Rotation})
	if err != nil {
		return err
	}
	defer clear(material.Secret.Reveal())
	var connection Connection
	if wanted {
		if connection, err = s.admit(ctx, material, c.Numbers+1, s.Now().UTC()); err != nil {
			return err
		}
	}
	for range maxRaces {
		now := s.Now().UTC()
		next, err := s.seal(ctx, c, c.Numbers+1, material, now)
		if err != nil {
			return err
		}
		if c.Rotation.Step == Retiring && next.Fingerprint == c.Rotation.Old && next.Fingerprint != "" && c.Rotation.Removes(next.Fingerprint) {
			return errRetiring
		}
		c.Name, c.Connection = q.Name, connection
		if connection.State != "" {
			c.Connection.Version = next.Number
		}
		if q.Rotation != nil {
			c.Rotation.Policy = *q.Rotation
		}
		c, err = s.Store.Replace(ctx, c, next, actor)
		if errors.Is(err, ErrRaced) {
			if c, err = s.named(r); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		return web.WriteJSON(w, http.StatusOK, changedView{s.view(c), append([]string{}, material.Warnings...)})
	}
	return errBusy
}
