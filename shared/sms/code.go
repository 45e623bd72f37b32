package sms

import (
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// How a code is made and how long it lives. Six digits and ten minutes: NIST SP
// 800-63B-4, 3.1.3.2. With five tries, a code is guessed once in 200,000.
const (
	codeLength = 6
	lifetime   = 10 * time.Minute
)

// code is a sign-in code. It never prints.
type code struct{ hidden }

// newCode makes a code, each of the million as likely as the others.
func newCode(random io.Reader) (code, error) {
	n, err := rand.Int(random, big.NewInt(1_000_000)) // draws again rather than fold
	if err != nil {
		return code{}, fmt.Errorf("making a code: %w", err)
	}
	return code{hide(fmt.Sprintf("%0*d", codeLength, n))}, nil
}

// isDigits says whether a text is of so many digits.
func isDigits(text string, least, most int) bool {
	return len(text) >= least && len(text) <= most && strings.Trim(text, "0123456789") == ""
}

// expiry returns when what is begun now is over, in Unix seconds.
func expiry(now time.Time) string { return strconv.FormatInt(now.Add(lifetime).Unix(), 10) }

// newState returns what is stored between Start and Check: the name of the
// service, when the code expires, and whatever the service needs, joined by
// dots.
func newState(service, expires, more string) string {
	return strings.Join([]string{service, expires, more}, ".")
}

// readState returns what newState was given. A state that is over is
// ErrExpired; so is another service's, so that the sender can be changed at any
// time.
func readState(state, service string, now time.Time) (expires, more string, err error) {
	name, rest, _ := strings.Cut(state, ".")
	expires, more, _ = strings.Cut(rest, ".")
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if name != service || err != nil || now.Unix() >= seconds {
		return "", "", ErrExpired
	}
	return expires, more, nil
}
