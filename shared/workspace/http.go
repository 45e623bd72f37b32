package workspace

import (
	"net/http"
	"time"

	"safekeep/shared/identity"
	"safekeep/shared/ledger"
	"safekeep/shared/web"
)

// Service answers the calls of function workspaces.
type Service struct {
	Store  *Store
	Ledger *ledger.Store
	Tokens Tokens
	Now    func() time.Time
}

// Routes lists what the service answers.
func (s *Service) Routes() *web.Router {
	r := web.NewRouter()
	r.Handle("PUT /workspaces/{workspace}", s.put)
	r.Handle("GET /workspaces/{workspace}", s.get)
	r.Handle("DELETE /workspaces/{workspace}", s.end)
	r.Handle("GET /workspaces/{workspace}/members", s.members)
	r.Handle("PUT /workspaces/{workspace}/members", s.sync)
	r.Handle("PUT /workspaces/{workspace}/members/{user}", s.putMember)
	r.Handle("DELETE /workspaces/{workspace}/members/{user}", s.removeMember)
	r.Handle("GET /workspaces/{workspace}/ledger", s.listLedger)
	return r
}

type workspaceView struct {
	Workspace      string         `json:"workspace"`
	Name           string         `json:"name"`
	AutoRevoke     bool           `json:"auto_revoke"`
	SSO            bool           `json:"sso"`
	RequireMFA     bool           `json:"require_mfa"`
	PasswordPolicy passwordPolicy `json:"password_policy"`
	CreatedAt      time.Time      `json:"created_at"`
}

// passwordPolicy is what a workspace asks of its people's passwords.
type passwordPolicy struct {
	BlockBreached bool `json:"block_breached"`
}

func viewWorkspace(w Workspace) workspaceView {
	return workspaceView{w.ID, w.Name, w.AutoRevoke, w.SSO, w.RequireMFA, passwordPolicy{w.BlockBreached}, w.CreatedAt}
}

func (s *Service) put(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("workspace")
	if err := identity.Check("workspace", id); err != nil {
		return err
	}
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q struct {
		Name           string         `json:"name"`
		AutoRevoke     *bool          `json:"auto_revoke"`
		SSO            bool           `json:"sso"`
		RequireMFA     bool           `json:"require_mfa"`
		PasswordPolicy passwordPolicy `json:"password_policy"`
	}
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	if err := checkName(q.Name); err != nil {
		return err
	}
	// Whoever says nothing is protected.
	want := Workspace{
		ID: id, Name: q.Name, AutoRevoke: q.AutoRevoke == nil || *q.AutoRevoke, SSO: q.SSO,
		RequireMFA: q.RequireMFA, BlockBreached: q.PasswordPolicy.BlockBreached,
	}
	now, err := s.Store.Put(r.Context(), want, actor, s.Now().UTC())
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, viewWorkspace(now))
}

func (s *Service) get(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Store.Get(r.Context(), r.PathValue("workspace"))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, viewWorkspace(found))
}

type memberView struct {
	User    string    `json:"user"`
	Email   string    `json:"email"`
	Role    Role      `json:"role"`
	AddedAt time.Time `json:"added_at"`
}

func viewMember(m Member) memberView { return memberView{m.User, m.Email, m.Role, m.AddedAt} }

func (s *Service) members(w http.ResponseWriter, r *http.Request) error {
	cursor, limit, err := web.Page(r)
	if err != nil {
		return err
	}
	if err := s.Store.CheckWorkspace(r.Context(), r.PathValue("workspace")); err != nil {
		return err
	}
	members, next, err := s.Store.Members(r.Context(), r.PathValue("workspace"), cursor, limit)
	if err != nil {
		return err
	}
	page := struct {
		Members []memberView `json:"members"`
		Cursor  *string      `json:"cursor"`
	}{Members: make([]memberView, len(members))}
	for i, m := range members {
		page.Members[i] = viewMember(m)
	}
	if next != "" {
		page.Cursor = &next
	}
	return web.WriteJSON(w, http.StatusOK, page)
}

func (s *Service) putMember(w http.ResponseWriter, r *http.Request) error {
	m := Member{Workspace: r.PathValue("workspace"), User: r.PathValue("user")}
	if err := identity.Check("user", m.User); err != nil {
		return err
	}
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q struct {
		Email string `json:"email"`
		Role  Role   `json:"role"`
	}
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	if err := checkEmail("email", q.Email); err != nil {
		return err
	}
	if err := checkRole("role", q.Role); err != nil {
		return err
	}
	if err := s.Store.CheckWorkspace(r.Context(), m.Workspace); err != nil {
		return err
	}
	m.Email, m.Role = q.Email, q.Role
	m, err = s.Store.PutMember(r.Context(), m, actor, s.Now().UTC())
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, viewMember(m))
}

func (s *Service) removeMember(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	err = s.Store.RemoveMember(r.Context(), r.PathValue("workspace"), r.PathValue("user"), actor, s.Now().UTC())
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) listLedger(w http.ResponseWriter, r *http.Request) error {
	cursor, limit, err := web.Page(r)
	if err != nil {
		return err
	}
	// Of an ended workspace too: that is when it is asked for.
	if _, err := s.Store.Ever(r.Context(), r.PathValue("workspace")); err != nil {
		return err
	}
	entries, next, err := s.Ledger.List(r.Context(), r.PathValue("workspace"), cursor, limit)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, ledger.View(entries, next))
}
