package grant_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"safekeep/shared/grant"
)

const arn = "arn:aws:kms:eu-central-1:111122223333:key/0b9f8c1e"

// fakeKMS speaks as much of KMS as a grant needs, and sees that it is asked for
// a signature over a digest and nothing else.
type fakeKMS struct {
	t       *testing.T
	private *ecdsa.PrivateKey
	public  any
	algs    []string
	targets []string
}

func (f *fakeKMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	target := r.Header.Get("X-Amz-Target")
	f.targets = append(f.targets, target)
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil || in["KeyId"] != arn {
		f.t.Errorf("%s: %v %s", target, err, body)
	}
	var out map[string]any
	switch target {
	case "TrentService.GetPublicKey":
		der, err := x509.MarshalPKIXPublicKey(f.public)
		if err != nil {
			f.t.Error(err)
		}
		out = map[string]any{"KeyId": arn, "PublicKey": der, "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": f.algs}
	case "TrentService.Sign":
		var in struct {
			Message                       []byte
			MessageType, SigningAlgorithm string
		}
		if err := json.Unmarshal(body, &in); err != nil || len(in.Message) != 32 || in.MessageType != "DIGEST" || in.SigningAlgorithm != "ECDSA_SHA_256" {
			f.t.Errorf("asked to sign %s", body)
		}
		der, err := ecdsa.SignASN1(rand.Reader, f.private, in.Message)
		if err != nil {
			f.t.Error(err)
		}
		out = map[string]any{"KeyId": arn, "Signature": der, "SigningAlgorithm": "ECDSA_SHA_256"}
	default:
		f.t.Errorf("asked for %s", target)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out)
}

func newKMS(t *testing.T) (*fakeKMS, *grant.KMS) {
	private := newPrivate(t)
	fake := &fakeKMS{t: t, private: private, public: &private.PublicKey, algs: []string{"ECDSA_SHA_256"}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return fake, &grant.KMS{Key: arn, Client: kms.NewFromConfig(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		RetryMaxAttempts: 1,
	})}
}

func TestKMS(t *testing.T) {
	fake, signer := newKMS(t)
	g := newGrant(t)
	token, err := grant.NewIssuer(signer, parties).Issue(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grant.NewVerifier(signer, parties).Verify(t.Context(), token.Reveal(), noon); err != nil {
		t.Error(grant.Reason(err))
	}
	if got := strings.Join(fake.targets, " "); got != "TrentService.GetPublicKey TrentService.Sign TrentService.GetPublicKey" {
		t.Errorf("called %s", got)
	}
}

// A key of another kind is found out at the first grant, and the log says so.
func TestKMSKeyOfAnotherKind(t *testing.T) {
	fake, signer := newKMS(t)
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"RSA":           func() { fake.public, fake.algs = &r.PublicKey, []string{"RSASSA_PKCS1_V1_5_SHA_256"} },
		"P-384":         func() { fake.public, fake.algs = publicOn384(t), []string{"ECDSA_SHA_384"} },
		"key agreement": func() { fake.public, fake.algs = &fake.private.PublicKey, nil },
	} {
		change()
		_, err := grant.NewIssuer(signer, parties).Issue(t.Context(), newGrant(t))
		if !errors.Is(err, grant.ErrUnavailable) || !strings.Contains(err.Error(), "ECC_NIST_P256") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKMSDown(t *testing.T) {
	_, signer := newKMS(t)
	signer.Client = kms.NewFromConfig(aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://127.0.0.1:1"),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1,
	})
	if _, err := signer.PublicKey(t.Context()); err == nil {
		t.Error("a public key from nowhere")
	}
	if _, err := signer.Sign(t.Context(), make([]byte, 32)); err == nil {
		t.Error("a signature from nowhere")
	}
}
