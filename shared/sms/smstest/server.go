// Package smstest is a double of two services that send text messages, AWS End
// User Messaging SMS and Twilio Verify, for tests and for the local stack. It
// refuses what they refuse, keeps the messages instead of sending them, and can
// misbehave on demand.
//
// What it does and says follows the services' API references; where those are
// silent, a comment says that the choice is ours.
package smstest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Text is one message that was sent, as GET /local/sms shows it.
type Text struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	To   string    `json:"to"` // E.164
	Text string    `json:"text"`
}

// maxTexts is how many messages are kept.
const maxTexts = 1000

// Server is both services at one address: AWS's at /, Twilio's at /v2/. It may be
// used by several goroutines. Its fields are to be set before the first request.
type Server struct {
	// Now is the clock.
	Now func() time.Time
	// Originations are the identities of AWS that messages may come from. With
	// none, every message is refused.
	Originations []string
	// Twilio is the account there; without its ids every call is refused.
	Twilio Account
	// Misbehave may be nil. It is asked about each call what shall go wrong. Set
	// it before the first request, or with SetMisbehave at any time.
	Misbehave func(Call) Fault

	mu            sync.Mutex // guards Misbehave and all below
	calls         int
	texts         []Text // oldest first
	verifications map[string]*verification
}

// Account is an account at Twilio and one Verify service of it.
type Account struct {
	AccountSID, AuthToken, ServiceSID string
	// FriendlyName is what the messages call the service.
	FriendlyName string
}

// New returns both services without accounts, on the wall clock.
func New() *Server { return &Server{Now: time.Now, verifications: map[string]*verification{}} }

// SetMisbehave replaces Misbehave while requests come in; nil ends it.
func (s *Server) SetMisbehave(misbehave func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Misbehave = misbehave
}

// Texts returns the messages, newest first.
func (s *Server) Texts() []Text {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := append([]Text{}, s.texts...) // never nil: JSON shows [] and not null
	slices.Reverse(texts)
	return texts
}

// Calls returns how many calls there were, refused ones included.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// send keeps a message. The caller holds the lock.
func (s *Server) send(id, to, text string) {
	s.texts = append(s.texts, Text{id, s.Now().UTC(), to, text})
	if len(s.texts) > maxTexts {
		s.texts = slices.Delete(s.texts, 0, len(s.texts)-maxTexts)
	}
}

// maxBody is the longest request in bytes that is read.
const maxBody = 64 << 10

// ServeHTTP implements http.Handler. An answer that is to be lost ends in
// http.ErrAbortHandler, on which a server closes the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	var act action
	if strings.HasPrefix(r.URL.Path, "/v2/") {
		act = s.twilio(r, body)
	} else {
		act = s.aws(r, body)
	}
	fault := s.ask(act.call)
	answer := fault.answer(act)
	fault.wait(r.Context())
	if fault.LoseAnswer {
		panic(http.ErrAbortHandler)
	}
	answer.write(w)
}

// action is what a request asks for.
type action struct {
	call   Call
	do     func() reply
	refuse func(code string) reply // answers a Fault's Refuse
}

func newID(prefix string) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // cannot fail
	return prefix + hex.EncodeToString(b[:])
}

// wait passes the time that an answer takes.
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
