package snowflake

import (
	"os"
	"strings"
	"testing"
)

const legacyProvider = " -provider legacy -provider default"

// shapes are all the ways in which openssl writes an RSA key, by its own commands.
var shapes = []struct {
	name, script string
	plain        bool
}{
	{"PKCS#8", "cat k.pem", true},
	{"PKCS#1", "openssl rsa -in k.pem -traditional", true},
	{"PKCS#12 taken apart, unencrypted", "openssl req -new -x509 -key k.pem -subj /CN=a -out c.pem" +
		" && openssl pkcs12 -export -name friend -inkey k.pem -in c.pem -passout pass:x -out k.p12" +
		" && openssl pkcs12 -in k.p12 -passin pass:x -nocerts -nodes", true},
	{"PKCS#12 taken apart", "openssl req -new -x509 -key k.pem -subj /CN=a -out c.pem" +
		" && openssl pkcs12 -export -name friend -inkey k.pem -in c.pem -passout pass:x -out k.p12" +
		" && openssl pkcs12 -in k.p12 -passin pass:x -nocerts -passout env:PASS", false},
	{"genpkey", "openssl pkey -in k.pem -aes-256-cbc -passout env:PASS", false},
	{"PBES2 default", "openssl pkcs8 -topk8 -in k.pem -passout env:PASS", false},
	{"PBES2 AES-128", "openssl pkcs8 -topk8 -in k.pem -v2 aes-128-cbc -passout env:PASS", false},
	{"PBES2 AES-192", "openssl pkcs8 -topk8 -in k.pem -v2 aes-192-cbc -passout env:PASS", false},
	{"PBES2 AES-256", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -passout env:PASS", false},
	{"PBES2 3DES, as on Snowflake's page", "openssl pkcs8 -topk8 -in k.pem -v2 des3 -passout env:PASS", false},
	{"PBES2 DES", "openssl pkcs8 -topk8 -in k.pem -v2 des -passout env:PASS" + legacyProvider, false},
	{"PBES2 HMAC-SHA-1", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -v2prf hmacWithSHA1 -passout env:PASS", false},
	{"PBES2 HMAC-SHA-224", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -v2prf hmacWithSHA224 -passout env:PASS", false},
	{"PBES2 HMAC-SHA-256", "openssl pkcs8 -topk8 -in k.pem -v2 aes-128-cbc -v2prf hmacWithSHA256 -passout env:PASS", false},
	{"PBES2 HMAC-SHA-384", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -v2prf hmacWithSHA384 -passout env:PASS", false},
	{"PBES2 HMAC-SHA-512", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -v2prf hmacWithSHA512 -passout env:PASS", false},
	{"PBES2 HMAC-SHA-512/224", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -v2prf hmacWithSHA512-224 -passout env:PASS", false},
	{"PBES2 HMAC-SHA-512/256", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -v2prf hmacWithSHA512-256 -passout env:PASS", false},
	{"PBES2 3DES HMAC-SHA-512", "openssl pkcs8 -topk8 -in k.pem -v2 des3 -v2prf hmacWithSHA512 -passout env:PASS", false},
	{"PBES2 600,000 iterations", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -iter 600000 -passout env:PASS", false},
	{"PBES2 600,000 iterations of HMAC-SHA-512", "openssl pkcs8 -topk8 -in k.pem -v2 aes-256-cbc -v2prf hmacWithSHA512 -iter 600000 -passout env:PASS", false},
	{"scrypt", "openssl pkcs8 -topk8 -in k.pem -scrypt -passout env:PASS", false},
	{"scrypt, AES-128, odd cost", "openssl pkcs8 -topk8 -in k.pem -v2 aes-128-cbc -scrypt -scrypt_N 4096 -scrypt_r 16 -scrypt_p 3 -passout env:PASS", false},
	{"PBES1 SHA1-3DES", "openssl pkcs8 -topk8 -in k.pem -v1 PBE-SHA1-3DES -passout env:PASS", false},
	{"PBES1 SHA1-2DES", "openssl pkcs8 -topk8 -in k.pem -v1 PBE-SHA1-2DES -passout env:PASS", false},
	{"PBES1 MD5-DES, LibreSSL's default", "openssl pkcs8 -topk8 -in k.pem -v1 PBE-MD5-DES -passout env:PASS" + legacyProvider, false},
	{"PBES1 SHA1-DES", "openssl pkcs8 -topk8 -in k.pem -v1 PBE-SHA1-DES -passout env:PASS" + legacyProvider, false},
	{"PBES1 one iteration", "openssl pkcs8 -topk8 -in k.pem -v1 PBE-SHA1-3DES -noiter -passout env:PASS", false},
	{"DEK-Info AES-128", "openssl rsa -in k.pem -traditional -aes128 -passout env:PASS", false},
	{"DEK-Info AES-192", "openssl rsa -in k.pem -traditional -aes192 -passout env:PASS", false},
	{"DEK-Info AES-256", "openssl rsa -in k.pem -traditional -aes256 -passout env:PASS", false},
	{"DEK-Info 3DES", "openssl rsa -in k.pem -traditional -des3 -passout env:PASS", false},
	{"DEK-Info DES", "openssl rsa -in k.pem -traditional -des -passout env:PASS" + legacyProvider, false},
	{"ssh-keygen -m PEM", "cp k.pem id && chmod 600 id && ssh-keygen -q -p -m PEM -P '' -N \"$PASS\" -f id >&2 && cat id", false},
	{"ssh-keygen -m PKCS8", "cp k.pem id && chmod 600 id && ssh-keygen -q -p -m PKCS8 -P '' -N \"$PASS\" -f id >&2 && cat id", false},
}

func TestReadsEveryShape(t *testing.T) {
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			text := made(t, passphrase, shape.script)
			if shape.plain {
				mustBeKey(t, text, "")
				mustBeKey(t, text, "\n") // an empty file of a passphrase
				mustRefuse(t, text, passphrase, "passphrase", "leave the passphrase out")
				return
			}
			mustBeKey(t, text, passphrase)
			if strings.Contains(shape.script, "00000") {
				return // dear; what follows depends on nothing that is dear
			}
			mustBeKey(t, text, passphrase+"\r\n")
			mustRefuse(t, text, "", "passphrase", "is missing")
			mustRefuse(t, text, "not the passphrase", "passphrase", "does not open")
			mustRefuse(t, text, passphrase+" ", "passphrase", "does not open")
		})
	}
}

// The derivations differ in how they take characters, so each is tried with some
// that are not ASCII, with an empty one, and with one that ends in a line break.
func TestReadsEveryPassphrase(t *testing.T) {
	schemes := map[string]string{
		"PBES2":           "openssl pkcs8 -topk8 -in k.pem -passout env:PASS",
		"PBES1 SHA1-3DES": "openssl pkcs8 -topk8 -in k.pem -v1 PBE-SHA1-3DES -passout env:PASS",
		"PBES1 MD5-DES":   "openssl pkcs8 -topk8 -in k.pem -v1 PBE-MD5-DES -passout env:PASS" + legacyProvider,
		"DEK-Info":        "openssl rsa -in k.pem -traditional -aes256 -passout env:PASS",
	}
	passphrases := map[string]string{
		"umlauts": "größe ändern", "Japanese": "正しい馬", "beyond the BMP": "🐴🔋 horse", "spaces": "  two  ",
		"Latin-1": "gr\xf6\xdfe", "long": strings.Repeat("0123456789abcdef", 64), "line break": "horse\n",
	}
	for scheme, script := range schemes {
		for name, pass := range passphrases {
			t.Run(scheme+", "+name, func(t *testing.T) {
				t.Parallel()
				mustBeKey(t, made(t, pass, script), pass)
			})
		}
	}
	// openssl rsa refuses to write with an empty one.
	for _, script := range []string{schemes["PBES2"], schemes["PBES1 SHA1-3DES"]} {
		t.Run("empty, "+script, func(t *testing.T) {
			text := made(t, "", script)
			mustBeKey(t, text, "")
			mustRefuse(t, text, "no", "passphrase", "does not open")
		})
	}
}

// What an openssl without the legacy module cannot make lies in testdata, made
// by openssl 3.0.19 with it; the key and its passphrase are for nothing else.
func TestReadsFixtures(t *testing.T) {
	files, err := os.ReadDir("testdata/keys")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			text, err := os.ReadFile("testdata/keys/" + file.Name())
			if err != nil {
				t.Fatal(err)
			}
			key, err := ParsePrivateKey(string(text), passphrase)
			if err != nil {
				t.Fatal(err)
			}
			if got := Fingerprint(&key.PublicKey); got != fixtureFingerprint {
				t.Error("another key:", got)
			}
		})
	}
}

const fixtureFingerprint = "SHA256:yKsLxN8NiEh1YUyAUuortPJ7DKn5A45zJaQnAJ3Vi6g="
