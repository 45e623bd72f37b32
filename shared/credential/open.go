package credential

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"safekeep/shared/envelope"
	"safekeep/shared/grant"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
	"safekeep/shared/web"
)

// Vault is where a connector's credentials stand.
type Vault interface {
	// Get returns a credential, consistently, or ErrNotFound.
	Get(ctx context.Context, workspace, id string) (Credential, error)
	// Replaced returns a version that was replaced, or ErrNotFound.
	Replaced(ctx context.Context, workspace, id string, number int64, now time.Time) (Version, error)
	// Use writes that a grant is used for a credential, and the entry that
	// tells of it, together and only while the credential is the one that was
	// read: else it is ErrRaced, and errUsed for a grant that was used before.
	Use(ctx context.Context, g grant.Grant, c Credential, entry ledger.Entry, now time.Time) error
}

// Opener opens what was sealed, in its context alone.
type Opener interface {
	Open(ctx context.Context, c envelope.Context, message []byte) ([]byte, error)
}

// Connector answers the calls of function connect.
type Connector struct {
	Vault    Vault
	Opener   Opener
	Verifier *grant.Verifier
	// Snowflake is where sessions are opened.
	Snowflake SessionOpener
	Metrics   *metrics.Recorder
	Now       func() time.Time
}

// Routes lists what a connector may call.
func (s *Connector) Routes() *web.Router {
	r := web.NewRouter()
	r.Handle("POST /credentials/open", s.open)
	r.Handle("POST /credentials/session", s.session)
	return r
}

var errUsed = problem.New(problem.Conflict, "This grant was used for this credential already; ask for a new one.")

type openRequest struct {
	Grant      grant.Token `json:"grant"`
	Credential string      `json:"credential"` // an id or a reference
	// Version names one that was replaced; left out, it is the current one.
	Version *int64 `json:"version"`
}

// used is a use of a grant that stands in the ledger.
type used struct {
	credential Credential
	version    Version
	now        time.Time
}

// errMaybeSpent is for a table that does not answer while the grant is used.
var errMaybeSpent = problem.New(problem.Unavailable, "The tables did not answer in time. The grant may be used up; ask for a new one and try again.")

// opened is what a connector is given. Nothing else in Safekeep shows a secret.
type opened struct {
	Warehouse warehouse.Kind  `json:"warehouse"`
	Version   int64           `json:"version"`
	Settings  json.RawMessage `json:"settings"`
	Secret    json.RawMessage `json:"secret"`
}

// openedDetail is the detail of a credential.opened or credential.session_opened
// entry.
type openedDetail struct {
	Name        string         `json:"name"`
	Warehouse   warehouse.Kind `json:"warehouse"`
	Version     int64          `json:"version"`
	Fingerprint string         `json:"fingerprint,omitempty"`
	Purpose     grant.Purpose  `json:"purpose"`
	Run         string         `json:"run"`
	Grant       string         `json:"grant"`
}

func (s *Connector) open(w http.ResponseWriter, r *http.Request) error {
	use, err := s.admit(r, ledger.CredentialOpened)
	if err != nil {
		return err
	}
	secret, err := s.unseal(r.Context(), use)
	if err != nil {
		return err
	}
	defer clear(secret)
	c, v := use.credential, use.version
	s.Metrics.Add(use.now, "CredentialsOpened", 1, [2]string{"Warehouse", string(c.Warehouse)})
	return web.WriteJSON(w, http.StatusOK, opened{c.Warehouse, v.Number, v.Settings, secret})
}

