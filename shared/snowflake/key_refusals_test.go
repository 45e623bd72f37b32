package snowflake

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	encrypt     = "openssl pkcs8 -topk8 -in k.pem -passout env:PASS "
	traditional = "openssl rsa -in k.pem -traditional -passout env:PASS "
	selfSigned  = "openssl req -new -x509 -key k.pem -subj /CN=a "
)

// refusals are what people paste in place of a key.
//
// Each is made by a script (or is a text), refused, and mended: the command in
// the refusal runs as it stands, in a directory that lay has prepared, prompts
// answered; what it prints or writes must then be read with the passphrase
// "new one", or with none.
var refusals = []struct {
	name, script, text string
	pass               string // that comes with it
	field, needle      string
	lay                string // finds k.pem and the paste as "pasted"
	answers            string
	mended             string // the passphrase of what comes out
	program            string // that must be there to mend it, when not openssl
}{
	{name: "nothing", needle: "is empty", lay: showKey},
	{name: "space", text: " \n\t\ufeff ", needle: "is empty", lay: showKey},
	{name: "quotes only", text: `""`, needle: "is no private key", lay: "cp k.pem rsa_key.p8"},
	{name: "too long", script: "cat k.pem; head -c 20000 /dev/zero | tr '\\0' a", needle: "16 KiB", lay: "cp pasted rsa_key.p8"},
	{name: "path", text: "/home/ann/.ssh/snowflakeloader.p8", needle: "name of a file", lay: showKey},
	{name: "relative path", text: "./snowflakeloader", needle: "name of a file", lay: showKey},
	{name: "home", text: "~/keys/snowflakeloader", needle: "name of a file", lay: showKey},
	{name: "Windows path", text: `"C:\Users\new\snowflakeloader.p8"`, needle: "name of a file", lay: showKey},
	{name: "file name", text: "snowflakeloader.pem", needle: "name of a file", lay: showKey},
	{name: "URL of a file", text: "file:///keys/snowflakeloader", needle: "name of a file", lay: showKey},
	{name: "JSON", script: `jq -Rs '{user: "a", private_key: .}' k.pem`, needle: "JSON document",
		lay: "cp pasted rsa_key.json", program: "jq"},
	{name: "service account", script: `jq -Rs '{type: "service_account", private_key: .}' k.pem`,
		needle: "Google service account"},
	{name: "garbage", text: "hello world, this is my key", needle: "no private key", lay: "cp k.pem rsa_key.p8"},
	{name: "base64 of garbage", script: "head -c 300 /dev/zero | openssl enc -base64", needle: "no private key", lay: "cp k.pem rsa_key.p8"},
	{name: "DER, the file", script: "openssl pkey -in k.pem -outform DER", needle: "no private key", lay: "cp pasted rsa_key.p8"},
	{name: "placeholder", text: "{{ secrets.RSA_KEY }}", needle: "no private key", lay: "cp k.pem rsa_key.p8"},
	{name: "PKCS#7", script: selfSigned + "-out c.pem && openssl crl2pkcs7 -nocrl -certfile c.pem",
		needle: "no private key", lay: "cp k.pem rsa_key.p8"},
	{name: "parameters", script: "openssl ecparam -name prime256v1", needle: "no private key", lay: "cp k.pem rsa_key.p8"},

	{name: "public key", script: "openssl pkey -in k.pem -pubout", needle: "is a public key", lay: showKey},
	{name: "public key, RSAPublicKey", script: "openssl rsa -in k.pem -RSAPublicKey_out", needle: "is a public key", lay: showKey},
	{name: "public key, bare", script: "openssl pkey -in k.pem -pubout | grep -v -e -----", needle: "is a public key", lay: showKey},
	{name: "public key for ALTER USER", script: "openssl pkey -in k.pem -pubout | grep -v -e ----- | tr -d '\\n'", needle: "is a public key", lay: showKey},
	{name: "public key, PKCS#1, bare", script: "openssl rsa -in k.pem -RSAPublicKey_out | grep -v -e -----", needle: "is a public key", lay: showKey},
	{name: "public key of SSH", script: "chmod 600 k.pem && ssh-keygen -y -f k.pem", needle: "is a public key", lay: showKey},
	{name: "public key of SSH, the middle", script: "chmod 600 k.pem && ssh-keygen -y -f k.pem | cut -d' ' -f2", needle: "is a public key", lay: showKey},
	{name: "public key of SSH2", script: "chmod 600 k.pem && ssh-keygen -e -f k.pem", needle: "is a public key", lay: showKey},
	{name: "public key, encrypted key at home", script: "openssl pkey -in k.pem -pubout", needle: "is a public key",
		lay: "openssl pkcs8 -topk8 -in k.pem -passout 'pass:new one' -out rsa_key.p8", mended: "new one"},
	{name: "certificate", script: selfSigned, needle: "is a certificate;", lay: showKey},
	{name: "certificate, bare", script: selfSigned + "| grep -v -e -----", needle: "is a certificate;", lay: showKey},
	{name: "certificate request", script: "openssl req -new -key k.pem -subj /CN=a", needle: "certificate request", lay: showKey},
	{name: "certificate request, bare", script: "openssl req -new -key k.pem -subj /CN=a | grep -v -e -----", needle: "certificate request", lay: showKey},

	{name: "private and public key", script: "cat k.pem; openssl pkey -in k.pem -pubout", needle: "more than one", lay: "cp pasted rsa_key.p8"},
	{name: "public and private key", script: "openssl pkey -in k.pem -pubout; cat k.pem", needle: "more than one", lay: "cp pasted rsa_key.p8"},
	{name: "two private keys", script: "cat k.pem; openssl genrsa 1024", needle: "more than one", lay: "cp pasted rsa_key.p8"},
	{name: "key and certificate", script: selfSigned + "-out c.pem && cat c.pem k.pem", needle: "more than one", lay: "cp pasted rsa_key.p8"},
	{name: "two keys, END lines lost", script: "cat k.pem k.pem | grep -v END", needle: "more than one", lay: "cat k.pem k.pem >rsa_key.p8"},

	{name: "EC", script: "openssl ecparam -name prime256v1 -genkey", needle: "elliptic-curve", answers: newOne, mended: "new one"},
	{name: "EC, PKCS#8", script: "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", needle: "elliptic-curve"},
	{name: "EC, bare", script: "openssl ecparam -name prime256v1 -genkey -noout | grep -v -e -----", needle: "elliptic-curve"},
	{name: "EC, DEK-Info", script: "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -aes128 -passout env:PASS", needle: "elliptic-curve"},
	{name: "EC, encrypted", script: "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -passout env:PASS",
		pass: passphrase, needle: "elliptic-curve"},
	{name: "Ed25519", script: "openssl genpkey -algorithm ED25519", needle: "an Ed25519"},
	{name: "Ed25519, encrypted", script: "openssl genpkey -algorithm ED25519 -aes256 -pass env:PASS", pass: passphrase, needle: "an Ed25519"},
	{name: "Ed448", script: "openssl genpkey -algorithm ED448", needle: "an Ed448"},
	{name: "X25519", script: "openssl genpkey -algorithm X25519", needle: "an X25519"},
	{name: "Diffie-Hellman", script: "openssl genpkey -algorithm DH -pkeyopt group:ffdhe2048", needle: "a Diffie-Hellman"},
	{name: "DSA", script: dsa + "openssl pkey -in d.pem", needle: "a DSA"},
	{name: "DSA, its own form", script: dsa + "openssl dsa -in d.pem", needle: "a DSA"},
	{name: "DSA, bare", script: dsa + "openssl dsa -in d.pem | grep -v -e -----", needle: "a DSA"},
	{name: "RSA-PSS", script: "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:1024", needle: "an RSA-PSS"},
	{name: "RSA-PSS, traditional", script: "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:1024 | openssl rsa -traditional", needle: "an RSA-PSS"},
	{name: "RSA of 1024 bits", script: "openssl genrsa 1024", needle: "less than 2048 bits"},
	{name: "RSA of 2047 bits", script: "openssl genrsa 2047", needle: "less than 2048 bits"},
	{name: "RSA of 1024 bits, a passphrase", script: "openssl genrsa 1024", pass: passphrase, needle: "less than 2048 bits"},
	{name: "RSA of three primes", script: "openssl genrsa -primes 3 2048", needle: "more than two primes"},

	{name: "OpenSSH", script: openSSH + "ssh-keygen -q -p -P '' -N '' -f id >&2 && cat id", needle: "OpenSSH's own format",
		lay: "cp pasted id_rsa && chmod 600 id_rsa", answers: newOne, mended: "new one", program: "ssh-keygen"},
	{name: "OpenSSH, encrypted", script: openSSH + "ssh-keygen -q -p -P '' -N \"$PASS\" -f id >&2 && cat id", pass: passphrase,
		needle: "OpenSSH's own format", lay: "cp pasted id_rsa && chmod 600 id_rsa",
		answers: passphrase + "\n" + newOne, mended: "new one", program: "ssh-keygen"},
	{name: "OpenSSH, bare", script: openSSH + "ssh-keygen -q -p -P '' -N '' -f id >&2 && grep -v -e ----- id", needle: "OpenSSH's own format"},
	{name: "OpenSSH Ed25519", script: "ssh-keygen -q -t ed25519 -N '' -f id && cat id", needle: "an Ed25519"},
	{name: "PuTTY", text: "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: a\nPublic-Lines: 6\nAAAA", needle: "PuTTY's own format",
		lay: "puttygen -q -t rsa -b 2048 --new-passphrase /dev/null -o rsa_key.ppk", program: "puttygen"},
	{name: "PKCS#12", script: pkcs12 + "openssl enc -base64 -in k.p12", needle: "PKCS#12 store",
		lay: "openssl enc -d -base64 -in pasted -out rsa_key.p12", answers: "x\n" + newOne, mended: "new one"},
	{name: "PKCS#12 as macOS writes it", text: "MIACAQMwgAYJKoZIhvcNAQcB", needle: "PKCS#12 store"},
	{name: "Java key store", text: javaKeyStore, needle: "Java key store",
		lay: "openssl enc -d -base64 -in pasted -out rsa_key.jks", answers: "storepass\nstorepass\nstorepass\n\fstorepass\n" + newOne,
		mended: "new one", program: "keytool"},

	{name: "no passphrase", script: encrypt, field: "passphrase", needle: "is missing",
		lay: "cp pasted rsa_key.p8", answers: passphrase + "\n"},
	{name: "a line break for a passphrase", script: encrypt, pass: "\n", field: "passphrase", needle: "is missing",
		lay: "cp pasted rsa_key.p8", answers: passphrase + "\n"},
	{name: "wrong passphrase", script: encrypt, pass: "wrong horse, wrong staple", field: "passphrase", needle: "does not open",
		lay: "cp pasted rsa_key.p8", answers: passphrase + "\n"},
	{name: "needless passphrase", script: "cat k.pem", pass: passphrase, field: "passphrase", needle: "not encrypted",
		lay: "cp pasted rsa_key.p8", answers: newOne, mended: "new one"},
	{name: "a key for a passphrase", script: encrypt, pass: strings.Repeat("MIIEpAIBAAKCAQEA", 100), field: "passphrase", needle: "longer than 1024 bytes",
		lay: "cp pasted rsa_key.p8", answers: passphrase + "\n" + newOne, mended: "new one"},

	{name: "cut off", script: "head -n 12 k.pem", needle: "cut off", lay: showKey},
	{name: "cut off within a line", script: "head -c 1001 k.pem", needle: "cut off", lay: showKey},
	{name: "cut off, bare", script: "head -n 12 k.pem | tail -n 11", needle: "cut off", lay: showKey},
	{name: "a line lost", script: "sed 9d k.pem", needle: "cut off", lay: showKey},
	{name: "the first line lost", script: "sed 2d k.pem", needle: "damaged", lay: showKey},
	{name: "BEGIN and END only", script: "grep -e ----- k.pem", needle: "cut off", lay: showKey},
	{name: "BEGIN only", script: "head -n 1 k.pem", needle: "cut off", lay: showKey},
	{name: "a line twice", script: "sed 9p k.pem", needle: "damaged", lay: showKey},
	{name: "two lines swapped", script: "sed '9{h;d};10G' k.pem", needle: "damaged", lay: showKey},
	{name: "an ellipsis", script: "sed 's/^.*$/&/;9s/.*/.../' k.pem", needle: "damaged", lay: showKey},
	{name: "a character changed", script: "sed '9s/^./*/' k.pem", needle: "damaged", lay: showKey},
	{name: "encrypted and cut off", script: encrypt + "| head -n 20", pass: passphrase, needle: "cut off", lay: showKey},
	{name: "encrypted, a line lost", script: encrypt + "| sed 9d", pass: passphrase, needle: "cut off", lay: showKey},
	{name: "encrypted, two lines swapped", script: encrypt + "| sed '9{h;d};10G'", pass: passphrase, needle: "damaged", lay: showKey},
	{name: "DEK-Info, two lines swapped", script: traditional + "-aes256 | sed '9{h;d};10G'", pass: passphrase, needle: "damaged", lay: showKey},
	{name: "DEK-Info, cut off", script: traditional + "-aes256 | head -n 20", pass: passphrase, needle: "damaged", lay: showKey},
	{name: "DEK-Info, its line lost", script: traditional + "-aes256 | grep -v DEK", pass: passphrase, needle: "damaged", lay: showKey},

	{name: "Camellia", script: encrypt + "-v2 camellia-256-cbc", pass: passphrase, needle: "Camellia", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "ARIA", script: encrypt + "-v2 aria-256-cbc", pass: passphrase, needle: "ARIA", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "SM4", script: encrypt + "-v2 sm4-cbc", pass: passphrase, needle: "SM4", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "AES in CFB", script: encrypt + "-v2 aes-128-cfb", pass: passphrase, needle: "AES in a mode", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "HMAC-MD5", script: encrypt + "-v2 aes-128-cbc -v2prf hmacWithMD5", pass: passphrase, needle: "HMAC-MD5", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "RC2 of PBES2", script: encrypt + "-v2 rc2" + legacyProvider, pass: passphrase, needle: "RC2", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "Blowfish", script: encrypt + "-v2 bf-cbc" + legacyProvider, pass: passphrase, needle: "Blowfish", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "CAST5", script: encrypt + "-v2 cast5-cbc" + legacyProvider, pass: passphrase, needle: "CAST5", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "SEED", script: encrypt + "-v2 seed" + legacyProvider, pass: passphrase, needle: "SEED", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "RC2 of 40 bits", script: encrypt + "-v1 PBE-SHA1-RC2-40" + legacyProvider, pass: passphrase, needle: "RC2", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "RC2 of 128 bits", script: encrypt + "-v1 PBE-SHA1-RC2-128" + legacyProvider, pass: passphrase, needle: "RC2", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "RC2 with MD5", script: encrypt + "-v1 PBE-MD5-RC2-64" + legacyProvider, pass: passphrase, needle: "RC2", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "RC2 with SHA-1", script: encrypt + "-v1 PBE-SHA1-RC2-64" + legacyProvider, pass: passphrase, needle: "RC2", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "RC4", script: encrypt + "-v1 PBE-SHA1-RC4-128" + legacyProvider, pass: passphrase, needle: "RC4", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "DEK-Info Camellia", script: traditional + "-camellia128", pass: passphrase, needle: "Camellia", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "DEK-Info ARIA", script: traditional + "-aria256", pass: passphrase, needle: "ARIA", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "DEK-Info Blowfish", script: traditional + "-bf" + legacyProvider, pass: passphrase, needle: "Blowfish", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "DEK-Info AES in CFB", script: traditional + "-aes-256-cfb", pass: passphrase, needle: "AES in a mode", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "too dear", script: encrypt + "-v2 aes-256-cbc -v2prf hmacWithSHA512 -iter 700000", pass: passphrase, needle: "too much work", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
	{name: "too dear scrypt", script: encrypt + "-scrypt -scrypt_N 2048 -scrypt_r 8 -scrypt_p 65", pass: passphrase, needle: "too much work", lay: "cp pasted rsa_key.p8", answers: convert, mended: "new one"},
}

const (
	showKey = "cp k.pem rsa_key.p8"
	newOne  = "new one\nnew one\n"
	convert = passphrase + "\n" + newOne
	openSSH = "cp k.pem id && chmod 600 id && " // -p without -m writes OpenSSH's format
	pkcs12  = selfSigned + "-out c.pem && openssl pkcs12 -export -name a -inkey k.pem -in c.pem -passout pass:x -out k.p12 && "
	dsa     = "openssl dsaparam -out p.pem 1024 2>/dev/null && openssl gendsa -out d.pem p.pem 2>/dev/null && "
)

// javaKeyStore was made by keytool of Java 17, of a key that is for nothing else.
//
//go:embed testdata/java-key-store.base64
var javaKeyStore string

func TestRefusesByNameAndMends(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			text := r.text
			if r.script != "" {
				text = made(t, passphrase, r.script)
			}
			if r.field == "" {
				r.field = "private_key"
			}
			p := mustRefuse(t, text, r.pass, r.field, r.needle)
			mustNotTell(t, p, text, r.pass)
			if r.lay == "" && r.answers == "" {
				return // another row runs the same command
			}
			if _, err := exec.LookPath(r.program); r.program != "" && err != nil {
				t.Skipf("NOT MENDED, this machine has no %s", r.program)
			}
			_, command, _ := strings.Cut(p.Detail, " Run: ")
			mend(t, command, text, r.lay, r.answers, r.mended)
		})
	}
}

