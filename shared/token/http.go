package token

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"safekeep/shared/identity"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// Directory knows the workspaces and who is in them.
type Directory interface {
	// CheckCreator returns a problem unless the workspace exists and the user
	// may make tokens in it.
	CheckCreator(ctx context.Context, workspace, user string) error
	// CheckWorkspace returns a problem unless the workspace exists.
	CheckWorkspace(ctx context.Context, workspace string) error
}

// Service answers the calls of function tokens.
type Service struct {
	Store     *Store
	Directory Directory
	Format    Format
	Now       func() time.Time
	Random    io.Reader
}

// NewService wires the service to the wall clock and the system's randomness.
func NewService(store *Store, directory Directory, format Format) *Service {
	return &Service{Store: store, Directory: directory, Format: format, Now: time.Now, Random: rand.Reader}
}

// Routes lists what the service answers.
func (s *Service) Routes() *web.Router {
	r := web.NewRouter()
	r.Handle("POST /workspaces/{workspace}/tokens", s.issue)
	r.Handle("GET /workspaces/{workspace}/tokens", s.list)
	r.Handle("GET /workspaces/{workspace}/tokens/{id}", s.get)
	r.Handle("DELETE /workspaces/{workspace}/tokens/{id}", s.revoke)
	r.Handle("POST /workspaces/{workspace}/tokens/{id}/rotate", s.rotate)
	r.Handle("POST /workspaces/{workspace}/tokens/{id}/keep", s.keep)
	r.Handle("POST /workspaces/{workspace}/tokens:import", s.importTokens)
	return r
}

// The limits of what a token may carry.
const (
	MaxName   = 100 // characters
	MaxScopes = 50
)

// validScope says whether s is a scope: RFC 6749's scope-token, kept to what
// survives logs and URLs.
func validScope(s string) bool {
	punctuation := strings.NewReplacer(".", "", "_", "", ":", "", "/", "", "*", "", "-", "")
	return s != "" && len(s) <= 64 && base62(punctuation.Replace(s))
}

type issueRequest struct {
	Name      string   `json:"name"`
	CreatedBy string   `json:"created_by"`
	Scopes    []string `json:"scopes"`
	ExpiresAt *string  `json:"expires_at"`
}

// check returns when the token is to expire, the zero time for never.
func (q *issueRequest) check(now time.Time) (expires time.Time, err error) {
	if err := checkName(q.Name); err != nil {
		return expires, err
	}
	if err := identity.Check("created_by", q.CreatedBy); err != nil {
		return expires, err
	}
	if err := checkScopes(q.Scopes); err != nil {
		return expires, err
	}
	return checkExpiry(q.ExpiresAt, now)
}

func checkScopes(scopes []string) error {
	if len(scopes) > MaxScopes {
		return problem.Field("scopes", fmt.Sprintf("holds more than %d scopes", MaxScopes))
	}
	for i, scope := range scopes {
		if !validScope(scope) {
			return problem.Field(fmt.Sprintf("scopes[%d]", i), "must be 1 to 64 characters of A-Z a-z 0-9 . _ : / * -")
		}
		if slices.Contains(scopes[:i], scope) {
			return problem.Field(fmt.Sprintf("scopes[%d]", i), "stands there twice")
		}
	}
	return nil
}

// checkExpiry returns when a token is to expire, the zero time for never.
func checkExpiry(text *string, now time.Time) (time.Time, error) {
	if text == nil {
		return time.Time{}, nil
	}
	expires, err := parseExpiry(*text)
	if err != nil || !expires.After(now) {
		return time.Time{}, problem.Field("expires_at", "must be a time in the future such as 2027-01-31T00:00:00Z, or null for never")
	}
	return expires, nil
}

// parseExpiry reads a time that can be stored and shown.
func parseExpiry(text string) (time.Time, error) {
	expires, err := time.Parse(time.RFC3339, text)
	if expires = expires.UTC(); err == nil && expires.Year() > 9999 {
		err = errors.New("the year has five digits")
	}
	return expires, err
}

func checkName(name string) error {
	return identity.CheckLine("name", name, MaxName, "say what the token is for")
}