// admit checks the grant of a request and uses it: from here on the story tells
// of something of that kind.
func (s *Connector) admit(r *http.Request, kind ledger.Kind) (used, error) {
	var q openRequest
	if err := web.ReadJSON(r, &q); err != nil {
		return used{}, err
	}
	ctx, now := r.Context(), s.Now().UTC()
	g, err := s.Verifier.Verify(ctx, q.Grant.Reveal(), now)
	if err != nil {
		return used{}, s.refuse(ctx, now, grant.Reason(err), g, err)
	}
	id, ok := ParseID(q.Credential)
	if !ok || !g.Covers(id) {
		return used{}, s.refuse(ctx, now, "not_granted", g, ErrNotFound)
	}
	// The principal alone: a connector speaks for nobody else.
	use, err := s.use(ctx, g, id, q.Version, kind, web.Principal(r), now)
	if err != nil {
		return used{}, s.refuse(ctx, now, "not_open", g, err)
	}
	return use, nil
}

// unseal opens what a use is of.
func (s *Connector) unseal(ctx context.Context, use used) ([]byte, error) {
	c, v := use.credential, use.version
	secret, err := s.Opener.Open(ctx, SealContext(c.Workspace, c.ID, v.Number), v.Sealed)
	if err != nil {
		return nil, unopened(err)
	}
	return secret, nil
}

// use finds the version that is wanted and uses the grant for it. First the
// story, then the secret: whoever is killed in between leaves a line of something
// that did not happen, never the other way round.
func (s *Connector) use(ctx context.Context, g grant.Grant, id string, number *int64, kind ledger.Kind, actor string, now time.Time) (used, error) {
	for range maxRaces {
		c, v, err := s.find(ctx, g, id, number, now)
		if err == nil {
			err = openable(kind, c)
		}
		if err != nil {
			return used{}, err
		}
		err = s.Vault.Use(ctx, g, c, ledger.New(g.Workspace, now, kind, actor, id, openedDetail{
			Name: c.Name, Warehouse: c.Warehouse, Version: v.Number, Fingerprint: v.Fingerprint,
			Purpose: g.Purpose, Run: g.Run, Grant: g.ID,
		}), now)
		if !errors.Is(err, ErrRaced) {
			return used{c, v, now}, err
		}
	}
	return used{}, errBusy
}

// find returns the credential and the version that is wanted of it. A key pair
// that waits for the customer's SQL is given by its number, and where there is
// nothing else: that it signs in is how one learns that the SQL was run.
func (s *Connector) find(ctx context.Context, g grant.Grant, id string, number *int64, now time.Time) (Credential, Version, error) {
	c, err := s.Vault.Get(ctx, g.Workspace, id)
	switch {
	case err != nil:
		return c, Version{}, err
	case c.Pending.Number > 0 && (number == nil && len(c.Current.Sealed) == 0 || number != nil && *number == c.Pending.Number):
		return c, c.Pending, nil
	case number != nil && *number != c.Current.Number:
		v, err := s.Vault.Replaced(ctx, g.Workspace, id, *number, now)
		return c, v, err
	case len(c.Current.Sealed) == 0:
		return c, Version{}, errEmpty
	default:
		return c, c.Current, nil
	}
}

// refuse counts an open that was not granted, and says so in the log without
// the grant. Other errors pass through it.
func (s *Connector) refuse(ctx context.Context, now time.Time, reason string, g grant.Grant, err error) error {
	if errors.Is(err, errUsed) {
		reason = "used"
	}
	if p, ok := problem.Of(err); ok && p.Kind != problem.Unavailable {
		s.Metrics.Add(now, "OpensRefused", 1)
		slog.WarnContext(ctx, "open refused", "reason", reason, "grant", g.ID, "workspace", g.Workspace, "run", g.Run)
	}
	return err
}

// errGrantSpent is for a key service that does not answer after the grant was
// used.
var errGrantSpent = problem.New(problem.Unavailable, "The key service did not answer in time. The grant is used up; ask for a new one and try again.")

// unopened says what became of an open that failed after it was noted.
func unopened(err error) error {
	if errors.Is(err, envelope.ErrUnavailable) {
		return errors.Join(errGrantSpent, err)
	}
	return err // a message that is not what we sealed: for the log, not the caller
}
