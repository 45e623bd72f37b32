package mfa

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, the one that every app knows; HMAC does not rest on collisions
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"
)

// The parameters of RFC 6238 as every authenticator app has them: many ignore
// any others that an otpauth URI asks for.
const (
	codeDigits = 6
	stepLength = 30 * time.Second
	// seedLength is that of the HMAC's output, as RFC 4226 (4, R6) recommends.
	seedLength = 20
	// maxSkew is how many steps a phone's clock may be off, or a person slow, to
	// either side. RFC 6238 (5.2) allows one for the way; one more for the clock
	// makes a code good for 90 s in all.
	maxSkew = 1
)

// stepOf is the step that a time falls into.
func stepOf(t time.Time) int64 { return t.Unix() / int64(stepLength/time.Second) }

// codeAt is the code of a step: RFC 4226 (5.3) with the step as the counter.
func codeAt(seed []byte, step int64) string {
	mac := hmac.New(sha1.New, seed)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", codeDigits, number%1_000_000)
}

// match returns the step that a code is of, the latest if there are several, and
// whether there is one. The time that it takes says nothing about which. Whoever
// accepts the code must accept its step only once, and none before it (RFC 6238,
// 5.2): the code stays right for 90 s.
func match(seed []byte, code string, now time.Time) (step int64, ok bool) {
	current, found := stepOf(now), 0
	for s := current - maxSkew; s <= current+maxSkew; s++ {
		same := subtle.ConstantTimeCompare([]byte(codeAt(seed, s)), []byte(code))
		step = int64(subtle.ConstantTimeSelect(same, int(s), int(step)))
		found |= same
	}
	return step, found == 1
}

// isCode says whether a text is six digits, as an app or a text shows them.
func isCode(text string) bool {
	if len(text) != codeDigits {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}
