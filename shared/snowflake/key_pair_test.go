package snowflake

import (
	"crypto/rand"
	"encoding/pem"
	"strings"
	"testing"

	"safekeep/shared/problem"
)

// What Snowflake's page tells its users to run, on each of its keys.
const opensslFingerprint = "openssl rsa -in k.pem -pubout 2>/dev/null | openssl rsa -pubin -outform DER 2>/dev/null" +
	" | openssl dgst -sha256 -binary | openssl enc -base64"

func TestGenerateKey(t *testing.T) {
	for _, bits := range []int{2048, 3072, 4096} {
		if bits > 2048 && testing.Short() {
			continue
		}
		key, err := GenerateKey(rand.Reader, bits)
		if err != nil || key.N.BitLen() != bits {
			t.Fatal(bits, err)
		}
		text := MarshalPrivateKey(key)
		again, err := ParsePrivateKey(string(text), "")
		if err != nil || !again.Equal(key) {
			t.Fatal("does not come back:", err)
		}
		dir := t.TempDir()
		write(t, dir, "k.pem", string(text))
		want, err := shell(dir, "", "", opensslFingerprint)
		if err != nil {
			t.Fatal(err, want)
		}
		if got := Fingerprint(&key.PublicKey); got != "SHA256:"+strings.TrimSpace(want) {
			t.Errorf("%s, openssl says %s", got, want)
		}
		if out, err := shell(dir, "", "", "openssl rsa -in k.pem -check -noout"); err != nil || !strings.Contains(out, "RSA key ok") {
			t.Error("openssl does not like it:", out, err)
		}
	}
	for _, bits := range []int{0, -1, 1024, 2047, 2049, 8192, 1 << 30} {
		_, err := GenerateKey(rand.Reader, bits)
		if p, ok := problem.Of(err); !ok || p.Field != "bits" || p.Kind != problem.Unacceptable {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

func TestFingerprintIsOpenSSLs(t *testing.T) {
	want := strings.TrimSpace(made(t, "", opensslFingerprint))
	key, err := ParsePrivateKey(keyPEM(t), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := Fingerprint(&key.PublicKey); got != "SHA256:"+want {
		t.Errorf("%s, openssl says %s", got, want)
	}
}

func TestPublicKeyBodyIsOpenSSLs(t *testing.T) {
	want := made(t, "", "openssl pkey -in k.pem -pubout | grep -v -e ----- | tr -d '\\n'")
	key, err := ParsePrivateKey(keyPEM(t), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := PublicKeyBody(&key.PublicKey); got != want {
		t.Errorf("%s, openssl says %s", got, want)
	}
}

func TestMarshalPrivateKeyIsOpenSSLs(t *testing.T) {
	key, err := ParsePrivateKey(made(t, passphrase, encrypt), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	text := MarshalPrivateKey(key)
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" || len(block.Headers) > 0 || len(rest) > 0 {
		t.Fatal("not one block of PKCS#8")
	}
	if string(text) != keyPEM(t) {
		t.Error("not the bytes that openssl writes")
	}
}
