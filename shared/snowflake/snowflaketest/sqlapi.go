package snowflaketest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// statementRequest is the body of a request to the SQL API, as far as it counts
// here.
type statementRequest struct {
	Statement string `json:"statement"`
	Role      string `json:"role"`
	Warehouse string `json:"warehouse"`
	Database  string `json:"database"`
	Schema    string `json:"schema"`
}

// statementReply is an answer of the SQL API, good or bad.
type statementReply struct {
	MetaData  *resultMetaData `json:"resultSetMetaData,omitempty"`
	Data      [][]*string     `json:"data,omitzero"`
	Code      string          `json:"code"`
	StatusURL string          `json:"statementStatusUrl,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	State     string          `json:"sqlState,omitempty"`
	Handle    string          `json:"statementHandle,omitempty"`
	Message   string          `json:"message"`
	Created   int64           `json:"createdOn,omitempty"` // in milliseconds since 1970
}

type resultMetaData struct {
	Rows       int         `json:"numRows"`
	Format     string      `json:"format"`
	Partitions []partition `json:"partitionInfo"`
	RowType    []column    `json:"rowType"`
}

type partition struct {
	Rows int `json:"rowCount"`
}

// sqlAPI is POST /api/v2/statements. Nothing runs asynchronously here. A request
// that was answered is not done again when it comes with the same requestId and
// retry=true; without retry it is.
func (s *Server) sqlAPI(q *request) action {
	act := action{call: Call{Kind: kindSQLAPI}}
	bearer, hasBearer := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer ")
	account := q.account
	if t, ok := readToken(bearer); ok {
		act.call.User = t.login
		if account == nil {
			account, _ = s.Lookup(t.account)
		}
	}
	// Read even if it will be refused: a fault may depend on the statement.
	var b statementRequest
	readable := json.Unmarshal(q.body, &b) == nil
	act.call.SQL = b.Statement
	if account != nil {
		act.call.Account = account.name
		act.refuse = func(code, message string) reply {
			if !authenticates(code) {
				return answerTo(q, Result{}, forcedError(code, message))
			}
			no := account.forced(code, message, q.now)
			return unanswered(&Error{Code: no.code, Message: no.message})
		}
	}
	act.do = func() reply {
		switch e := misaddressed(q, hasBearer); {
		case e != nil:
			return unanswered(e)
		case !readable, q.URL.Query().Get("async") == "true":
			return malformed
		case account == nil:
			return unanswered(&Error{Code: tokenInvalid, Message: "JWT token is invalid. [" + newUUID() + "]"})
		}
		return account.statement(q, b, bearer)
	}
	return act
}

// misaddressed is what is wrong with the headers of a request, or nil. What the
// original looks at first is not known.
func misaddressed(q *request, hasBearer bool) *Error {
	kind := q.Header.Get("X-Snowflake-Authorization-Token-Type")
	switch {
	case q.UserAgent() == "":
		return &Error{Code: userAgentMissing, Message: "The request has no User-Agent header."}
	case !strings.HasPrefix(q.Header.Get("Content-Type"), "application/json"):
		return &Error{Code: wrongContentType, Message: "The Content-Type is not application/json."}
	case !hasBearer:
		return &Error{Code: noAuthorization, Message: "Authorization header not found in the request data."}
	case kind != "KEYPAIR_JWT" && kind != "": // without the header the token itself tells
		return &Error{Code: notAnOAuthToken, Message: "Invalid OAuth access token. [" + newUUID() + "]"}
	}
	return nil
}

// statement lets the caller in and runs its statement.
func (a *Account) statement(q *request, b statementRequest, token string) reply {
	by, no := a.admit(attempt{
		token: token, byToken: true, rules: sqlAPIRules,
		role: b.Role, warehouse: b.Warehouse, database: b.Database, schema: b.Schema,
		client: client{q.RemoteAddr, "OTHER", ""}, now: q.now,
	})
	if no != nil {
		if no.code == roleNotGranted {
			no.code = roleNotHeld // its number here, recorded by others
		}
		return unanswered(&Error{Code: no.code, Message: no.message})
	}
	// The lock is held until the answer is kept, so a retry that overtakes the
	// request it repeats waits for it.
	a.mu.Lock()
	defer a.mu.Unlock()
	id := q.URL.Query().Get("requestId")
	key := by.user + " " + id
	if before, ok := a.answers.get(key); ok && q.URL.Query().Get("retry") == "true" {
		return before
	}
	result, err := a.runLocked(b.Statement, by, q.now)
	answer := answerTo(q, result, err)
	if id != "" {
		a.answers.put(key, answer)
	}
	return answer
}

// answerTo is the answer to a request that was let in.
func answerTo(q *request, result Result, err error) reply {
	handle, id := newUUID(), q.URL.Query().Get("requestId")
	if err != nil {
		e := coded(err)
		if e.Code == emptyStatement {
			return unanswered(e)
		}
		return reply{http.StatusUnprocessableEntity, statementReply{
			Code: e.Code, State: e.State, Message: e.Message, Handle: handle, Created: q.now.UnixMilli(),
		}}
	}
	return reply{http.StatusOK, statementReply{
		MetaData: &resultMetaData{
			Rows: len(result.Rows), Format: "jsonv2", Partitions: []partition{{len(result.Rows)}}, RowType: result.columns(),
		},
		Data: result.rows(), Code: "090001", State: "00000", Handle: handle, RequestID: id,
		StatusURL: "/api/v2/statements/" + handle + "?requestId=" + id,
		Message:   "Statement executed successfully.", Created: q.now.UnixMilli(),
	}}
}

// unanswered is the answer to a request that was not let in, or has nothing to
// run. The codes that have status 400 were recorded so by others.
func unanswered(e *Error) reply {
	status := http.StatusUnauthorized
	switch e.Code {
	case userAgentMissing, wrongContentType, noAuthorization, roleNotHeld, emptyStatement:
		status = http.StatusBadRequest
	}
	return reply{status, statementReply{Code: e.Code, State: e.State, Message: e.Message}}
}

// authenticates says whether a code is one of refused sign-ins.
func authenticates(code string) bool { return strings.HasPrefix(code, "39") }
