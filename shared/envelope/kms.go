package envelope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	mpl "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// suite encrypts with AES-256-GCM under a key that the message commits to, so
// that no message opens to two plaintexts. It does not sign: that would add a
// public key to the context, and KMS would see a fifth pair.
const suite = mpltypes.ESDKAlgorithmSuiteIdAlgAes256GcmHkdfSha512CommitKey

// ours says whether a message begins as ours do: version 2, the suite, an id of
// 32 bytes, and a context of no length. We store no pairs, because whoever opens
// must know them; a message that brings some would have KMS see more than ours.
//
// Source: "AWS Encryption SDK message format reference" in its developer guide.
func ours(message []byte) bool {
	return len(message) > 37 && bytes.HasPrefix(message, []byte{0x02, 0x04, 0x78}) && message[35] == 0 && message[36] == 0
}

// Envelope seals and opens under one key of KMS. Its methods may be called at
// the same time. It wipes nothing: the library makes copies of a plaintext that
// nobody can reach, so a caller who wipes his own leaves less behind, not
// nothing.
type Envelope struct {
	options   kms.Options
	key       string
	library   *esdk.Client
	providers *mpl.Client
	idle      sync.Pool // of *worker
}

// running is held while the library runs, and let go while it waits for KMS. Its
// runtime writes to a variable of its own that all calls share: always the same
// value, and a data race all the same. A Lambda has one call at a time anyway.
var running sync.Mutex

// New returns an envelope under the key with this ARN. An alias or a bare id
// would seal and then not open, so they are refused here. The client's time
// limits and retries should be those of keyservice.NewClient.
func New(ctx context.Context, client *kms.Client, keyARN string) (*Envelope, error) {
	if !strings.HasPrefix(keyARN, "arn:") || !strings.Contains(keyARN, ":key/") {
		return nil, fmt.Errorf("envelope: %q is not the ARN of a key", keyARN)
	}
	running.Lock()
	defer running.Unlock()
	// Only messages of a committing suite open, and only those with one data key:
	// further ones would be further calls, of somebody else's choosing.
	policy, one := mpltypes.ESDKCommitmentPolicyRequireEncryptRequireDecrypt, int64(1)
	library, err := esdk.NewClient(esdktypes.AwsEncryptionSdkConfig{CommitmentPolicy: &policy, MaxEncryptedDataKeys: &one})
	if err != nil {
		return nil, errors.New("envelope: starting the encryption library")
	}
	providers, err := mpl.NewClient(mpltypes.MaterialProvidersConfig{})
	if err != nil {
		return nil, errors.New("envelope: starting the encryption library")
	}
	e := &Envelope{options: client.Options(), key: keyARN, library: library, providers: providers}
	// The first worker is made now, so that a key that cannot be one is found out
	// when the function starts and not at the first secret.
	w, err := e.worker(ctx)
	if err != nil {
		return nil, fmt.Errorf("envelope: %q is not the ARN of a key", keyARN)
	}
	e.release(w)
	return e, nil
}