var outputOf = regexp.MustCompile(`(?:-out|-o|-f) (\S+)$|-out (\S+) -provider`)

// mend runs a refusal's command and checks that what comes out is read.
func mend(t *testing.T, command, pasted, lay, answers, pass string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "k.pem", keyPEM(t))
	write(t, dir, "pasted", pasted)
	if out, err := shell(dir, "", "", lay); err != nil {
		t.Fatalf("%s: %v\n%s", lay, err, out)
	}
	// keytool reads on beyond its own answers, so what is for the command after
	// it stands behind a form feed.
	own, next, split := strings.Cut(answers, "\f")
	first, second := command, ""
	if split {
		first, second, _ = strings.Cut(command, " && ")
	}
	out, err := shell(dir, "", own, first)
	if err == nil && split {
		out, err = shell(dir, "", next, second)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if strings.HasSuffix(command, "-noout") {
		// It asks for a passphrase; that it says no to a wrong one is its use.
		if _, err := shell(dir, "", "some other one\n", command); err == nil {
			t.Fatal("takes any passphrase:", command)
		}
		return
	}
	if m := outputOf.FindStringSubmatch(command); m != nil {
		text, err := os.ReadFile(filepath.Join(dir, m[1]+m[2]))
		if err != nil {
			t.Fatal(err)
		}
		out = string(text)
	}
	key, err := ParsePrivateKey(out, pass)
	if err != nil || key.N.BitLen() != 2048 {
		t.Fatalf("%s: does not mend it: %v", command, err)
	}
}
