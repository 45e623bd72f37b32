package snowflaketest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// loginRequest is what a driver sends, as far as it counts here.
type loginRequest struct {
	Data struct {
		Account       string `json:"ACCOUNT_NAME"`
		Login         string `json:"LOGIN_NAME"`
		Password      string `json:"PASSWORD"`
		Authenticator string `json:"AUTHENTICATOR"`
		Token         string `json:"TOKEN"`
		Client        string `json:"CLIENT_APP_ID"`
		Version       string `json:"CLIENT_APP_VERSION"`
	} `json:"data"`
}

// loginReply is what a driver gets.
type loginReply struct {
	Token         string      `json:"token"`
	Seconds       int         `json:"validityInSeconds"`
	Master        string      `json:"masterToken"`
	MasterSeconds int         `json:"masterValidityInSeconds"`
	DisplayName   string      `json:"displayUserName"`
	ServerVersion string      `json:"serverVersion"`
	ID            int64       `json:"sessionId"`
	Parameters    []parameter `json:"parameters"`
	Info          sessionInfo `json:"sessionInfo"`
}

type parameter struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// sessionInfo is where a session begins; what is not set is null.
type sessionInfo struct {
	Database  *string `json:"databaseName"`
	Schema    *string `json:"schemaName"`
	Warehouse *string `json:"warehouseName"`
	Role      *string `json:"roleName"`
}

// login is POST /session/v1/login-request. A refusal has status 200.
func (s *Server) login(q *request) action {
	var b loginRequest
	if json.Unmarshal(q.body, &b) != nil {
		return refusing(kindLogin, malformed)
	}
	// The host decides. A driver names the account as it was typed in, for it to
	// be known where the host is not the account's.
	account := q.account
	if account == nil {
		account, _ = s.Lookup(b.Data.Account)
	}
	query := q.URL.Query()
	at := attempt{
		token: b.Data.Token, rules: loginRules, byToken: strings.EqualFold(b.Data.Authenticator, "SNOWFLAKE_JWT"),
		login: b.Data.Login, password: b.Data.Password,
		role: query.Get("roleName"), warehouse: query.Get("warehouse"),
		database: query.Get("databaseName"), schema: query.Get("schemaName"),
		client: client{q.RemoteAddr, b.Data.Client, b.Data.Version}, now: q.now,
	}
	// In key-pair mode there is no LOGIN_NAME: the token alone says who it is.
	act := action{call: Call{Kind: kindLogin, User: strings.ToUpper(at.login)}}
	if t, ok := readToken(at.token); at.byToken && ok {
		act.call.User = t.login
	}
	if account == nil {
		act.do = func() reply { return notFound }
		return act
	}
	act.call.Account = account.name
	act.refuse = func(code, message string) reply {
		no := account.forced(code, message, q.now)
		return refused(no.code, no.message)
	}
	act.do = func() reply {
		if name := b.Data.Authenticator; !at.byToken && name != "" && !strings.EqualFold(name, "SNOWFLAKE") {
			return malformed // single sign-on and the like are not kept here
		}
		by, no := account.admit(at)
		if no != nil {
			return refused(no.code, no.message)
		}
		return begun(s.begin(session{id: newSessionID(), account: account, by: by}, q.now))
	}
	return act
}

// begun is the answer to a sign-in that succeeds. Of the parameters a driver reads
// few; telemetry stays on, as it is in production.
func begun(in session) reply {
	return reply{http.StatusOK, envelope{Success: true, Data: loginReply{
		Token: in.token, Seconds: int(tokenLife.Seconds()), Master: in.master, MasterSeconds: int(masterLife.Seconds()),
		DisplayName: in.by.user, ServerVersion: "10.0.0", ID: in.id,
		Parameters: []parameter{
			{"AUTOCOMMIT", true}, {"CLIENT_SESSION_KEEP_ALIVE", false}, {"CLIENT_TELEMETRY_ENABLED", true}, {"TIMEZONE", "UTC"},
		},
		Info: sessionInfo{orNull(in.by.database), orNull(in.by.schema), orNull(in.by.warehouse), orNull(in.by.role)},
	}}}
}

// orNull is a text, or NULL for none.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
