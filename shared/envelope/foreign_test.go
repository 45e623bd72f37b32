package envelope

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"safekeep/shared/envelope/kmstest"
	"safekeep/shared/keyservice"
)

const otherKey = "arn:aws:kms:us-east-1:000000000000:key/OtherKey"

// forger makes messages as somebody would who may use the library and the keys,
// and writes them into the table.
type forger struct {
	t testing.TB
	e *Envelope
}

func (f forger) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f forger) keyring(arns ...string) mpltypes.IKeyring {
	f.t.Helper()
	running.Lock()
	defer running.Unlock()
	var all []mpltypes.IKeyring
	for _, arn := range arns {
		one, err := f.e.providers.CreateAwsKmsKeyring(f.t.Context(), mpltypes.CreateAwsKmsKeyringInput{KmsClient: kms.New(f.e.options), KmsKeyId: arn})
		f.must(err)
		all = append(all, one)
	}
	if len(all) == 1 {
		return all[0]
	}
	multi, err := f.e.providers.CreateMultiKeyring(f.t.Context(), mpltypes.CreateMultiKeyringInput{Generator: all[0], ChildKeyrings: all[1:]})
	f.must(err)
	return multi
}

// seal seals under a keyring; required pairs are not stored in the message.
func (f forger) seal(keyring mpltypes.IKeyring, pairs map[string]string, required []string, suite mpltypes.ESDKAlgorithmSuiteId) []byte {
	f.t.Helper()
	running.Lock()
	defer running.Unlock()
	policy := mpltypes.ESDKCommitmentPolicyRequireEncryptAllowDecrypt
	if suite < "0x0400" {
		policy = mpltypes.ESDKCommitmentPolicyForbidEncryptAllowDecrypt
	}
	library, err := esdk.NewClient(esdktypes.AwsEncryptionSdkConfig{CommitmentPolicy: &policy})
	f.must(err)
	manager, err := f.e.providers.CreateDefaultCryptographicMaterialsManager(f.t.Context(), mpltypes.CreateDefaultCryptographicMaterialsManagerInput{Keyring: keyring})
	f.must(err)
	if required != nil {
		manager, err = f.e.providers.CreateRequiredEncryptionContextCMM(f.t.Context(), mpltypes.CreateRequiredEncryptionContextCMMInput{
			UnderlyingCMM: manager, RequiredEncryptionContextKeys: required,
		})
		f.must(err)
	}
	out, err := library.Encrypt(f.t.Context(), esdktypes.EncryptInput{
		Plaintext: []byte("planted"), EncryptionContext: pairs, AlgorithmSuiteId: &suite, MaterialsManager: manager,
	})
	f.must(err)
	return pack(out.Ciphertext)
}

// What the library would open under some setting of its own does not open here.
// Most of it does not even reach KMS.
func TestForeignMessagesStayShut(t *testing.T) {
	t.Parallel()
	k := kmstest.New(t, otherKey)
	e, err := New(t.Context(), keyservice.NewClient(k.Config()), kmstest.Key)
	if err != nil {
		t.Fatal(err)
	}
	f, c := forger{t, e}, Context{Workspace: "acme", Credential: "c1", Version: 1}
	vault, pairs := f.keyring(kmstest.Key), c.pairs()
	with := func(key, value string) map[string]string { m := maps.Clone(pairs); m[key] = value; return m }
	without := func(key string) map[string]string { m := maps.Clone(pairs); delete(m, key); return m }
	fewer := slices.DeleteFunc(slices.Clone(required), func(key string) bool { return key == keyKind })
	const signed, uncommitted, committed = mpltypes.ESDKAlgorithmSuiteIdAlgAes256GcmHkdfSha512CommitKeyEcdsaP384, mpltypes.ESDKAlgorithmSuiteIdAlgAes256GcmIv12Tag16HkdfSha256, suite

	// The forger can do it: his message of our shape opens.
	if got, err := e.Open(t.Context(), c, f.seal(vault, pairs, required, committed)); err != nil || string(got) != "planted" {
		t.Fatalf("%q %v", got, err)
	}
	stolen := f.seal(f.keyring(otherKey), pairs, required, committed)
	for _, forged := range []struct {
		what    string
		message []byte
		calls   int
	}{
		{"another kind", f.seal(vault, with(keyKind, "mfa-secret"), required, committed), 1},
		{"no kind", f.seal(vault, without(keyKind), fewer, committed), 1},
		{"a fifth pair that is not stored", f.seal(vault, with("role", "admin"), append([]string{"role"}, required...), committed), 1},
		{"a fifth pair that is", f.seal(vault, with("role", "admin"), required, committed), 0},
		{"all pairs stored", f.seal(vault, pairs, nil, committed), 0},
		{"no pairs", f.seal(vault, map[string]string{}, nil, committed), 1},
		{"a suite that signs", f.seal(vault, pairs, required, signed), 0},
		{"a suite that does not commit", f.seal(vault, pairs, required, uncommitted), 0},
		{"two data keys", f.seal(f.keyring(kmstest.Key, otherKey), pairs, required, committed), 0},
		{"the same data key twice", f.seal(f.keyring(kmstest.Key, kmstest.Key), pairs, required, committed), 0},
		{"another key", stolen, 0},
		{"another key under our name", bytes.ReplaceAll(stolen, []byte("OtherKey"), []byte("VaultKey")), 1},
	} {
		k.Set(nil)
		got, err := e.Open(t.Context(), c, forged.message)
		if got != nil || !errors.Is(err, ErrSealed) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %q %v", forged.what, got, err)
		}
		if k.Count("Decrypt") != forged.calls || len(k.Calls()) != forged.calls {
			t.Errorf("%s: KMS was asked %v", forged.what, k.Calls())
		}
		for _, call := range k.Calls() {
			if !maps.Equal(call.Context, pairs) || call.KeyID != kmstest.Key {
				t.Errorf("%s: KMS was asked %v", forged.what, call)
			}
		}
	}
}

// Where the library panics, its caller does not.
func TestPanicsAreErrors(t *testing.T) {
	t.Parallel()
	e, err := New(t.Context(), keyservice.NewClient(kmstest.New(t).Config()), kmstest.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := Context{Workspace: "acme", Credential: "c1", Version: 1}
	message, err := e.Seal(t.Context(), c, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		broken := &Envelope{options: e.options, key: e.key, library: &esdk.Client{}, providers: e.providers}
		if got, err := broken.Open(t.Context(), c, message); got != nil || !errors.Is(err, ErrSealed) {
			t.Errorf("Open: %q %v", got, err)
		}
		if got, err := broken.Seal(t.Context(), c, []byte("secret")); got != nil || !errors.Is(err, ErrUnavailable) {
			t.Errorf("Seal: %q %v", got, err)
		}
		if w := broken.idle.Get(); w != nil {
			t.Error("a worker is used again that something panicked under")
		}
	}
}
