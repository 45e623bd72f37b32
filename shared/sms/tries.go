package sms

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// The limits of a call to a sending service, all tries together.
const (
	callTimeout = 5 * time.Second
	maxTries    = 3
	maxPause    = 400 * time.Millisecond // before the second try; twice that before the third
)

// again makes a call until it does not fail in passing, at most maxTries times.
// Only what was surely not done is tried again: a second text costs money, and
// of two codes one is wrong.
func again(ctx context.Context, try func(context.Context, *wire) error) error {
	for n := 1; ; n++ {
		w := &wire{}
		err := try(w.watch(ctx), w)
		var f *failure
		if !errors.As(err, &f) || !f.passing || n == maxTries || !pause(ctx, n) {
			// An ErrUnavailable becomes a 503, which is logged where it is answered.
			if f != nil && f.kind != ErrUnavailable {
				slog.WarnContext(ctx, "a text message was refused", "error", f.Error())
			}
			return err
		}
	}
}

// pause waits before the next try, longer before a later one, and says whether
// there is time for one.
func pause(ctx context.Context, n int) bool {
	limit := maxPause << (n - 1)
	timer := time.NewTimer(limit/2 + rand.N(limit/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// wire knows whether anything of a request may have left this machine. An error
// alone does not say: a refused connection and a lost answer look alike.
type wire struct{ open atomic.Bool }

// watch returns a context for one request over a connection of its own. With
// kept ones it could not be told whether a request was read: a Lambda is frozen
// between calls, and finds out with the next request that the other side has
// hung up since.
func (w *wire) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { w.open.Store(true) }, // after the TLS handshake
	})
}

// lost judges a request that got no answer. If it may have been read, what it
// asks for may have been done, and lost returns nil; else it is a failure, whose
// cause can be told: before a connection it quotes neither what was to be sent
// nor anybody's answer.
func (w *wire) lost(ctx context.Context, service string, err error) error {
	if w.open.Load() {
		slog.WarnContext(ctx, "no answer about a text message, which counts as sent", "service", service)
		return nil
	}
	return &failure{kind: ErrUnavailable, reason: Outage, cause: service + " cannot be reached: " + err.Error(), passing: true}
}
