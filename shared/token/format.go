// Package token is the life of API tokens: their format, and what can happen
// to one from the day it is issued to the day its tombstone is forgotten.
package token

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// The format is GitHub's ("Behind GitHub's new authentication token formats",
// 2021): <prefix>_ + 30 random base62 characters + 6 characters of checksum.
// 30 characters are 178 bits, so a fast hash is enough to store one by.
const (
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomLength = 30
	checkLength  = 6
	bodyLength   = randomLength + checkLength
)

// Format makes and recognises the tokens of one stack.
type Format struct {
	prefix string // with its underscore
}

// NewFormat returns the format of tokens that begin with prefix and "_". The
// prefix is 2 to 10 lower-case letters and digits, a letter first.
// It starts every token, so it must be easy to search for and safe in any
// shell, URL or header.
func NewFormat(prefix string) (Format, error) {
	good := len(prefix) >= 2 && len(prefix) <= 10 && 'a' <= prefix[0] && prefix[0] <= 'z'
	for _, c := range []byte(prefix) {
		good = good && ('a' <= c && c <= 'z' || '0' <= c && c <= '9')
	}
	if !good {
		return Format{}, fmt.Errorf("token prefix %q: must be 2 to 10 lower-case letters or digits, a letter first", prefix)
	}
	return Format{prefix + "_"}, nil
}

// Issue makes a new token from a source of random bytes.
func (f Format) Issue(random io.Reader) (Secret, error) {
	text := make([]byte, 0, randomLength)
	buffer := make([]byte, randomLength)
	for len(text) < randomLength {
		if _, err := io.ReadFull(random, buffer); err != nil {
			return Secret{}, fmt.Errorf("reading random bytes: %w", err)
		}
		for _, b := range buffer {
			// 248 is the largest multiple of 62 in a byte: the rest is thrown
			// away, so that every character is equally likely.
			if b < 248 && len(text) < randomLength {
				text = append(text, alphabet[b%62])
			}
		}
	}
	return NewSecret(f.prefix + string(text) + checksum(string(text))), nil
}

// checksum is the CRC-32 (IEEE) of the random part in base62, padded to six.
func checksum(random string) string {
	var text [checkLength]byte
	sum := crc32.ChecksumIEEE([]byte(random))
	for i := checkLength - 1; i >= 0; i-- {
		text[i] = alphabet[sum%62]
		sum /= 62
	}
	return string(text[:])
}

// Valid says whether s has the shape of our tokens and a right checksum. It
// explains a miss; it decides nothing, because imported tokens may share the
// prefix without the checksum.
func (f Format) Valid(s string) bool {
	body, ok := strings.CutPrefix(s, f.prefix)
	return ok && len(body) == bodyLength && base62(body) && checksum(body[:randomLength]) == body[randomLength:]
}

// next returns where the first part of s from the given index on begins that
// looks like one of our tokens, or -1. A token has one length.
func (f Format) next(s string, from int) int {
	for {
		i := strings.Index(s[from:], f.prefix)
		if i < 0 {
			return -1
		}
		start := from + i
		body := start + len(f.prefix)
		if len(s) >= body+bodyLength && base62(s[body:body+bodyLength]) {
			return start
		}
		from = start + 1
	}
}

// base62 says whether s is made of the alphabet's characters only.
func base62(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

// Within returns every distinct part of s that looks like one of our tokens,
// for a report may carry the whole line that a token was found in.
func (f Format) Within(s string) []string {
	var found []string
	seen := map[string]bool{}
	length := len(f.prefix) + bodyLength
	for i := f.next(s, 0); i >= 0; i = f.next(s, i+length) {
		if match := s[i : i+length]; !seen[match] {
			seen[match] = true
			found = append(found, match)
		}
	}
	return found
}

// Redact replaces everything in s that looks like one of our tokens by its
// hint.
func (f Format) Redact(s string) string {
	var out strings.Builder
	from, length := 0, len(f.prefix)+bodyLength
	for i := f.next(s, 0); i >= 0; i = f.next(s, from) {
		out.WriteString(s[from:i])
		out.WriteString(Hint(s[i : i+length]))
		from = i + length
	}
	if from == 0 {
		return s
	}
	return out.String() + s[from:]
}

// Hash is the SHA-256 of a token in lower-case hex: the name it is stored under.
type Hash string

// HashOf returns the hash of a token's text.
func HashOf(text string) Hash {
	sum := sha256.Sum256([]byte(text))
	return Hash(hex.EncodeToString(sum[:]))
}

// Hint returns what may be shown of a token: the prefix and the last four
// characters, "skp_…a1B2". Of anything too short to keep a secret, "…".
func Hint(text string) string {
	if len(text) < 20 {
		return "…"
	}
	prefix := ""
	if i := strings.IndexByte(text, '_'); i > 0 && i <= 10 {
		prefix = text[:i+1]
	}
	return prefix + "…" + text[len(text)-4:]
}
