package credential

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"safekeep/shared/envelope"
	"safekeep/shared/grant"
	"safekeep/shared/metrics"
	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
	"safekeep/shared/web"
)

// Directory knows the workspaces.
type Directory interface {
	// CheckWorkspace returns a problem unless the workspace exists.
	CheckWorkspace(ctx context.Context, id string) error
	// CheckEver returns a problem unless the workspace exists or did.
	CheckEver(ctx context.Context, id string) error
}

// Sealer seals secrets, each for its context alone.
type Sealer interface {
	Seal(ctx context.Context, c envelope.Context, plaintext []byte) ([]byte, error)
}

// Service answers the calls of function credentials.
type Service struct {
	Store     *Store
	Directory Directory
	Sealer    Sealer
	Opener    Opener
	Snowflake SignIns
	Rotator   Rotator
	// Defaults are how keys are rotated whose credential does not say.
	Defaults Defaults
	Issuer   *grant.Issuer
	Grants   GrantBook
	Resolver warehouse.Resolver
	Metrics  *metrics.Recorder
	Now      func() time.Time
	Random   io.Reader
}

// NewService fills in the wall clock and the system's randomness.
func NewService(s Service) *Service {
	s.Now, s.Random = time.Now, rand.Reader
	return &s
}

// Routes lists what the service answers.
func (s *Service) Routes() *web.Router {
	r := web.NewRouter()
	r.Handle("POST /workspaces/{workspace}/credentials", s.store)
	r.Handle("GET /workspaces/{workspace}/credentials", s.list)
	r.Handle("GET /workspaces/{workspace}/credentials/{id}", s.get)
	r.Handle("PUT /workspaces/{workspace}/credentials/{id}", s.replace)
	r.Handle("DELETE /workspaces/{workspace}/credentials/{id}", s.remove)
	r.Handle("POST /workspaces/{workspace}/credentials/{id}/keypair", s.makeKeyPair)
	r.Handle("POST /workspaces/{workspace}/credentials/{id}/test", s.test)
	r.Handle("POST /workspaces/{workspace}/credentials/{id}/rotate", s.rotate)
	r.Handle("POST /workspaces/{workspace}/grants", s.issueGrant)
	r.Handle("POST /credentials/validate", s.validate)
	return r
}

// storeRequest is a credential as it is handed over. Secret may be left out for
// Snowflake: then a key pair is to be made here.
type storeRequest struct {
	Warehouse warehouse.Kind  `json:"warehouse"`
	Name      string          `json:"name"`
	Settings  json.RawMessage `json:"settings"`
	Secret    json.RawMessage `json:"secret"`
	Rotation  *Policy         `json:"rotation"` // of a Snowflake key pair
}

func (s *Service) store(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q storeRequest
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	if err := checkName(q.Name); err != nil {
		return err
	}
	ctx, now, workspace := r.Context(), s.Now().UTC(), r.PathValue("workspace")
	if err := s.Directory.CheckWorkspace(ctx, workspace); err != nil {
		return err
	}
	policy, err := policyOf(q.Rotation, Policy{}, q.Warehouse)
	if err != nil {
		return err
	}
	wanted, err := wantsTest(r)
	if err != nil {
		return err
	}
	material, err := s.material(ctx, q)
	if err != nil {
		return err
	}
	defer clear(material.Secret.Reveal())
	var connection Connection
	if wanted {
		if connection, err = s.admit(ctx, material, 1, now); err != nil {
			return err
		}
	}
	id, err := uuid.NewRandomFromReader(s.Random)
	if err != nil {
		return err
	}
	c := Credential{
		Workspace: workspace, ID: id.String(), Name: q.Name, Warehouse: q.Warehouse,
		Status: Ready, CreatedAt: now, UpdatedAt: now, Connection: connection, Rotation: Rotation{Policy: policy},
	}
	if c.Current, err = s.seal(ctx, c, 1, material, now); err != nil {
		return err
	}
	if c.Numbers = c.Current.Number; c.Numbers == 0 {
		c.Status = PendingSetup
	}
	if err := s.Store.Create(ctx, c, actor); err != nil {
		return err
	}
	if err := s.stillThere(ctx, c); err != nil {
		return err
	}
	w.Header().Set("Location", r.URL.EscapedPath()+"/"+c.ID)
	return web.WriteJSON(w, http.StatusCreated, changedView{s.view(c), append([]string{}, material.Warnings...)})
}