func (s *Service) issue(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q issueRequest
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	now := s.Now().UTC()
	expires, err := q.check(now)
	if err != nil {
		return err
	}
	if len(s.Format.Within(q.Name)) > 0 {
		return problem.Field("name", "holds a token; names stand in mails and in the ledger")
	}
	workspace := r.PathValue("workspace")
	if err := s.Directory.CheckCreator(r.Context(), workspace, q.CreatedBy); err != nil {
		return err
	}
	secret, err := s.Format.Issue(s.Random)
	if err != nil {
		return err
	}
	t := Token{
		Hash: secret.Hash(), ID: idPrefix + ledger.NewSeq(), Workspace: workspace,
		Name: q.Name, Hint: secret.String(), CreatedBy: q.CreatedBy, CreatedAt: now,
		Scopes: q.Scopes, ExpiresAt: expires, Status: Active, Version: 1,
	}
	if err := s.Store.Create(r.Context(), t, actor); err != nil {
		return err
	}
	if err := s.stillThere(r.Context(), t); err != nil {
		return err
	}
	w.Header().Set("Location", r.URL.EscapedPath()+"/"+t.ID)
	return web.WriteJSON(w, http.StatusCreated, issued{view(t, now), secret.Reveal()})
}

func (s *Service) list(w http.ResponseWriter, r *http.Request) error {
	cursor, limit, err := web.Page(r)
	if err != nil {
		return err
	}
	workspace := r.PathValue("workspace")
	if err := s.Directory.CheckWorkspace(r.Context(), workspace); err != nil {
		return err
	}
	tokens, next, err := s.Store.List(r.Context(), workspace, cursor, limit)
	if err != nil {
		return err
	}
	page := struct {
		Tokens []tokenView `json:"tokens"`
		Cursor *string     `json:"cursor"`
	}{Tokens: make([]tokenView, len(tokens))}
	for i, t := range tokens {
		page.Tokens[i] = view(t, s.Now())
	}
	if next != "" {
		page.Cursor = &next
	}
	return web.WriteJSON(w, http.StatusOK, page)
}

func (s *Service) get(w http.ResponseWriter, r *http.Request) error {
	t, err := s.named(r)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, view(t, s.Now()))
}

// named returns the token that the path names.
func (s *Service) named(r *http.Request) (Token, error) {
	id := r.PathValue("id")
	if !isID(id) {
		return Token{}, ErrNotFound
	}
	return s.Store.Get(r.Context(), r.PathValue("workspace"), id)
}

func (s *Service) revoke(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	t, err := s.named(r)
	if err != nil {
		return err
	}
	if err := s.Store.Revoke(r.Context(), t, Requested, actor, s.Now().UTC()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) rotate(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q rotateRequest
	if err := web.ReadOptionalJSON(r, &q); err != nil {
		return err
	}
	overlap, err := checkOverlap(q.OverlapHours)
	if err != nil {
		return err
	}
	if err := s.checkHeir(r.Context(), r.PathValue("workspace"), q.CreatedBy); err != nil {
		return err
	}
	secret, err := s.Format.Issue(s.Random)
	if err != nil {
		return err
	}
	for range maxRaces {
		old, err := s.named(r)
		if err != nil {
			return err
		}
		now := s.Now().UTC()
		if !old.GoodAt(now) {
			return ErrEnded
		}
		if old.Successor.ID != "" {
			return errRotated(old)
		}
		creator := old.CreatedBy
		if q.CreatedBy != nil {
			creator = *q.CreatedBy
		}
		next := old.succeed(idPrefix+ledger.NewSeq(), creator, secret, now)
		until := now.Add(overlap)
		if end := old.ExpiresAt; !end.IsZero() && end.Before(until) {
			until = end // its own date comes first
		}
		err = s.Store.Rotate(r.Context(), old, next, until, actor)
		if errors.Is(err, errRaced) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.stillThere(r.Context(), next); err != nil {
			return err
		}
		w.Header().Set("Location", strings.TrimSuffix(r.URL.EscapedPath(), old.ID+"/rotate")+next.ID)
		return web.WriteJSON(w, http.StatusCreated, issued{view(next, now), secret.Reveal()})
	}
	return errBusy
}

// checkHeir returns a problem unless the workspace exists and, where a new
// creator is named, that one may make tokens in it.
func (s *Service) checkHeir(ctx context.Context, workspace string, creator *string) error {
	if creator == nil {
		return s.Directory.CheckWorkspace(ctx, workspace)
	}
	if err := identity.Check("created_by", *creator); err != nil {
		return err
	}
	return s.Directory.CheckCreator(ctx, workspace, *creator)
}

// stillThere looks again whether the workspace has ended while something new
// was made in it; then what is new ends too. Whoever ends a workspace marks it
// before looking for tokens, so one of the two sees the other.
func (s *Service) stillThere(ctx context.Context, t Token) error {
	err := s.Directory.CheckWorkspace(ctx, t.Workspace)
	if p, ok := problem.Of(err); ok && p.Kind == problem.NotFound {
		return errors.Join(err, s.Store.Revoke(ctx, t, Ended, "safekeep", s.Now().UTC()))
	}
	return err
}
