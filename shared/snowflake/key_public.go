package snowflake

import (
	"crypto/rsa"
	"encoding/pem"
)

// MarshalPublicKey returns a public key as PEM, for people and for openssl.
func MarshalPublicKey(key *rsa.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(key)})
}
