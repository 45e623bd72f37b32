package snowflaketest

import (
	"context"
	"time"
)

// What a request is, as Call says.
const (
	kindLogin  = "login"  // POST /session/v1/login-request
	kindQuery  = "query"  // POST /queries/v1/query-request
	kindSQLAPI = "sqlapi" // POST /api/v2/statements
	kindClose  = "close"  // POST /session?delete=true
	kindOther  = "other"  // all else, such as telemetry
)

// Call is a request that has come in and that nothing was done about yet. What
// it says of account and user is what the request claims.
type Call struct {
	Path    string // with its prefix
	Kind    string // "login", "query", "sqlapi", "close" or "other"
	Account string // in upper case, without region
	User    string // LOGIN_NAME in a sign-in, NAME in a session
	SQL     string
	N       int // counts all requests, from 1
}

// Fault is what goes wrong with a request; the zero value is nothing.
type Fault struct {
	// Status is answered without anything being done: 503, 429, 403.
	Status int
	// Delay passes between what is done and its answer, on the wall clock. It
	// ends early when the request's context does.
	Delay time.Duration
	// LoseAnswer does what is asked and closes the connection.
	LoseAnswer bool
	// Code refuses, without anything being done. A login is refused with it; a
	// statement fails with it, or on the SQL API with status 401 where it begins
	// with 39, as the codes of refused sign-ins do.
	Code string
	// Message goes with Code; left out, it is Snowflake's own where that is known.
	Message string
}

// ask counts a call and finds out what shall go wrong with it.
func (s *Server) ask(c Call) Fault {
	s.mu.Lock()
	s.calls++
	c.N = s.calls
	misbehave := s.Misbehave
	s.mu.Unlock() // the answer may take its time, and may use the server
	if misbehave == nil {
		return Fault{}
	}
	return misbehave(c)
}

// answer is what an action is answered under a fault; it does the action unless
// the fault prevents it.
func (f Fault) answer(act action) reply {
	switch {
	case f.Status != 0:
		return reply{f.Status, page("The service is not at its best")}
	case f.Code != "" && act.refuse != nil:
		return act.refuse(f.Code, f.Message)
	}
	return act.do()
}

func (f Fault) wait(ctx context.Context) {
	if f.Delay <= 0 {
		return
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
