package smstest

import (
	"encoding/json"
	"net/http"
	"time"
)

// Call is a request that has come in and that nothing was done about yet. What
// it says is what the request claims.
type Call struct {
	Service string // "aws" or "twilio"
	Action  string // "send" or "check"; "" for what neither service knows
	To      string
	N       int // counts all calls, from 1
}

// Fault is what goes wrong with a call; the zero value is nothing.
type Fault struct {
	// Status is answered with a page, and without anything being done: 500, 503.
	Status int
	// Throttle refuses because there were too many calls.
	Throttle bool
	// Refuse refuses with a code: of AWS an exception and its reason, such as
	// "ConflictException DESTINATION_PHONE_NUMBER_OPTED_OUT", of Twilio a number,
	// "60410".
	Refuse string
	// Delay passes between what is done and its answer, on the wall clock. It
	// ends early when the request's context does.
	Delay time.Duration
	// LoseAnswer does what is asked and closes the connection.
	LoseAnswer bool
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
		return reply{f.Status, "text/html", []byte("<h1>The service is not at its best</h1>")}
	case f.Throttle:
		return act.refuse("")
	case f.Refuse != "":
		return act.refuse(f.Refuse)
	}
	return act.do()
}

// reply is an answer on the wire.
type reply struct {
	status int
	kind   string
	body   []byte
}

func jsonReply(status int, kind string, v any) reply {
	body, _ := json.Marshal(v) // plain texts cannot fail
	return reply{status, kind, body}
}

func (a reply) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.kind)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}
