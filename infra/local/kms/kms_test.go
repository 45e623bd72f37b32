package kms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"safekeep/infra"
	"safekeep/infra/local/kms"
	"safekeep/shared/envelope"
	"safekeep/shared/envelope/kmstest"
	"safekeep/shared/keyservice"
)

const (
	grantKey = "arn:aws:kms:us-east-1:000000000000:key/GrantKey"
	otherKey = "arn:aws:kms:us-east-1:000000000000:key/OtherKey"
)

// keys are those of the tests: two that encrypt and one that signs.
var keys = []infra.Key{
	{Name: "VaultKey", ARN: kmstest.Key, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT"},
	{Name: "OtherKey", ARN: otherKey, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT"},
	{Name: "GrantKey", ARN: grantKey, Spec: "ECC_NIST_P256", Usage: "SIGN_VERIFY"},
}

func serve(t testing.TB, handler http.Handler) aws.Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

func open(t testing.TB, path string) aws.Config {
	t.Helper()
	s, err := kms.Open(path, keys)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, s)
}

// code is the error's code, "" for none.
func code(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return api.ErrorCode()
	}
	return err.Error()
}

// script asks a KMS for everything that the rooms rely on and writes down what
// it says, random parts left out.
func script(t *testing.T, client *awskms.Client) []string {
	t.Helper()
	ctx := t.Context()
	var said []string
	say := func(what string, err error, more ...any) {
		said = append(said, strings.TrimSpace(fmt.Sprintln(append([]any{what + ":", code(err)}, more...)...)))
	}
	pairs := map[string]string{"workspace": "acme", "credential": "c1", "version": "1", "kind": "warehouse-credential"}
	without := func(key string) map[string]string { m := maps.Clone(pairs); delete(m, key); return m }
	with := func(key, value string) map[string]string { m := maps.Clone(pairs); m[key] = value; return m }

	made, err := client.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: aws.String(kmstest.Key), NumberOfBytes: aws.Int32(32), EncryptionContext: pairs})
	if err != nil {
		t.Fatal(err)
	}
	say("data key", nil, *made.KeyId, len(made.Plaintext))
	decrypt := func(what string, blob []byte, pairs map[string]string, key string) {
		in := &awskms.DecryptInput{CiphertextBlob: blob, EncryptionContext: pairs}
		if key != "" {
			in.KeyId = &key
		}
		out, err := client.Decrypt(ctx, in)
		if err != nil {
			say(what, err)
			return
		}
		say(what, nil, *out.KeyId, bytes.Equal(out.Plaintext, made.Plaintext))
	}
	blob := made.CiphertextBlob
	decrypt("right", blob, pairs, kmstest.Key)
	decrypt("right without a key id", blob, pairs, "")
	for key := range pairs {
		decrypt("no "+key, blob, without(key), kmstest.Key)
		decrypt("other "+key, blob, with(key, "x"), kmstest.Key)
		decrypt("empty "+key, blob, with(key, ""), kmstest.Key)
	}
	decrypt("a fifth pair", blob, with("role", "admin"), kmstest.Key)
	decrypt("no context", blob, nil, kmstest.Key)
	// Of what lies before the nonce, local-kms heeds nothing when it is told the key.
	for i := len(blob) - 60; i < len(blob); i++ {
		flipped := slices.Clone(blob)
		flipped[i] ^= 0x80
		decrypt("flipped", flipped, pairs, kmstest.Key)
	}
	for _, n := range []int{1, 2, 20, len(blob) / 2, len(blob) - 1} {
		decrypt("cut off", blob[:n], pairs, kmstest.Key)
	}
	for first := range 256 {
		decrypt("forged", append([]byte{byte(first)}, bytes.Repeat([]byte{byte(first)}, 260)...), pairs, kmstest.Key)
	}
	decrypt("nothing", []byte{}, pairs, kmstest.Key)
	decrypt("too long", make([]byte, 6145), pairs, kmstest.Key)
	// local-kms calls this an invalid ciphertext, which comes to the same here.
	other, err := client.Encrypt(ctx, &awskms.EncryptInput{KeyId: aws.String(otherKey), Plaintext: made.Plaintext, EncryptionContext: pairs})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: other.CiphertextBlob, EncryptionContext: pairs, KeyId: aws.String(kmstest.Key)})
	if c := code(err); c != "IncorrectKeyException" && c != "InvalidCiphertextException" {
		t.Errorf("another key's ciphertext: %s", c)
	}
	decrypt("another key's", other.CiphertextBlob, pairs, otherKey)
	_, err = client.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: aws.String(otherKey + "x"), NumberOfBytes: aws.Int32(32)})
	say("a key that is not there", err)
	_, err = client.Encrypt(ctx, &awskms.EncryptInput{KeyId: aws.String(kmstest.Key), Plaintext: make([]byte, 4097)})
	say("more than 4096 bytes", err)
	wrapped, err := client.Encrypt(ctx, &awskms.EncryptInput{KeyId: aws.String(kmstest.Key), Plaintext: made.Plaintext, EncryptionContext: pairs})
	say("encrypt", err, *wrapped.KeyId)
	decrypt("encrypted", wrapped.CiphertextBlob, pairs, kmstest.Key)
	return said
}

