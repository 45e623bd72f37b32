package alert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
)

// decodeSignature reads the signature header: base64, padded, of a DER
// signature. It is read before any key is looked for, so that rubbish costs
// nothing.
func decodeSignature(header string) ([]byte, bool) {
	der, err := base64.StdEncoding.Strict().DecodeString(header)
	// SEQUENCE of two INTEGERs of at most 33 bytes each, at least 1.
	return der, err == nil && len(der) >= 8 && len(der) <= 72 && der[0] == 0x30
}

// verify says whether der is the key's ECDSA signature over the SHA-256 of the
// body exactly as it arrived.
func verify(key *ecdsa.PublicKey, body, der []byte) bool {
	digest := sha256.Sum256(body)
	return ecdsa.VerifyASN1(key, digest[:], der)
}

// keyIDShape: GitHub's ids are 64 hex characters, the one in GitLab's
// documentation 40. What is longer or stranger than that is nobody's.
func plausibleKeyID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// parseKeys reads a host's key document,
//
//	{"public_keys":[{"key_identifier":"…","key":"-----BEGIN PUBLIC KEY-----…","is_current":true}]}
//
// and returns its P-256 keys by id. A key that is not current verifies too:
// reports signed just before a rotation are still under way. Entries that are
// no P-256 key are passed over, so that one odd key cannot take the others
// down; a document without any is an error.
func parseKeys(document []byte) (map[string]*ecdsa.PublicKey, error) {
	var doc struct {
		PublicKeys []struct {
			ID  string `json:"key_identifier"`
			Key string `json:"key"`
		} `json:"public_keys"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("reading the key document: %w", err)
	}
	keys := make(map[string]*ecdsa.PublicKey, len(doc.PublicKeys))
	for _, entry := range doc.PublicKeys {
		if key := parseKey(entry.Key); key != nil && plausibleKeyID(entry.ID) {
			keys[entry.ID] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key document holds no P-256 key")
	}
	return keys, nil
}

func parseKey(text string) *ecdsa.PublicKey {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil
	}
	return key
}
