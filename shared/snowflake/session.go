package snowflake

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Session is a sign-in that worked. However it is printed, logged or encoded, its
// token does not come out; Reveal is the one way to it.
type Session struct {
	Identity
	// ExpiresAt is when Snowflake stops taking the token, an hour from now unless
	// the account says otherwise.
	ExpiresAt time.Time
	token     *string // behind a pointer, so that printing a struct that holds it shows an address
}

// Reveal returns the session token. It is as good as the key until it expires.
func (s Session) Reveal() string {
	if s.token == nil {
		return ""
	}
	return *s.token
}

// String tells of the session without its token.
func (s Session) String() string { return "session of " + s.User }

// LogValue implements slog.LogValuer.
func (s Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes what String does.
func (s Session) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// Format implements fmt.Formatter: %v, %+v, %#v and the rest alike.
func (s Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// loginReply is what we read of the answer to a sign-in. A refusal is HTTP 200,
// too.
type loginReply struct {
	Success bool   `json:"success"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Data    *struct {
		Token       string `json:"token"`
		Seconds     int64  `json:"validityInSeconds"`
		UserName    string `json:"displayUserName"`
		SessionInfo struct {
			Role      string `json:"roleName"`
			Warehouse string `json:"warehouseName"`
		} `json:"sessionInfo"`
	} `json:"data"`
}

// SignIn opens a session, as Snowflake's drivers do.
func (c *Client) SignIn(ctx context.Context, p Place, proof Proof) (Session, error) {
	began := c.now()
	a, err := c.call(ctx, func(ctx context.Context, _ int) (*http.Request, error) {
		data := map[string]any{
			"CLIENT_APP_ID": "Safekeep", "CLIENT_APP_VERSION": "1", "ACCOUNT_NAME": p.Account,
			"SESSION_PARAMETERS": map[string]any{},
		}
		if proof.Key != nil {
			jwt, err := signInToken(p, proof.Key, c.now())
			if err != nil {
				return nil, err
			}
			data["AUTHENTICATOR"], data["TOKEN"] = "SNOWFLAKE_JWT", jwt
		} else {
			data["LOGIN_NAME"], data["PASSWORD"] = p.User, proof.Password
		}
		return newRequest(ctx, c.base(p.Account)+"/session/v1/login-request?"+p.query(), "application/json", map[string]any{"data": data})
	})
	if err != nil {
		return Session{}, err
	}
	var reply loginReply
	readable := json.Unmarshal(a.body, &reply) == nil
	if (a.status == http.StatusNotFound || a.status == http.StatusForbidden) && (!readable || reply.Code == "") {
		return Session{}, refusalOfAccount() // there is no account at this address
	}
	if !readable || a.status != http.StatusOK && reply.Code == "" {
		return Session{}, fmt.Errorf("%w as it should (HTTP status %d)", ErrUnreachable, a.status)
	}
	if !reply.Success {
		return Session{}, explain(p, proof, reply.Code, reply.Message, a.ahead)
	}
	if reply.Data == nil || reply.Data.Token == "" || reply.Data.Seconds <= 0 {
		return Session{}, fmt.Errorf("%w as it should (no session)", ErrUnreachable)
	}
	d := reply.Data
	return Session{
		Identity:  Identity{d.UserName, d.SessionInfo.Role, d.SessionInfo.Warehouse},
		ExpiresAt: began.Add(time.Duration(d.Seconds) * time.Second).UTC().Truncate(time.Second), token: &d.Token,
	}, nil
}

// query is where a session begins.
func (p Place) query() string {
	q := url.Values{"requestId": {newRequestID()}}
	for name, value := range map[string]string{
		"roleName": p.Role, "warehouse": p.Warehouse, "databaseName": p.Database, "schemaName": p.Schema,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// signOut ends a session that was only to be tried. Should it fail, the session
// ends by itself within an hour.
func (c *Client) signOut(ctx context.Context, p Place, s Session) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := newRequest(ctx, c.base(p.Account)+"/session?delete=true&requestId="+newRequestID(), "application/json", map[string]any{})
	if err != nil {
		return
	}
	request.Header.Set("Authorization", `Snowflake Token="`+s.Reveal()+`"`)
	response, err := c.http.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
}