// The KMS that the rooms' tests have is of our own making. Others made
// local-kms, and both say the same.
func TestTheDoubleSaysWhatLocalKMSSays(t *testing.T) {
	want := script(t, awskms.NewFromConfig(open(t, "")))
	got := script(t, awskms.NewFromConfig(kmstest.New(t, otherKey).Config()))
	slices.Sort(want) // a map's order is random
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 300 {
		t.Errorf("%d answers (-local-kms +double):\n%s", len(want), diff)
	}
}

// The room that seals does on local-kms what it does on the double.
func TestEnvelopesOpenHere(t *testing.T) {
	e, err := envelope.New(t.Context(), keyservice.NewClient(open(t, "")), kmstest.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := envelope.Context{Workspace: "acme", Credential: "c1", Version: 1}
	secret := bytes.Repeat([]byte("secret"), 300)
	message, err := e.Seal(t.Context(), c, secret)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Open(t.Context(), c, message); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for _, wrong := range []envelope.Context{
		{Workspace: "evil", Credential: "c1", Version: 1}, {Workspace: "acme", Credential: "c2", Version: 1}, {Workspace: "acme", Credential: "c1", Version: 2},
	} {
		if got, err := e.Open(t.Context(), wrong, message); !errors.Is(err, envelope.ErrSealed) || got != nil {
			t.Errorf("%v: %d bytes, %v", wrong, len(got), err)
		}
	}
	for i := range message {
		changed := slices.Clone(message)
		changed[i] ^= 0xff
		if got, err := e.Open(t.Context(), c, changed); !errors.Is(err, envelope.ErrSealed) || got != nil {
			t.Errorf("byte %d changed: %d bytes, %v", i, len(got), err)
		}
	}
}

// Signatures are ECDSA over P-256 in DER, as KMS gives them, and the public key
// verifies them without KMS.
func TestSign(t *testing.T) {
	client := awskms.NewFromConfig(open(t, ""))
	public, err := client.GetPublicKey(t.Context(), &awskms.GetPublicKeyInput{KeyId: aws.String(grantKey)})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
	if err != nil || *public.KeyId != grantKey || public.KeySpec != types.KeySpecEccNistP256 || public.KeyUsage != types.KeyUsageTypeSignVerify {
		t.Fatalf("%v %+v", err, public)
	}
	message := []byte("header.payload")
	digest := sha256.Sum256(message)
	for kind, text := range map[types.MessageType][]byte{types.MessageTypeRaw: message, types.MessageTypeDigest: digest[:]} {
		out, err := client.Sign(t.Context(), &awskms.SignInput{
			KeyId: aws.String(grantKey), Message: text, MessageType: kind, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
		})
		if err != nil || !ecdsa.VerifyASN1(parsed.(*ecdsa.PublicKey), digest[:], out.Signature) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	_, err = client.Sign(t.Context(), &awskms.SignInput{KeyId: aws.String(kmstest.Key), Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	if code(err) != "InvalidKeyUsageException" {
		t.Errorf("the vault's key signs: %v", err)
	}
	_, err = client.Sign(t.Context(), &awskms.SignInput{KeyId: aws.String(grantKey), Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha384})
	if code(err) != "InvalidKeyUsageException" {
		t.Errorf("another algorithm: %v", err)
	}
	_, err = client.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: aws.String(grantKey), NumberOfBytes: aws.Int32(32)})
	if code(err) != "InvalidKeyUsageException" {
		t.Errorf("the grants' key encrypts: %v", err)
	}
}

// With a file, a later run has the same keys, and one more when the template has.
func TestKeysAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	c := envelope.Context{Workspace: "acme", Credential: "c1", Version: 1}
	var message, public []byte
	for n := range 3 {
		wanted := keys[:1+n]
		s, err := kms.Open(path, wanted)
		if err != nil {
			t.Fatal(err)
		}
		cfg := serve(t, s)
		e, err := envelope.New(t.Context(), keyservice.NewClient(cfg), kmstest.Key)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			if message, err = e.Seal(t.Context(), c, []byte("secret")); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := e.Open(t.Context(), c, message); err != nil || string(got) != "secret" {
			t.Errorf("run %d: %q %v", n, got, err)
		}
	}
	for range 2 {
		out, err := awskms.NewFromConfig(open(t, path)).GetPublicKey(t.Context(), &awskms.GetPublicKeyInput{KeyId: aws.String(grantKey)})
		if err != nil || public != nil && !bytes.Equal(public, out.PublicKey) {
			t.Fatalf("the grants' key is another one: %v", err)
		}
		public = out.PublicKey
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	// Without one each has keys of its own.
	e, _ := envelope.New(t.Context(), keyservice.NewClient(open(t, "")), kmstest.Key)
	if _, err := e.Open(t.Context(), c, message); !errors.Is(err, envelope.ErrSealed) {
		t.Errorf("another stack's message: %v", err)
	}
	if err := os.WriteFile(path, []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.Open(path, keys); err == nil || !strings.Contains(err.Error(), "start anew") {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := kms.Open("", []infra.Key{{Name: "K", ARN: otherKey, Spec: "RSA_2048", Usage: "SIGN_VERIFY"}}); err == nil {
		t.Error("it makes keys that it was never tried with")
	}
}

// A service that nobody uses any more gives back what its database holds, and
// leaves no folder behind from the start.
func TestNothingStays(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("this system does not show a process's open files")
	}
	t.Setenv("TMPDIR", t.TempDir())
	files := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	before, most := files(), 0
	for range 20 {
		if _, err := kms.Open("", keys); err != nil {
			t.Fatal(err)
		}
		most = max(most, files())
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	for deadline := time.Now().Add(30 * time.Second); files() > before+4; time.Sleep(10 * time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("%d files are open, and %d were before", files(), before)
		}
	}
	t.Logf("%d files before, %d at most, %d afterwards", before, most, files())
}

// What a caller cannot mean is refused in KMS's own words and harms nothing.
func TestRefusals(t *testing.T) {
	s, err := kms.Open("", keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		operation, authorization, body, code string
	}{
		{"TrentService.Decrypt", "", `{}`, "MissingAuthenticationTokenException"},
		{"TrentService.ScheduleKeyDeletion", "x", `{}`, "UnknownOperationException"},
		{"", "x", `{}`, "UnknownOperationException"},
		{"TrentService.Decrypt", "x", `null`, "InvalidCiphertextException"},
		{"TrentService.Decrypt", "x", `{"CiphertextBlob":"////"}`, "InvalidCiphertextException"},
		{"TrentService.Decrypt", "x", `{`, "ValidationException"},
		{"TrentService.GenerateDataKey", "x", `null`, "InternalFailureException"},
	} {
		q := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
		q.Header.Set("X-Amz-Target", c.operation)
		q.Header.Set("Authorization", c.authorization)
		a := httptest.NewRecorder()
		s.ServeHTTP(a, q)
		if a.Code < 400 || !strings.Contains(a.Body.String(), `"`+c.code+`"`) {
			t.Errorf("%s %s: %d %s", c.operation, c.body, a.Code, a.Body)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	e, err := envelope.New(t.Context(), keyservice.NewClient(open(t, "")), kmstest.Key)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			c := envelope.Context{Workspace: fmt.Sprint("w", n), Credential: "c", Version: 1}
			for range 10 {
				message, err := e.Seal(t.Context(), c, []byte(c.Workspace))
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := e.Open(t.Context(), c, message); err != nil || string(got) != c.Workspace {
					t.Errorf("%q %v", got, err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkEnvelope is the room on local-kms; BenchmarkDecrypt is the call of KMS
// that is in it.
func BenchmarkEnvelope(b *testing.B) {
	e, _ := envelope.New(b.Context(), keyservice.NewClient(open(b, "")), kmstest.Key)
	c := envelope.Context{Workspace: "acme", Credential: "c1", Version: 1}
	message, _ := e.Seal(b.Context(), c, make([]byte, 1900))
	b.Run("Seal", func(b *testing.B) {
		for b.Loop() {
			_, _ = e.Seal(b.Context(), c, make([]byte, 1900))
		}
	})
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			_, _ = e.Open(b.Context(), c, message)
		}
	})
}

func BenchmarkDecrypt(b *testing.B) {
	client := keyservice.NewClient(open(b, ""))
	pairs := map[string]string{"workspace": "acme", "credential": "c1", "version": "1", "kind": "warehouse-credential"}
	made, _ := client.GenerateDataKey(b.Context(), &awskms.GenerateDataKeyInput{KeyId: aws.String(kmstest.Key), NumberOfBytes: aws.Int32(32), EncryptionContext: pairs})
	for b.Loop() {
		_, _ = client.Decrypt(b.Context(), &awskms.DecryptInput{KeyId: aws.String(kmstest.Key), CiphertextBlob: made.CiphertextBlob, EncryptionContext: pairs})
	}
}
