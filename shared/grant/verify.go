package grant

import (
	"context"
	"time"
)

// MaxLength is the longest JWT in bytes that is looked at. Parsers of JWTs have
// been brought to their knees by long ones (CVE-2025-27144 in go-jose,
// CVE-2025-30204 in golang-jwt), and ours are shorter.
const MaxLength = 4096

// Verifier tells whether a text is a grant. It may be used by several
// goroutines.
type Verifier struct {
	parties Parties
	keys    keyring
}

// NewVerifier returns a verifier. It asks the source for the public key when it
// first needs it.
func NewVerifier(source KeySource, parties Parties) *Verifier {
	return &Verifier{parties: parties, keys: keyring{source: source}}
}

// Verify returns the grant that a JWT is, if it is good now. Whatever is wrong
// with it is ErrRefused, with a [Reason]; that nobody can say is
// ErrUnavailable. Neither holds any of the text.
//
// That a grant is good says nothing about whether it was used: see [Store.Use].
func (v *Verifier) Verify(ctx context.Context, jwt string, now time.Time) (Grant, error) {
	kid, err := readHeader(jwt)
	if err != nil {
		return Grant{}, err
	}
	k, err := v.keys.find(ctx, kid, now)
	if err != nil {
		return Grant{}, err
	}
	payload, err := payloadOf(jwt, k)
	if err != nil {
		return Grant{}, err
	}
	return v.parties.read(payload, now)
}
