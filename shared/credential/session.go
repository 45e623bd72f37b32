package credential

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/problem"
	"safekeep/shared/snowflake"
	"safekeep/shared/warehouse"
	"safekeep/shared/web"
)

// SessionOpener is Snowflake as sessions are opened there.
type SessionOpener interface {
	SignIn(ctx context.Context, p snowflake.Place, proof snowflake.Proof) (snowflake.Session, error)
}

// sessionView is a session as a connector is given it. The key it was opened with
// stays here.
type sessionView struct {
	Warehouse warehouse.Kind  `json:"warehouse"`
	Version   int64           `json:"version"`
	Settings  json.RawMessage `json:"settings"`
	Session   sessionToken    `json:"session"`
	Use       usage           `json:"use"`
}

type sessionToken struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Account   string    `json:"account"`
	Host      string    `json:"host"`
}

// usage says how drivers take a session. There is no master token: a session ends
// when it ends, and the next one takes a new grant.
type usage struct {
	Go     string `json:"go"`
	Python string `json:"python"`
	Node   string `json:"node"`
}

// howToUse is the same for every session. The drivers for Python and Node ask for
// a master token as well, which they use for renewing alone. Source: gosnowflake's
// TokenAccessor, connection.py of the connector for Python, connection_config.js
// of the driver for Node.
var howToUse = usage{
	Go: "gosnowflake.Config{Account: account, Host: host, Authenticator: gosnowflake.AuthTypeTokenAccessor, TokenAccessor: a}, " +
		"where a.GetTokens() returns (token, \"\", 0)",
	Python: "snowflake.connector.connect(account=account, host=host, session_token=token, master_token=token)",
	Node: "snowflake.createConnection({account, accessUrl: 'https://' + host, sessionToken: token, masterToken: token, " +
		"sessionTokenExpirationTime: Date.parse(expires_at), masterTokenExpirationTime: Date.parse(expires_at)}), then execute, without connect",
}

var (
	errNoSession   = problem.New(problem.Conflict, "Sessions are opened for snowflake credentials only; open this one instead (POST /credentials/open).")
	errSessionLost = problem.New(problem.Unavailable, "Snowflake did not answer in time. The grant is used up; ask for a new one and try again.")
)

// sessionTime bounds a sign-in, so that the connector hears of it before Lambda's
// own time is up.
const sessionTime = 10 * time.Second

// session signs in for a connector and hands over the session, not the key.
func (s *Connector) session(w http.ResponseWriter, r *http.Request) error {
	use, err := s.admit(r, ledger.CredentialSessionOpened)
	if err != nil {
		return err
	}
	secret, err := s.unseal(r.Context(), use)
	if err != nil {
		return err
	}
	defer clear(secret)
	proof, err := ParseProof(secret)
	if err != nil {
		return err
	}
	place := use.version.Place()
	ctx, cancel := context.WithTimeout(r.Context(), sessionTime)
	defer cancel()
	session, err := s.Snowflake.SignIn(ctx, place, proof)
	var refusal *snowflake.Refusal
	switch {
	case errors.As(err, &refusal):
		s.Metrics.Add(use.now, "SessionsRefused", 1, [2]string{"Reason", string(refusal.Reason)})
		return refusedProblem(Connection{Reason: string(refusal.Reason), Explanation: refusal.Explanation, SQL: refusal.SQL})
	case err != nil:
		return errors.Join(errSessionLost, err)
	}
	s.Metrics.Add(use.now, "SessionsOpened", 1)
	return web.WriteJSON(w, http.StatusOK, sessionView{
		use.credential.Warehouse, use.version.Number, use.version.Settings,
		sessionToken{session.Reveal(), session.ExpiresAt, place.Account, snowflake.Host(place.Account)}, howToUse,
	})
}

// openable says whether what is asked for can be had of a credential.
func openable(kind ledger.Kind, c Credential) error {
	if kind == ledger.CredentialSessionOpened && c.Warehouse != warehouse.Snowflake {
		return errNoSession
	}
	return nil
}
