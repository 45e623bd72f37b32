// Package snowflaketest is a double of Snowflake for tests and for the local
// stack. It verifies: a token signed with another key, sent too late or made for
// another account is refused with the code that Snowflake has for it, and SQL is
// refused to a role that has no right to it. It can misbehave on demand.
//
// What it does and says follows Snowflake's docs, what its own drivers send and
// expect, and answers that others recorded. Where none of these tells, the choice
// is ours, and mostly the stricter one:
//
//   - which of several faults of a token is found first, how far a clock may be
//     ahead (10 s), and that a lock after wrong passwords keeps keys out too;
//   - that a key pair for one role wants just that role as the session's, and is
//     refused with 390144 otherwise;
//   - that of the key pairs which a rotation leaves, those that still sign in count
//     towards the limit, and the slots do not;
//   - the numbers 003002 (a value that a rule forbids) and 391902 (no JSON), the
//     wording of errors about key pairs, and status 400 for what cannot be read;
//   - that OWNERSHIP can be revoked, which gives the user back to ACCOUNTADMIN.
//
// Warehouses, databases and schemas are not kept: any name is taken. Roles are not
// granted to roles. Elliptic curves, second factors, single sign-on, bindings and
// statements that run asynchronously are left out.
package snowflaketest

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is a Snowflake with any number of accounts, for one http.Server. It may
// be used by several goroutines.
//
// Each path also works under a prefix, /myorg-myaccount/session/v1/login-request:
// that stands for a host's name, so it decides the account. Without a prefix the
// account is the one that the request names itself.
type Server struct {
	// Now is the clock, which every answer shows in its Date header. Set it before
	// the first request.
	Now func() time.Time
	// Misbehave may be nil. It is asked before each request what shall go wrong.
	// Set it before the first request, or with SetMisbehave at any time.
	Misbehave func(Call) Fault
	// Changed may be nil. It is told each statement that has changed something in
	// an account, in the order in which they did. Run again with Exec they make the
	// same users and keys, where the account has named key pairs or not as before
	// and no statement is about "the current user". Set it before the first request.
	// It must not call the account.
	Changed func(account, sql string)

	mu       sync.Mutex // guards Misbehave and all below
	calls    int
	accounts map[string]*Account
	sessions recent[session] // by session token
	masters  recent[session] // the same, by master token
}

// New returns a Snowflake without accounts, on the wall clock.
func New() *Server {
	return &Server{Now: time.Now, accounts: map[string]*Account{}}
}

// SetMisbehave replaces Misbehave while requests come in; nil ends it.
func (s *Server) SetMisbehave(misbehave func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Misbehave = misbehave
}

// Account returns the account of a name, and makes it if there is none. The name
// is an identifier as people write it, in any case: xy12345.eu-central-1.aws is
// the account XY12345.
func (s *Server) Account(name string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := accountKey(name)
	if s.accounts[key] == nil {
		s.accounts[key] = newAccount(s, name)
	}
	return s.accounts[key]
}

// Lookup returns the account of a name if there is one.
func (s *Server) Lookup(name string) (*Account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[accountKey(name)]
	return a, ok
}

// accountKey is the one spelling of an account's identifier. A region is cut off
// as drivers do; a hyphen may stand for an underscore, which hosts cannot have.
func accountKey(name string) string {
	name, _, _ = strings.Cut(name, ".")
	return strings.ReplaceAll(strings.ToUpper(name), "_", "-")
}

// maxBody is the longest request in bytes that is read: Snowflake takes SQL of
// up to 1 MB.
const maxBody = 1 << 20

// request is a request of the right path, method and size.
type request struct {
	*http.Request
	body    []byte
	account *Account // that of the URL, or nil where it names none
	now     time.Time
}

// action is what a request asks for.
type action struct {
	call   Call
	do     func() reply
	refuse func(code, message string) reply // answers a Fault's Code; nil where there is nothing to refuse
}

// refusing is the action that has the same answer whatever happens.
func refusing(kind string, answer reply) action {
	return action{call: Call{Kind: kind}, do: func() reply { return answer }}
}

// endpoint finds what stands at a path without its prefix.
func (s *Server) endpoint(path string) func(*request) action {
	switch path {
	case "/session/v1/login-request":
		return s.login
	case "/queries/v1/query-request":
		return s.query
	case "/api/v2/statements":
		return s.sqlAPI
	case "/session":
		return s.closeSession
	case "/session/token-request":
		return s.renewSession
	case "/session/heartbeat":
		return s.heartbeat
	case "/queries/v1/abort-request": // nothing runs long enough to be stopped
		return fixed(reply{http.StatusOK, envelope{Success: true}})
	case "/telemetry/send":
		return fixed(reply{http.StatusOK, envelope{Success: true, Data: "Log Received"}})
	}
	return nil
}

// fixed is an endpoint that says the same to everybody.
func fixed(answer reply) func(*request) action {
	return func(*request) action { return refusing(kindOther, answer) }
}

// ServeHTTP implements http.Handler. An answer that is to be lost ends in
// http.ErrAbortHandler, on which a server closes the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.Now()
	act := s.read(w, r, now)
	act.call.Path = r.URL.Path
	fault := s.ask(act.call)
	answer := fault.answer(act)
	fault.wait(r.Context())
	if fault.LoseAnswer {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	answer.write(w)
}

// read finds out what a request asks for, without doing it.
func (s *Server) read(w http.ResponseWriter, r *http.Request, now time.Time) action {
	q := &request{Request: r, now: now}
	serve := s.endpoint(r.URL.Path)
	if serve == nil {
		prefix, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		account, ok := s.Lookup(prefix)
		if serve = s.endpoint("/" + rest); serve == nil || !ok {
			return refusing(kindOther, notFound)
		}
		q.account = account
	}
	if r.Method != http.MethodPost {
		return refusing(kindOther, reply{http.StatusMethodNotAllowed, page("Method not allowed")})
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return refusing(kindOther, reply{http.StatusRequestEntityTooLarge, page("Request too large")})
	}
	q.body = body
	return serve(q)
}
