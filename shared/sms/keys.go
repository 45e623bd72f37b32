package sms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
)

// Keys authenticate codes and stand for phone numbers in the table. Current
// makes, both verify.
//
// Functions read the secret again every five minutes, so to change the key
// without a gap put the new one in as hmac_previous, swap the two after ten
// minutes, and take the old one out another twenty minutes later. The counters
// of numbers begin anew with the swap.
//
// The keys stand behind pointers because fmt prints an address for those, where
// Keys is in a field that is unexported.
type Keys struct{ current, previous *string }

// minKey is the shortest key in bytes, as long as what HMAC-SHA-256 makes.
// Source: RFC 2104, 3.
const minKey = 32

// The errors of a secret, none of which repeats any of it.
var (
	errKeyShape = errors.New(`the secret of text messages is not {"hmac_current":"…","hmac_previous":"…"}`)
	errKeyShort = errors.New("a key of the secret of text messages is not hex or base64 of at least 32 bytes; make one with: openssl rand -hex 32")
)

// ParseKeys reads {"hmac_current":"…","hmac_previous":"…"}, each hex or base64
// of at least 32 bytes; hmac_previous may be empty or left out.
func ParseKeys(secret string) (Keys, error) {
	var both struct {
		Current  string `json:"hmac_current"`
		Previous string `json:"hmac_previous"`
	}
	if json.Unmarshal([]byte(secret), &both) != nil || both.Current == "" {
		return Keys{}, errKeyShape
	}
	current, ok := decodeKey(both.Current)
	if !ok {
		return Keys{}, errKeyShort
	}
	keys := Keys{current: &current}
	if both.Previous != "" {
		previous, ok := decodeKey(both.Previous)
		if !ok {
			return Keys{}, errKeyShort
		}
		keys.previous = &previous
	}
	return keys, nil
}

// decodeKey takes hex before base64, which 64 characters of hex are too.
func decodeKey(text string) (string, bool) {
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString,
		base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if key, err := decode(text); err == nil {
			return string(key), len(key) >= minKey
		}
	}
	return "", false
}

// What a MAC is for. One made for one purpose is none for the other.
const (
	forCode   = "safekeep sms code"
	forNumber = "safekeep sms number"
)

// NumberKey returns what stands for a number where counters are kept: 64 hex
// digits, from which nobody without the key finds the number. A plain hash would
// not do: there are fewer numbers than can be tried in a minute.
func (k Keys) NumberKey(n Number) string {
	return hex.EncodeToString(mac(*k.current, forNumber, n.Reveal()))
}

// sign returns the MAC of the parts by the current key, in hex.
func (k Keys) sign(purpose string, parts ...string) string {
	return hex.EncodeToString(mac(*k.current, purpose, parts...))
}

// verify says whether one of the keys made the MAC of the parts, in a time that
// does not tell how much of it was right.
func (k Keys) verify(made, purpose string, parts ...string) bool {
	good := hmac.Equal([]byte(made), []byte(k.sign(purpose, parts...)))
	if k.previous != nil {
		good = hmac.Equal([]byte(made), []byte(hex.EncodeToString(mac(*k.previous, purpose, parts...)))) || good
	}
	return good
}

// mac is over the length of each part before it, so that no two lists of parts
// are the same text.
func mac(key string, purpose string, parts ...string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	for _, part := range append([]string{purpose}, parts...) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		m.Write(length[:])
		m.Write([]byte(part))
	}
	return m.Sum(nil)
}

// String keeps the keys out of whatever prints them by accident.
func (Keys) String() string { return "…" }

// GoString does so for %#v.
func (Keys) GoString() string { return "…" }