// validate does all that storing does but to sign in, and stores nothing.
func (s *Service) validate(w http.ResponseWriter, r *http.Request) error {
	var q storeRequest
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	if _, err := policyOf(q.Rotation, Policy{}, q.Warehouse); err != nil {
		return err
	}
	m, err := s.material(r.Context(), q)
	if err != nil {
		return err
	}
	defer clear(m.Secret.Reveal())
	answer := struct {
		Valid       bool            `json:"valid"`
		Settings    json.RawMessage `json:"settings"`
		Fingerprint *string         `json:"fingerprint"`
		Warnings    []string        `json:"warnings"`
	}{Valid: true, Settings: m.Settings, Warnings: append([]string{}, m.Warnings...)}
	if m.Fingerprint != "" {
		answer.Fingerprint = &m.Fingerprint
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

func (s *Service) list(w http.ResponseWriter, r *http.Request) error {
	cursor, limit, err := web.Page(r)
	if err != nil {
		return err
	}
	workspace := r.PathValue("workspace")
	// Of a workspace that has ended, too: what is left there can be deleted.
	if err := s.Directory.CheckEver(r.Context(), workspace); err != nil {
		return err
	}
	credentials, next, err := s.Store.List(r.Context(), workspace, cursor, limit)
	if err != nil {
		return err
	}
	page := struct {
		Credentials []credentialView `json:"credentials"`
		Cursor      *string          `json:"cursor"`
	}{Credentials: make([]credentialView, len(credentials))}
	for i, c := range credentials {
		page.Credentials[i] = s.view(c)
	}
	if next != "" {
		page.Cursor = &next
	}
	return web.WriteJSON(w, http.StatusOK, page)
}

func (s *Service) get(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, s.view(c))
}

// named returns the credential that the path names, in a workspace that exists.
func (s *Service) named(r *http.Request) (Credential, error) {
	id, ok := ParseID(r.PathValue("id"))
	if !ok {
		return Credential{}, ErrNotFound
	}
	if err := s.Directory.CheckWorkspace(r.Context(), r.PathValue("workspace")); err != nil {
		return Credential{}, err
	}
	return s.Store.Get(r.Context(), r.PathValue("workspace"), id)
}

// stillThere looks again whether the workspace has ended while a credential was
// stored in it; then that is deleted.
func (s *Service) stillThere(ctx context.Context, c Credential) error {
	err := s.Directory.CheckWorkspace(ctx, c.Workspace)
	if p, ok := problem.Of(err); ok && p.Kind == problem.NotFound {
		stored, getErr := s.Store.Get(ctx, c.Workspace, c.ID)
		if getErr != nil {
			return errors.Join(err, getErr)
		}
		return errors.Join(err, s.Store.Delete(ctx, stored, "safekeep", s.Now().UTC()))
	}
	return err
}

func (s *Service) remove(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	id, ok := ParseID(r.PathValue("id"))
	if !ok {
		return ErrNotFound
	}
	for range maxRaces {
		// Also in a workspace that has ended, and again where a delete was cut
		// off: only what is gone whole is not there.
		c, err := s.Store.Ever(r.Context(), r.PathValue("workspace"), id)
		if err != nil {
			return err
		}
		err = s.Store.Delete(r.Context(), c, actor, s.Now().UTC())
		if errors.Is(err, ErrRaced) {
			continue
		}
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return errBusy
}

// maxRaces bounds how often a change is decided anew because somebody else
// changed the same credential in between.
const maxRaces = 8
