package grant

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Signer signs with the stack's grant key, an ECDSA key on P-256.
type Signer interface {
	KeySource
	// Sign returns the signature of a SHA-256 digest in ASN.1 DER, as KMS and
	// crypto/ecdsa write it.
	Sign(ctx context.Context, digest []byte) (der []byte, err error)
}

// Issuer turns grants into tokens. It may be used by several goroutines.
type Issuer struct {
	signer  Signer
	parties Parties
	keys    keyring
}

// NewIssuer returns an issuer. It asks the signer for the public key when it
// first needs it.
func NewIssuer(signer Signer, parties Parties) *Issuer {
	return &Issuer{signer: signer, parties: parties, keys: keyring{source: signer}}
}

// signTimeout bounds one signature, retries included.
const signTimeout = 5 * time.Second

// Issue returns the token of a grant that [New] made. It is ErrUnavailable when
// the key cannot be had.
func (i *Issuer) Issue(ctx context.Context, g Grant) (Token, error) {
	if err := g.check(); err != nil {
		return Token{}, err
	}
	payload, err := encode(i.parties.claims(g))
	if err != nil {
		return Token{}, fmt.Errorf("encoding a grant: %w", err)
	}
	k, err := i.keys.current(ctx)
	if err != nil {
		return Token{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, signTimeout)
	defer cancel()
	text, err := sign(ctx, i.signer, k, payload)
	if errors.Is(err, errOtherKey) {
		// The key was replaced after we asked for its public half.
		if k, err = i.keys.renewed(ctx); err != nil {
			return Token{}, err
		}
		text, err = sign(ctx, i.signer, k, payload)
	}
	if err != nil {
		return Token{}, fmt.Errorf("%w (signing: %w)", ErrUnavailable, err)
	}
	if len(text) > MaxLength { // only a stack's name of more than 128 characters can do this
		return Token{}, errors.New("a grant came out longer than connect takes")
	}
	return NewToken(text), nil
}
