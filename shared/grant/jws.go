package grant

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// jwtType is the header typ of a grant, so that no other JWT of this key, now
// or later, can pass for one (RFC 8725, 3.11).
const jwtType = "secret-access+jwt"

// header is the whole of a grant's header. A key that a token brings along or
// points to (jwk, jku, x5c, x5u) has no place in it, nor an extension (crit).
type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

// strict is base64url without padding that has one spelling for every text.
// The signature covers what is decoded, so with go-jose's own decoder a token
// would be good in several spellings.
var strict = base64.RawURLEncoding.Strict()

// readHeader looks at all that can be judged without a key, the length first,
// and returns the key's id.
func readHeader(jwt string) (kid string, err error) {
	if len(jwt) > MaxLength {
		return "", refusal(TooLong)
	}
	parts := strings.SplitN(jwt, ".", 4)
	// Even a strict decoder of Go's steps over line breaks.
	if len(parts) != 3 || strings.ContainsAny(jwt, "\r\n") {
		return "", refusal(Misshapen)
	}
	// Backwards, so that the header is what is left.
	var first []byte
	for i := len(parts) - 1; i >= 0; i-- {
		if first, err = strict.DecodeString(parts[i]); err != nil {
			return "", refusal(Misshapen)
		}
	}
	var h header
	if json.Unmarshal(first, &h) != nil {
		return "", refusal(Misshapen)
	}
	// The kid is not asked for before all else is right: it may cost a call.
	switch {
	case h.Alg != string(jose.ES256):
		return "", refusal(WrongAlg)
	case h.Typ != jwtType:
		return "", refusal(WrongType)
	case h.Kid == "":
		return "", refusal(WrongKey)
	case !isOurs(first, h):
		return "", refusal(OddHeader)
	}
	return h.Kid, nil
}

// payloadOf returns the claims of a JWT that the key has signed. go-jose holds
// it against the algorithms once more: it takes no token without such a list.
func payloadOf(jwt string, k *key) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(jwt, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, refusal(Misshapen)
	}
	payload, err := jws.Verify(k.public)
	if err != nil {
		return nil, refusal(BadSignature)
	}
	return payload, nil
}

// sign returns the payload as a JWS in compact form (RFC 7515, 3.1).
func sign(ctx context.Context, signer Signer, k *key, payload []byte) (string, error) {
	s, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: &opaque{ctx, signer, k}},
		new(jose.SignerOptions).WithType(jwtType),
	)
	if err != nil {
		return "", err
	}
	jws, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// errOtherKey says that a signature is not by the key it would be announced with.
var errOtherKey = errors.New("the signature is by another key than the public one")

// errSignature says that a signature is not in the form that is asked for.
var errSignature = errors.New("the signature is not ECDSA in DER")

// opaque is one call to a Signer as go-jose wants it: it has no context.
type opaque struct {
	ctx    context.Context
	signer Signer
	key    *key
}

// Public implements jose.OpaqueSigner; only the id goes into the header.
func (o *opaque) Public() *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: o.key.public, KeyID: o.key.id, Algorithm: string(jose.ES256)}
}

// Algs implements jose.OpaqueSigner.
func (o *opaque) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.ES256} }

// SignPayload implements jose.OpaqueSigner. A signature that our own public key
// does not verify is not handed out: every connector that got one would be
// refused, and nobody would know why.
func (o *opaque) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	digest := sha256.Sum256(payload)
	der, err := o.signer.Sign(o.ctx, digest[:])
	if err != nil {
		return nil, err
	}
	raw, err := rawOf(der)
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(o.key.public, digest[:], der) {
		return nil, errOtherKey
	}
	return raw, nil
}

// rawOf turns a signature on P-256 from DER into what JOSE has: both numbers in
// 32 bytes each, padded with zeros in front (RFC 7518, 3.4).
func rawOf(der []byte) ([]byte, error) {
	var signature struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &signature)
	if err != nil || len(rest) > 0 {
		return nil, errSignature
	}
	r, s := signature.R, signature.S
	if r.Sign() <= 0 || s.Sign() <= 0 || r.BitLen() > 256 || s.BitLen() > 256 {
		return nil, errSignature
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return raw, nil
}
