package tokenservice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
)

// Keys sign what is sent and verify what is answered. Both sides hold the same
// two. Previous may be empty; while the keys change it is the one that is not
// signed with, be it the old or already the new one.
type Keys struct{ current, previous string }

// minKey is the shortest key in characters: 128 bits in hex.
const minKey = 32

// The errors of a secret, none of which repeats any of it.
var (
	errKeyShape = errors.New(`the token service's secret begins like JSON and is not {"current":"…","previous":"…"}`)
	errKeyShort = errors.New("a key of the token service's secret is shorter than 32 characters; make one with: openssl rand -hex 32")
)

// ParseKeys reads the secret: {"current":"…","previous":"…"}, or the current
// key alone as plain text. A key has at least 32 characters.
func ParseKeys(secret string) (Keys, error) {
	keys := Keys{current: strings.TrimSpace(secret)}
	if strings.HasPrefix(keys.current, "{") {
		var both struct{ Current, Previous string }
		if json.Unmarshal([]byte(keys.current), &both) != nil || both.Current == "" {
			return Keys{}, errKeyShape
		}
		keys = Keys{both.Current, both.Previous}
	}
	if len(keys.current) < minKey || keys.previous != "" && len(keys.previous) < minKey {
		return Keys{}, errKeyShort
	}
	return keys, nil
}

// scheme names how a signature is made, so that a second way can be told apart.
const scheme = "v1="

// sign returns the signature of the parts, joined by dots: a request's
// timestamp, nonce and body, or an answer's nonce and body. A nonce holds no
// dot and is made by us for each try, so one can never pass for the other.
func sign(key string, parts ...string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(strings.Join(parts, ".")))
	return scheme + hex.EncodeToString(mac.Sum(nil))
}

// verify says whether one of the keys signed the parts.
func (k Keys) verify(signature string, parts ...string) bool {
	good := hmac.Equal([]byte(signature), []byte(sign(k.current, parts...)))
	if k.previous != "" {
		good = hmac.Equal([]byte(signature), []byte(sign(k.previous, parts...))) || good
	}
	return good
}

// String keeps the keys out of whatever prints them by accident.
func (Keys) String() string { return "…" }

// GoString does so for %#v.
func (Keys) GoString() string { return "…" }