// Seal returns a message that holds plaintext and opens in this context only.
// It is at most 1 kB longer. Each call asks KMS for a data key.
//
// Errors: ErrInvalid, ErrUnavailable.
func (e *Envelope) Seal(ctx context.Context, c Context, plaintext []byte) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(plaintext) == 0 || len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("%w: a plaintext of %d bytes", ErrInvalid, len(plaintext))
	}
	var out *esdktypes.EncryptOutput
	err := e.run(ctx, (*worker).unavailable, func(materials mpltypes.ICryptographicMaterialsManager) (err error) {
		algorithm := suite
		out, err = e.library.Encrypt(ctx, esdktypes.EncryptInput{
			Plaintext: plaintext, EncryptionContext: c.pairs(), AlgorithmSuiteId: &algorithm, MaterialsManager: materials,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return pack(out.Ciphertext), nil
}

// Open returns what was sealed in this context. It asks KMS once, and not at all
// for what can be refused without.
//
// Errors: ErrSealed, ErrUnavailable.
func (e *Envelope) Open(ctx context.Context, c Context, message []byte) ([]byte, error) {
	if c.check() != nil {
		return nil, ErrSealed // nothing was ever sealed in it
	}
	message, err := unpack(message)
	if err != nil {
		return nil, err
	}
	if !ours(message) {
		return nil, ErrSealed
	}
	var out *esdktypes.DecryptOutput
	err = e.run(ctx, (*worker).refused, func(materials mpltypes.ICryptographicMaterialsManager) (err error) {
		out, err = e.library.Decrypt(ctx, esdktypes.DecryptInput{
			Ciphertext: message, EncryptionContext: c.pairs(), MaterialsManager: materials,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	// It cannot be otherwise, and it must not.
	if !maps.Equal(out.EncryptionContext, c.pairs()) {
		clear(out.Plaintext)
		return nil, ErrSealed
	}
	return out.Plaintext, nil
}

// run has the library do one thing. Its errors print addresses and other
// nonsense, and it was translated from another language and panics on what it
// did not foresee, with anything: neither goes further than here. What failed
// says is the error instead.
func (e *Envelope) run(ctx context.Context, failed func(*worker) error, use func(mpltypes.ICryptographicMaterialsManager) error) (err error) {
	running.Lock()
	defer running.Unlock()
	w, err := e.worker(ctx)
	if err != nil {
		return ErrUnavailable // New made one with the same key, so this cannot be
	}
	defer func() {
		if recover() != nil {
			err = failed(w) // and the worker, which may be broken, is left out
		}
	}()
	if use(w.materials) != nil {
		err = failed(w)
	}
	e.release(w)
	return err
}

// worker is what the library takes its data keys from, for one call at a time.
// The library passes neither contexts nor errors on; with a client of KMS to
// itself each call heeds its own context and learns what KMS said. Making one
// takes 0.1 ms, a tenth of a call, so they are used again.
type worker struct {
	materials mpltypes.ICryptographicMaterialsManager
	ctx       context.Context
	err       error // what KMS said; nil while it said nothing wrong
}

// worker returns one that is idle, or makes one. running is held.
func (e *Envelope) worker(ctx context.Context) (*worker, error) {
	if w, ok := e.idle.Get().(*worker); ok {
		w.ctx = ctx
		return w, nil
	}
	w := &worker{ctx: ctx}
	// The options share one HTTP client, and with it the connections.
	client := kms.New(e.options, func(o *kms.Options) { o.APIOptions = append(o.APIOptions, w.follow) })
	keyring, err := e.providers.CreateAwsKmsKeyring(ctx, mpltypes.CreateAwsKmsKeyringInput{KmsClient: client, KmsKeyId: e.key})
	if err != nil {
		return nil, err
	}
	plain, err := e.providers.CreateDefaultCryptographicMaterialsManager(ctx, mpltypes.CreateDefaultCryptographicMaterialsManagerInput{Keyring: keyring})
	if err != nil {
		return nil, err
	}
	// A bare keyring would open with no context at all, or with a part of it.
	w.materials, err = e.providers.CreateRequiredEncryptionContextCMM(ctx, mpltypes.CreateRequiredEncryptionContextCMMInput{
		UnderlyingCMM: plain, RequiredEncryptionContextKeys: required,
	})
	return w, err
}

// release takes a worker back for the next call.
func (e *Envelope) release(w *worker) {
	w.ctx, w.err = nil, nil
	e.idle.Put(w)
}

// follow puts the caller's context where the library has none, keeps the error
// that the library would garble, and lets others run while KMS is waited for.
func (w *worker) follow(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("EnvelopeCall", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		running.Unlock()
		defer running.Lock()                                                // also when the SDK panics, as run lets go of it then
		out, metadata, err := next.HandleInitialize(joined{w.ctx, ctx}, in) //nolint:contextcheck // it inherits from both
		w.err = err
		return out, metadata, err
	}), middleware.Before)
}

// joined ends with the caller's context and knows what the SDK put into its own.
type joined struct {
	context.Context
	sdk context.Context
}

// Value asks the SDK's context first.
func (j joined) Value(key any) any {
	if value := j.sdk.Value(key); value != nil {
		return value
	}
	return j.Context.Value(key)
}

// unavailable is the error of a call that KMS failed.
func (w *worker) unavailable() error {
	switch {
	case w.ctx.Err() != nil: // and what KMS seems to say is only that
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(w.ctx))
	case w.err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, w.err)
	default: // KMS answered with what the library cannot use
		return ErrUnavailable
	}
}

// refused is the error of an Open that failed. KMS has answers for a wrapped
// data key that is not for this context or was changed; whatever else it says
// is about KMS. Without a word from it the message is at fault.
func (w *worker) refused() error {
	if w.err == nil {
		return ErrSealed
	}
	var ciphertext *types.InvalidCiphertextException
	var key *types.IncorrectKeyException
	var other smithy.APIError
	switch {
	case errors.As(w.err, &ciphertext), errors.As(w.err, &key):
		return ErrSealed
	case errors.As(w.err, &other) && other.ErrorCode() == "ValidationException":
		return ErrSealed // a data key of a length that KMS makes none of
	}
	return w.unavailable()
}
