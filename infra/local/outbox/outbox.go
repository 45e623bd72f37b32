// Package outbox stands in for Amazon SES v2: it takes SendEmail calls, refuses
// what SES would refuse, and keeps the mails for people and tests to read
// instead of sending them.
//
// It has no sandbox, no suppression list and no sending quota of its own; a test
// that wants those says so through [Outbox.Refuse].
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// A Mail is one accepted message, as GET /local/mail shows it.
type Mail struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	// Headers holds what the message would carry: From, Reply-To, the custom ones
	// and, as SES names them, X-SES-CONFIGURATION-SET and X-SES-MESSAGE-TAGS
	// ("name=value, name=value").
	Headers map[string]string `json:"headers"`
}

// An Error is an answer that refuses a mail, such as 400 MessageRejected.
type Error struct {
	Status        int
	Code, Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// An Outbox accepts mails from one verified identity.
type Outbox struct {
	identity string

	mu      sync.Mutex
	mails   []Mail // oldest first
	refuse  func(Mail) *Error
	arrived chan struct{} // closed and replaced when a mail comes
	file    *os.File      // nil when nothing is kept
	asked   int
}

// New makes an outbox that accepts mail from identity, which is a mail address or
// a domain. When path is not empty, mails are kept in that file, a JSON object a
// line, and those already in it are read.
func New(identity, path string) (*Outbox, error) {
	o := &Outbox{identity: identity, arrived: make(chan struct{})}
	if path == "" {
		return o, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the mailbox: %w", err)
	}
	for d := json.NewDecoder(f); ; {
		var m Mail
		err := d.Decode(&m)
		if err == io.EOF {
			break
		}
		if err != nil {
			// The stack was killed while it wrote: the mails before are whole.
			if err := f.Truncate(d.InputOffset()); err != nil {
				return nil, fmt.Errorf("mending the mailbox %s: %w", path, err)
			}
			break
		}
		o.mails = append(o.mails, m)
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("opening the mailbox: %w", err)
	}
	o.file = f
	return o, nil
}

// Mails returns the accepted mails, newest first.
func (o *Outbox) Mails() []Mail {
	o.mu.Lock()
	defer o.mu.Unlock()
	mails := append([]Mail{}, o.mails...) // never nil: JSON shows [] and not null
	slices.Reverse(mails)
	return mails
}

// Asked is the number of SendEmail calls so far, refused ones included.
func (o *Outbox) Asked() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

// Wait returns the mails, newest first, as soon as done says that they are
// enough, or those there are and an error when ctx ends.
func (o *Outbox) Wait(ctx context.Context, done func([]Mail) bool) ([]Mail, error) {
	for {
		o.mu.Lock()
		arrived := o.arrived
		o.mu.Unlock()
		mails := o.Mails()
		if done(mails) {
			return mails, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return mails, fmt.Errorf("waiting for mail, of which there are %d: %w", len(mails), ctx.Err())
		}
	}
}

// Refuse lets f decide about each mail that would be accepted: what it returns,
// unless nil, is the answer. A nil f accepts all.
func (o *Outbox) Refuse(f func(Mail) *Error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuse = f
}

// Empty throws the mails away.
func (o *Outbox) Empty() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mails = nil
	if o.file != nil {
		_ = o.file.Truncate(0)
		_, _ = o.file.Seek(0, io.SeekStart)
	}
}

// Close closes the file that keeps the mails.
func (o *Outbox) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close()
		o.file = nil
	}
}

// take keeps a mail unless it is refused.
func (o *Outbox) take(m Mail) *Error {
	// The test's function is asked without the lock, so that it may look at the
	// mails there are.
	o.mu.Lock()
	o.asked++
	refuse := o.refuse
	o.mu.Unlock()
	if refuse != nil {
		if refusal := refuse(m); refusal != nil {
			return refusal
		}
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		line, err := json.Marshal(m)
		if err == nil {
			_, err = o.file.Write(append(line, '\n'))
		}
		if err != nil {
			return &Error{500, "InternalServiceErrorException", "keeping the mail: " + err.Error()}
		}
	}
	o.mails = append(o.mails, m)
	close(o.arrived)
	o.arrived = make(chan struct{})
	return nil
}
