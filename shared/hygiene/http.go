package hygiene

import (
	"context"
	"net/http"
	"time"

	"safekeep/shared/token"
	"safekeep/shared/web"
)

// Service answers GET /workspaces/{workspace}/hygiene.
type Service struct {
	Tokens interface {
		// EachWithLeaked calls yield with all active tokens, and those that
		// leaked since a time, page by page.
		EachWithLeaked(ctx context.Context, workspace string, since time.Time, yield func([]token.Token) error) error
	}
	Book interface {
		Account(ctx context.Context, workspace string) (Account, error)
	}
	Directory interface {
		// CheckWorkspace returns a problem unless the workspace exists.
		CheckWorkspace(ctx context.Context, id string) error
	}
	Now func() time.Time
}

// AddTo adds the route to those of the function that serves it.
func (s *Service) AddTo(r *web.Router) {
	r.Handle("GET /workspaces/{workspace}/hygiene", s.show)
}

// leakedFor is how long ago a token may have leaked to be counted.
const leakedFor = 90 * 24 * time.Hour

// inventory is how the API shows a workspace's hygiene: what the tokens look
// like now, as the last sweep marked them, and what became of all findings.
type inventory struct {
	Tokens     int        `json:"tokens"` // that are good now
	Orphaned   int        `json:"orphaned"`
	Unused     int        `json:"unused"`
	NeverUsed  int        `json:"never_used"` // of those unused
	Kept       int        `json:"kept"`
	Leaked     int        `json:"leaked"` // first reported in the last 90 days, whether ended since or not
	DigestedAt *time.Time `json:"digested_at"`
	Funnel     funnelView `json:"funnel"`
}

type funnelView struct {
	Tokens   outcomeView `json:"tokens"` // each once, whatever it was found for
	Orphaned outcomeView `json:"orphaned"`
	Unused   outcomeView `json:"unused"`
}

type outcomeView struct {
	Funnel
	Open int `json:"open"`
}

func outcomesOf(f Funnel) outcomeView { return outcomeView{f, f.Open()} }

func (i *inventory) count(t *token.Token, now time.Time) {
	if t.ExposedAt.After(now.Add(-leakedFor)) {
		i.Leaked++
	}
	if !t.GoodAt(now) {
		return
	}
	i.Tokens++
	if t.KeptAt(now) {
		i.Kept++
	}
	orphaned, unused := t.Findings(now)
	if orphaned.Stage != "" {
		i.Orphaned++
	}
	if unused.Stage != "" {
		i.Unused++
		if neverUsed(t.LastUsedOn, t.ImportedAt) {
			i.NeverUsed++
		}
	}
}

// neverUsed says whether nobody has ever used a token: one that was imported may
// have been used before anybody here kept count.
func neverUsed(lastUsedOn string, importedAt time.Time) bool {
	return lastUsedOn == "" && importedAt.IsZero()
}

func (s *Service) show(w http.ResponseWriter, r *http.Request) error {
	ctx, workspace, now := r.Context(), r.PathValue("workspace"), s.Now().UTC()
	if err := s.Directory.CheckWorkspace(ctx, workspace); err != nil {
		return err
	}
	account, err := s.Book.Account(ctx, workspace)
	if err != nil {
		return err
	}
	view := inventory{Funnel: funnelView{
		Tokens: outcomesOf(account.Tally.Tokens), Orphaned: outcomesOf(account.Tally.Orphaned), Unused: outcomesOf(account.Tally.Unused),
	}}
	if !account.Told.IsZero() {
		view.DigestedAt = &account.Told
	}
	err = s.Tokens.EachWithLeaked(ctx, workspace, now.Add(-leakedFor), func(page []token.Token) error {
		for i := range page {
			view.count(&page[i], now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, view)
}
