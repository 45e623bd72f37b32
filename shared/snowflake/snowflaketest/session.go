package snowflaketest

import (
	"crypto/rand"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// How long tokens live. Source: the answers recorded in the drivers' tests.
const (
	tokenLife  = time.Hour
	masterLife = 4 * time.Hour
)

// session is a session that a login has begun. It outlives the key it was begun
// with.
type session struct {
	id            int64
	account       *Account
	by            actor
	token, master string
	expires       time.Time
	masterExpires time.Time
}

// begin opens a session; with tokens of its own, it goes on as the same session.
func (s *Server) begin(from session, now time.Time) session {
	from.token, from.master = newToken(), newToken()
	from.expires, from.masterExpires = now.Add(tokenLife), now.Add(masterLife)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions.put(from.token, from)
	s.masters.put(from.master, from)
	return from
}

// end forgets a session.
func (s *Server) end(of session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions.drop(of.token)
	s.masters.drop(of.master)
}

// newToken returns something that looks like a session token to a client.
func newToken() string { return "ver:1-hint:" + rand.Text() + "-" + rand.Text() }

// newSessionID returns a number of the length that Snowflake's have.
func newSessionID() int64 {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<50))
	if err != nil {
		panic("snowflaketest: no randomness") // crypto/rand never fails
	}
	return n.Int64()
}

// presented is the token in Authorization: Snowflake Token="…".
func presented(q *request) string {
	token, _ := strings.CutPrefix(q.Header.Get("Authorization"), `Snowflake Token="`)
	return strings.TrimSuffix(token, `"`)
}

// sessionOf finds the session of a request's token, or the code of what is wrong
// with it. A host knows the sessions of its own account only.
func (s *Server) sessionOf(q *request) (session, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.sessions.get(presented(q))
	switch {
	case !ok || q.account != nil && q.account != found.account:
		return session{}, sessionUnknown
	case !q.now.Before(found.expires):
		return found, sessionExpired
	}
	return found, ""
}

// inSession is an action for whoever presents a session's token.
func (s *Server) inSession(kind string, q *request, do func(session) reply) action {
	found, code := s.sessionOf(q)
	act := action{call: Call{Kind: kind, User: found.by.user}}
	if found.account != nil {
		act.call.Account = found.account.name
	}
	act.do = func() reply {
		if code != "" {
			return refused(code, wording(code))
		}
		return do(found)
	}
	return act
}

// closeSession is POST /session?delete=true, which a driver sends when it closes
// a connection.
func (s *Server) closeSession(q *request) action {
	return s.inSession(kindClose, q, func(found session) reply {
		if q.URL.Query().Get("delete") != "true" {
			return malformed
		}
		s.end(found)
		return reply{http.StatusOK, envelope{Success: true}}
	})
}

// heartbeat is what a driver keeps a session alive with, if told to.
func (s *Server) heartbeat(q *request) action {
	return s.inSession(kindOther, q, func(session) reply {
		return reply{http.StatusOK, envelope{Success: true}}
	})
}

// renewal is what a driver gets for its master token.
type renewal struct {
	Token         string `json:"sessionToken"`
	Seconds       int    `json:"validityInSecondsST"`
	Master        string `json:"masterToken"`
	MasterSeconds int    `json:"validityInSecondsMT"`
	ID            int64  `json:"sessionId"`
}

// renewSession gives new tokens to whoever has the master token; the old ones
// end.
func (s *Server) renewSession(q *request) action {
	return action{call: Call{Kind: kindOther}, do: func() reply {
		// CLONE and ISSUE, which drivers have too, make sessions beside this one.
		var b struct {
			Type string `json:"requestType"`
		}
		if json.Unmarshal(q.body, &b) != nil || b.Type != "RENEW" {
			return malformed
		}
		s.mu.Lock()
		old, ok := s.masters.get(presented(q))
		s.mu.Unlock()
		switch {
		case !ok || q.account != nil && q.account != old.account:
			return refused(sessionUnknown, wording(sessionUnknown))
		case !q.now.Before(old.masterExpires):
			return refused(masterExpired, wording(masterExpired))
		}
		s.end(old)
		next := s.begin(old, q.now)
		return reply{http.StatusOK, envelope{Success: true, Data: renewal{
			next.token, int(tokenLife.Seconds()), next.master, int(masterLife.Seconds()), next.id,
		}}}
	}}
}
