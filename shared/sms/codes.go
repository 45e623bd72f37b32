package sms

import (
	"context"
	"io"
	"time"
)

// Sender sends one text message.
type Sender interface {
	// Name is what metrics call the sender, such as "aws".
	Name() string
	// Send returns nil when the message was sent or may have been: where an
	// answer is lost it is not sent again. Any error is ErrUnavailable,
	// ErrRefused or ErrTooMany, and means that it surely was not.
	Send(ctx context.Context, to Number, message Message) error
}

// Codes makes codes itself and has them sent. What it gives to store is a MAC,
// from which a code can be found only with the key.
//
// It counts no tries and remembers no use: whoever stores the state lets it be
// tried five times, and deletes it when a code was right.
type Codes struct {
	Sender Sender
	Text   Text
	// Secret returns what ParseKeys reads.
	Secret func(context.Context) (string, error)
	Now    func() time.Time
	Random io.Reader
}

// ownState names the states of Codes.
const ownState = "code"

// Name is what metrics call the service: its sender's name.
func (c *Codes) Name() string { return c.Sender.Name() }

// Start sends a new code for a user to a number, and returns what is to be
// stored until it is checked. Errors are ErrUnavailable, ErrRefused and
// ErrTooMany, and nothing was sent then; after a lost answer there is none,
// because the code may arrive.
func (c *Codes) Start(ctx context.Context, user string, to Number) (state string, err error) {
	keys, err := readKeys(ctx, c.Secret)
	if err != nil {
		return "", err
	}
	made, err := newCode(c.Random)
	if err != nil {
		return "", err
	}
	expires := expiry(c.Now())
	if err := c.Sender.Send(ctx, to, c.Text.with(made)); err != nil {
		return "", err
	}
	return newState(ownState, expires, keys.sign(forCode, user, to.Reveal(), expires, made.reveal())), nil
}

// Check says whether a code is the one that Start sent to that user's number
// less than ten minutes ago. Errors are ErrExpired and ErrUnavailable.
func (c *Codes) Check(ctx context.Context, user string, to Number, state, code string) (ok bool, err error) {
	expires, made, err := readState(state, ownState, c.Now())
	if err != nil {
		return false, err
	}
	keys, err := readKeys(ctx, c.Secret)
	if err != nil {
		return false, err
	}
	return keys.verify(made, forCode, user, to.Reveal(), expires, code), nil
}

// readKeys reads the secret, whose errors say nothing of its value.
func readKeys(ctx context.Context, secret func(context.Context) (string, error)) (Keys, error) {
	text, err := secret(ctx)
	if err != nil {
		return Keys{}, notInOrder(err)
	}
	keys, err := ParseKeys(text)
	if err != nil {
		return Keys{}, notInOrder(err)
	}
	return keys, nil
}
