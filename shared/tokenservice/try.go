package tokenservice

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// The headers of a signed message. An answer carries the last one only.
const (
	timestampHeader = "Safekeep-Timestamp" // Unix seconds
	nonceHeader     = "Safekeep-Nonce"     // random, for one try
	signatureHeader = "Safekeep-Signature"
)

const nonceLength = 16 // bytes

// passingError is one that may be gone at the next try.
type passingError struct{ text string }

func (e *passingError) Error() string { return e.text }

// What is wrong with an answer. None repeats any of it: whoever sent it chose
// it, and these stand in logs.
var (
	errSignature   = errors.New("the answer is not signed for this question by either key; the service signs nonce + \".\" + body")
	errContentType = errors.New("the answer is not application/json")
	errTooLong     = errors.New("the answer is longer than 512 kB")
	errRefused     = errors.New("the service refuses our signature; see that both sides hold the same keys and have the right time")
)

// try sends a question once. Every try has its own timestamp and nonce, so that
// the service may refuse a nonce that it has seen.
func (r *Remote) try(ctx context.Context, keys Keys, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	random := make([]byte, nonceLength)
	if _, err := io.ReadFull(r.random, random); err != nil {
		return nil, fmt.Errorf("reading random bytes: %w", err)
	}
	nonce, timestamp := hex.EncodeToString(random), strconv.FormatInt(r.now().Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the token service's address does not work")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "safekeep") // for the service's own log
	request.Header.Set(timestampHeader, timestamp)
	request.Header.Set(nonceHeader, nonce)
	request.Header.Set(signatureHeader, sign(keys.current, timestamp, nonce, string(body)))
	response, err := r.client.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	defer func() { _ = response.Body.Close() }()
	// A gateway in front of the service answers with pages of its own. So status
	// and type are looked at before a byte of the body is.
	if err := checkStatus(response.StatusCode); err != nil {
		return nil, err
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, errContentType
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, unreachable(err)
	}
	if len(answer) > maxAnswer {
		return nil, errTooLong
	}
	// The nonce in it is this try's, so an answer to anything else is found out.
	if !keys.verify(response.Header.Get(signatureHeader), nonce, string(answer)) {
		return nil, errSignature
	}
	return answer, nil
}

// checkStatus returns nil for 200 alone. What may pass is tried again; what will
// be the same the next time is not, so that its cause shows soon.
func checkStatus(status int) error {
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusTooManyRequests || status >= 500:
		return &passingError{fmt.Sprintf("the service answered %d", status)}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return errRefused
	case status >= 300 && status < 400:
		return fmt.Errorf("the service answered %d; a redirect is not followed, so give the address it leads to", status)
	default:
		return fmt.Errorf("the service answered %d, which the protocol does not have", status)
	}
}

// unreachable says what went wrong on the way without the words of the error,
// which may quote what was sent: only what the operating system says is kept.
func unreachable(err error) error {
	var system *os.SyscallError
	var dns *net.DNSError
	var timeout net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return errors.New("the service's certificate does not verify")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &passingError{"the service did not answer in time"}
	case errors.As(err, &dns):
		return &passingError{"the service's host name does not resolve"}
	case errors.As(err, &system):
		return &passingError{"the service cannot be reached: " + system.Error()}
	default:
		return &passingError{"the connection to the service broke, or what came is not HTTP"}
	}
}

// pause waits a random time before the next try, longer before a later one.
func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(time.Duration(try) * rand.N(maxPause/maxTries))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
