package grant

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// KMS is a [Signer] whose key never leaves AWS: an asymmetric KMS key of spec
// ECC_NIST_P256 for SIGN_VERIFY. Issuing takes kms:Sign and kms:GetPublicKey,
// checking only kms:GetPublicKey.
//
// Each call is bounded by its context. The client should give up on a single
// try well before that, or a lost answer takes all the time there is.
type KMS struct {
	Client *kms.Client
	Key    string // ARN, id or alias
}

// Sign implements [Signer]. KMS gets the digest, so neither a grant nor its
// claims are in CloudTrail or in an error.
func (k *KMS) Sign(ctx context.Context, digest []byte) ([]byte, error) {
	out, err := k.Client.Sign(ctx, &kms.SignInput{
		KeyId: &k.Key, Message: digest,
		MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, fmt.Errorf("signing with KMS: %w", err)
	}
	return out.Signature, nil
}

// PublicKey implements [KeySource]. A key for another use is found out here, by
// name, and not by signatures that nobody can verify.
func (k *KMS) PublicKey(ctx context.Context) (*ecdsa.PublicKey, error) {
	out, err := k.Client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &k.Key})
	if err != nil {
		return nil, fmt.Errorf("getting the public key from KMS: %w", err)
	}
	public, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("reading the public key from KMS: %w", err)
	}
	ec, ok := public.(*ecdsa.PublicKey)
	if !ok || !slices.Contains(out.SigningAlgorithms, types.SigningAlgorithmSpecEcdsaSha256) {
		return nil, errors.New("the KMS key cannot sign grants: it must be ECC_NIST_P256 for SIGN_VERIFY")
	}
	return ec, nil
}
