package credential

import (
	"context"
	"net/http"
	"time"

	"safekeep/shared/grant"
	"safekeep/shared/ledger"
	"safekeep/shared/web"
)

// GrantBook tells the ledger of grants.
type GrantBook interface {
	Write(ctx context.Context, entry ledger.Entry) error
}

type grantRequest struct {
	Credentials []string      `json:"credentials"` // ids or references
	Purpose     grant.Purpose `json:"purpose"`
	Run         string        `json:"run"`
}

// grantView is a grant as it is handed over, this once.
type grantView struct {
	Grant     string    `json:"grant"`
	ExpiresAt time.Time `json:"expires_at"`
}

// grantedDetail is the detail of a grant.issued entry.
type grantedDetail struct {
	Credentials []string      `json:"credentials"`
	Purpose     grant.Purpose `json:"purpose"`
	Run         string        `json:"run"`
	ExpiresAt   time.Time     `json:"expires_at"`
}

// issueGrant lets the connector of one run open certain credentials, once each.
// A credential of another workspace is as if it were not there.
func (s *Service) issueGrant(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q grantRequest
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	ctx, now, workspace := r.Context(), s.Now().UTC(), r.PathValue("workspace")
	for i, text := range q.Credentials {
		if id, ok := ParseID(text); ok {
			q.Credentials[i] = id
		}
	}
	g, err := grant.New(workspace, q.Credentials, q.Purpose, q.Run, now)
	if err != nil {
		return err
	}
	if err := s.Directory.CheckWorkspace(ctx, workspace); err != nil {
		return err
	}
	if missing, err := s.Store.Missing(ctx, workspace, g.Credentials); err != nil || missing != "" {
		if err == nil {
			err = ErrNotFound
		}
		return err
	}
	token, err := s.Issuer.Issue(ctx, g)
	if err != nil {
		return err
	}
	if err := s.Grants.Write(ctx, ledger.New(workspace, now, ledger.GrantIssued, actor, g.ID, grantedDetail{
		g.Credentials, g.Purpose, g.Run, g.ExpiresAt,
	})); err != nil {
		return err
	}
	s.Metrics.Add(now, "GrantsIssued", 1)
	return web.WriteJSON(w, http.StatusCreated, grantView{token.Reveal(), g.ExpiresAt})
}
