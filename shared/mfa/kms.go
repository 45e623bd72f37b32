package mfa

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// KMS is a Sealer whose key never leaves AWS: a symmetric key. A message opens
// only for the user and the purpose that it was sealed for, so one that is copied
// to another's row stays shut.
type KMS struct {
	Client *kms.Client
	Key    string // ARN
}

// The names in the encryption context, which the key's policy insists on.
const (
	keyUser    = "user"
	keyPurpose = "purpose"
)

// errSealed is for a message that was not sealed here, for this.
var errSealed = errors.New("a second factor's secret does not open for this user and purpose")

func bound(user string, purpose Kind) map[string]string {
	return map[string]string{keyUser: user, keyPurpose: string(purpose)}
}

// Seal implements Sealer. CloudTrail shows whose it is, not what.
func (k *KMS) Seal(ctx context.Context, user string, purpose Kind, plaintext []byte) ([]byte, error) {
	out, err := k.Client.Encrypt(ctx, &kms.EncryptInput{KeyId: &k.Key, Plaintext: plaintext, EncryptionContext: bound(user, purpose)})
	if err != nil {
		return nil, fmt.Errorf("sealing a second factor's secret: %w", err)
	}
	return out.CiphertextBlob, nil
}

// Open implements Sealer. The key is named, so that nothing sealed under another
// one opens, whoever may use that.
func (k *KMS) Open(ctx context.Context, user string, purpose Kind, sealed []byte) ([]byte, error) {
	out, err := k.Client.Decrypt(ctx, &kms.DecryptInput{KeyId: &k.Key, CiphertextBlob: sealed, EncryptionContext: bound(user, purpose)})
	var changed *types.InvalidCiphertextException
	var other *types.IncorrectKeyException
	if errors.As(err, &changed) || errors.As(err, &other) {
		return nil, errSealed
	}
	if err != nil {
		return nil, fmt.Errorf("opening a second factor's secret: %w", err)
	}
	return out.Plaintext, nil
}
