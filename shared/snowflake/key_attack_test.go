package snowflake

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// An attacker's own encoder: der of a sequence of the values.
func sequence(values ...any) asn1.RawValue {
	var content []byte
	for _, value := range values {
		der, err := asn1.Marshal(value)
		if err != nil {
			panic(err)
		}
		content = append(content, der...)
	}
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: content})
	if err != nil {
		panic(err)
	}
	return asn1.RawValue{FullBytes: der}
}

func algorithm(oid string, parameters asn1.RawValue) pkix.AlgorithmIdentifier {
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(oid, ".") {
		n := 0
		_, _ = fmt.Sscan(part, &n)
		id = append(id, n)
	}
	return pkix.AlgorithmIdentifier{Algorithm: id, Parameters: parameters}
}

func sealedKey(scheme pkix.AlgorithmIdentifier) string {
	return base64.StdEncoding.EncodeToString(sequence(scheme, make([]byte, 1216)).FullBytes)
}

func octets(b []byte) asn1.RawValue {
	der, _ := asn1.Marshal(b)
	return asn1.RawValue{FullBytes: der}
}

func pbes2Key(derivation pkix.AlgorithmIdentifier) string {
	return sealedKey(algorithm(oidPBES2, sequence(derivation,
		algorithm("2.16.840.1.101.3.4.1.42", octets(make([]byte, 16))))))
}

func pbkdf2Key(hash string, iterations *big.Int) string {
	return pbes2Key(algorithm(oidPBKDF2, sequence([]byte("12345678"), iterations, algorithm(hash, asn1.NullRawValue))))
}

func scryptKey(n, r, p *big.Int) string {
	return pbes2Key(algorithm(oidScrypt, sequence([]byte("12345678"), n, r, p)))
}

func n(i int64) *big.Int { return big.NewInt(i) }

const (
	hmacSHA256  = "1.2.840.113549.2.9"
	hmacSHA512  = "1.2.840.113549.2.11"
	sha1And3DES = "1.2.840.113549.1.12.1.3"
	md5AndDES   = "1.2.840.113549.1.5.3"
)

func TestRefusesBombsBeforeTheyCost(t *testing.T) {
	huge := new(big.Int).Lsh(n(1), 4000)
	bombs := map[string]string{
		"PBKDF2, 20 million":               pbkdf2Key(hmacSHA256, n(20_000_000)),
		"PBKDF2, 2^31":                     pbkdf2Key(hmacSHA256, n(1<<31)),
		"PBKDF2, 2^32 + 1":                 pbkdf2Key(hmacSHA256, n(1<<32+1)),
		"PBKDF2, 2^63":                     pbkdf2Key(hmacSHA256, new(big.Int).Lsh(n(1), 63)),
		"PBKDF2, 2^4000":                   pbkdf2Key(hmacSHA256, huge),
		"PBKDF2, one too many":             pbkdf2Key(hmacSHA256, n(2_000_001)),
		"PBKDF2, one of SHA-512":           pbkdf2Key(hmacSHA512, n(666_667)),
		"PBKDF2, two hashes of SHA-1":      pbkdf2Key(oidHMACSHA1, n(1_000_001)),
		"scrypt, N = 2^20":                 scryptKey(n(1<<20), n(8), n(1)),
		"scrypt, N = 2^16":                 scryptKey(n(1<<16), n(8), n(1)),
		"scrypt, N = 2^62":                 scryptKey(n(1<<62), n(8), n(1)),
		"scrypt, N = 2^64 + 2":             scryptKey(new(big.Int).Add(new(big.Int).Lsh(n(1), 64), n(2)), n(8), n(1)),
		"scrypt, N = 2^4000":               scryptKey(huge, n(8), n(1)),
		"scrypt, r = 2^20":                 scryptKey(n(2), n(1<<20), n(1)),
		"scrypt, r = 2^4000":               scryptKey(n(2), huge, n(1)),
		"scrypt, p = 2^20":                 scryptKey(n(1024), n(8), n(1<<20)),
		"scrypt, p = 2^4000":               scryptKey(n(1024), n(8), huge),
		"scrypt, N = 2^15 three times":     scryptKey(n(1<<15), n(8), n(3)),
		"scrypt, each small, together not": scryptKey(n(1<<12), n(64), n(8)),
		"PKCS#12, 20 million":              sealedKey(algorithm(sha1And3DES, sequence([]byte("12345678"), n(20_000_000)))),
		"PKCS#12, 2^4000":                  sealedKey(algorithm(sha1And3DES, sequence([]byte("12345678"), huge))),
		"PBKDF1, 20 million":               sealedKey(algorithm(md5AndDES, sequence([]byte("12345678"), n(20_000_000)))),
	}
	for name, text := range bombs {
		t.Run(name, func(t *testing.T) {
			atMost(t, 100*time.Millisecond, 1<<20, func() { mustRefuse(t, text, passphrase, "private_key", "too much work") })
		})
	}
	nonsense := map[string]string{
		"PBKDF2, none":                pbkdf2Key(hmacSHA256, n(0)),
		"PBKDF2, fewer than none":     pbkdf2Key(hmacSHA256, n(-1)),
		"scrypt, N no power of two":   scryptKey(n(1000), n(8), n(1)),
		"scrypt, N = 1":               scryptKey(n(1), n(8), n(1)),
		"scrypt, N = 0":               scryptKey(n(0), n(8), n(1)),
		"scrypt, N negative":          scryptKey(n(-1<<40), n(8), n(1)),
		"scrypt, r = 0":               scryptKey(n(1024), n(0), n(1)),
		"scrypt, p negative":          scryptKey(n(1024), n(8), n(-1)),
		"an IV of the wrong length":   sealedKey(algorithm(oidPBES2, sequence(algorithm(oidPBKDF2, sequence([]byte("1"), 1)), algorithm("2.16.840.1.101.3.4.1.42", octets(make([]byte, 8)))))),
		"a key of the wrong length":   pbes2Key(algorithm(oidPBKDF2, sequence([]byte("12345678"), 2048, 1<<30))),
		"half a block":                base64.StdEncoding.EncodeToString(sequence(algorithm(md5AndDES, sequence([]byte("1"), 1)), make([]byte, 204)).FullBytes),
		"nothing sealed":              base64.StdEncoding.EncodeToString(sequence(algorithm(md5AndDES, sequence(make([]byte, 200), 1)), []byte{}).FullBytes),
		"no parameters":               sealedKey(algorithm(md5AndDES, asn1.NullRawValue)),
		"a DEK-Info IV too short":     "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n" + strings.Repeat("A", 64) + "\n-----END RSA PRIVATE KEY-----",
		"a DEK-Info IV of odd digits": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,001\n\n" + strings.Repeat("A", 64) + "\n-----END RSA PRIVATE KEY-----",
	}
	for name, text := range nonsense {
		t.Run(name, func(t *testing.T) {
			atMost(t, 100*time.Millisecond, 1<<20, func() { mustRefuse(t, text, passphrase, "private_key", "damaged") })
		})
	}
	t.Run("unknown", func(t *testing.T) {
		p := mustRefuse(t, sealedKey(algorithm("1.2.3.4444444", asn1.NullRawValue)), passphrase, "private_key", "not known here")
		if strings.Contains(p.Detail, "4444") {
			t.Error("tells the identifier:", p.Detail)
		}
		mustRefuse(t, sealedKey(algorithm("1.2.840.113549.1.5.1", asn1.NullRawValue)), passphrase, "private_key", "MD2")
	})
}

// atMost runs f and checks what it took. Time is of the best of three runs, for
// other programs run beside the tests.
func atMost(t *testing.T, most time.Duration, bytes uint64, f func()) {
	t.Helper()
	best, allocated := time.Hour, ^uint64(0)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		f()
		best = min(best, time.Since(start))
		runtime.ReadMemStats(&after)
		allocated = min(allocated, after.TotalAlloc-before.TotalAlloc)
	}
	if best > most || allocated > bytes {
		t.Errorf("took %s and %d bytes", best, allocated)
	}
}

// dearest are the dearest keys that are opened. How long they take is asserted by
// no test, for it depends on the machine: see BenchmarkDearest.
var dearest = map[string]string{
	"SHA-256":     pbkdf2Key(hmacSHA256, n(2_000_000)),
	"SHA-512":     pbkdf2Key(hmacSHA512, n(666_666)),
	"SHA-1":       pbkdf2Key(oidHMACSHA1, n(1_000_000)),
	"SHA-224":     pbkdf2Key("1.2.840.113549.2.8", n(1_000_000)),
	"scrypt, N":   scryptKey(n(1<<15), n(8), n(2)),
	"scrypt, r":   scryptKey(n(1<<12), n(64), n(2)),
	"scrypt, p":   scryptKey(n(1<<7), n(64), n(64)),
	"scrypt, r=1": scryptKey(n(1<<18), n(1), n(2)),
	"PKCS#12":     sealedKey(algorithm(sha1And3DES, sequence([]byte("12345678"), n(1_000_000)))),
	"PBKDF1":      sealedKey(algorithm(md5AndDES, sequence([]byte("12345678"), n(2_000_000)))),
}

func TestOpensUpToTheBound(t *testing.T) {
	for name, text := range dearest {
		t.Run(name, func(t *testing.T) {
			pasted, err := readPaste(text)
			if err != nil {
				t.Fatal(err)
			}
			if l, err := pasted.lock(); l == nil || err != nil {
				t.Fatal("not to be opened:", err)
			}
			if name != "scrypt, r" {
				return
			}
			// The one of most memory. A line break at the end has it derived twice.
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			mustRefuse(t, text, passphrase+"\n", "passphrase", "does not open")
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 65<<20 {
				t.Errorf("%d bytes", allocated)
			}
		})
	}
}

func BenchmarkDearest(b *testing.B) {
	for name, text := range dearest {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = ParsePrivateKey(text, passphrase)
			}
		})
	}
}

func TestRefusesNumbersThatCost(t *testing.T) {
	big8193 := new(big.Int).SetBit(n(1), 8192, 1)
	long := new(big.Int).SetBit(n(1), 80_000, 1)
	key, err := ParsePrivateKey(keyPEM(t), "")
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := func(version, nn, e, d, p, q, dp, dq, inverse any) string {
		return base64.StdEncoding.EncodeToString(sequence(version, nn, e, d, p, q, dp, dq, inverse).FullBytes)
	}
	pre := key.Precomputed
	p, q, e := key.Primes[0], key.Primes[1], n(int64(key.E))
	for _, test := range []struct{ name, text, needle string }{
		{"8193 bits", rsaKey(0, big8193, e, key.D, p, q, pre.Dp, pre.Dq, pre.Qinv), "more than 8192 bits"},
		{"80,000 bits", rsaKey(0, long, e, key.D, p, q, pre.Dp, pre.Dq, pre.Qinv), "more than 8192 bits"},
		{"an exponent of 80,000 bits", rsaKey(0, key.N, long, key.D, p, q, pre.Dp, pre.Dq, pre.Qinv), "public exponent is too large"},
		{"an exponent of 2^31", rsaKey(0, key.N, n(1<<31), key.D, p, q, pre.Dp, pre.Dq, pre.Qinv), "public exponent is too large"},
		{"an exponent of 1", rsaKey(0, key.N, n(1), key.D, p, q, pre.Dp, pre.Dq, pre.Qinv), "damaged"},
		{"an even modulus", rsaKey(0, new(big.Int).SetBit(key.N, 0, 0), e, key.D, p, q, pre.Dp, pre.Dq, pre.Qinv), "damaged"},
		{"d of 80,000 bits", rsaKey(0, key.N, e, long, p, q, pre.Dp, pre.Dq, pre.Qinv), "damaged"},
		{"p of 80,000 bits", rsaKey(0, key.N, e, key.D, long, q, pre.Dp, pre.Dq, pre.Qinv), "damaged"},
		{"qInv of 80,000 bits", rsaKey(0, key.N, e, key.D, p, q, pre.Dp, pre.Dq, long), "damaged"},
		{"p is 0", rsaKey(0, key.N, e, key.D, n(0), q, pre.Dp, pre.Dq, pre.Qinv), "damaged"},
		{"p is 1", rsaKey(0, key.N, e, key.D, n(1), key.N, pre.Dp, pre.Dq, pre.Qinv), "damaged"},
		{"p is n", rsaKey(0, key.N, e, key.D, key.N, n(1), pre.Dp, pre.Dq, pre.Qinv), "damaged"},
		{"all negative", rsaKey(0, new(big.Int).Neg(key.N), e, n(-1), n(-1), n(-1), n(-1), n(-1), n(-1)), "damaged"},
		{"another d", rsaKey(0, key.N, e, new(big.Int).Add(key.D, n(2)), p, q, pre.Dp, pre.Dq, pre.Qinv), "damaged"},
		{"version 1", rsaKey(1, key.N, e, key.D, p, q, pre.Dp, pre.Dq, pre.Qinv), "two primes"},
		{"version 2^40", rsaKey(1<<40, key.N, e, key.D, p, q, pre.Dp, pre.Dq, pre.Qinv), "two primes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			atMost(t, 100*time.Millisecond, 1<<20, func() { mustRefuse(t, test.text, "", "private_key", test.needle) })
		})
	}
	t.Run("6 MB", func(t *testing.T) {
		text := strings.Repeat("MIIE", 1<<20)
		atMost(t, 100*time.Millisecond, 1<<10, func() { mustRefuse(t, text, "", "private_key", "16 KiB") })
		mustBeKey(t, strings.Repeat(" ", 1<<20)+keyPEM(t)+strings.Repeat("\n", 1<<20), "")
	})
	t.Run("base64 in base64 in base64", func(t *testing.T) {
		text := keyPEM(t)
		for range 3 {
			text = base64.StdEncoding.EncodeToString([]byte(text))
		}
		mustRefuse(t, text, "", "private_key", "is no private key")
	})
}

func TestTells300WrongPassphrasesFromTheRightOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, script := range []string{
		encrypt, encrypt + "-v2 des3", encrypt + "-v1 PBE-SHA1-3DES", traditional + "-aes128", traditional + "-des3",
	} {
		text := made(t, passphrase, script)
		for range 60 {
			pass := make([]byte, 8+random.IntN(30))
			for i := range pass {
				pass[i] = byte(random.IntN(256))
			}
			p := mustRefuse(t, text, string(pass), "passphrase", "does not open")
			mustNotTell(t, p, text, string(pass))
		}
		mustBeKey(t, text, passphrase)
	}
}

// A key that lost a character on the way is refused or is still the same key (a
// few bits of the encoding say nothing), whatever character it is.
func TestRefusesEveryCorruption(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	random := rand.New(rand.NewPCG(3, 4))
	want, err := ParsePrivateKey(keyPEM(t), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []struct{ script, pass string }{
		{"cat k.pem", ""}, {"openssl rsa -in k.pem -traditional", ""},
		{encrypt, passphrase}, {encrypt + "-v1 PBE-SHA1-3DES", passphrase}, {traditional + "-aes256", passphrase},
	} {
		text := made(t, passphrase, form.script)
		damagedOnes := 0
		for range 200 {
			bad := []byte(text)
			at := random.IntN(len(bad))
			switch random.IntN(3) {
			case 0:
				bad[at] = alphabet[random.IntN(64)]
			case 1:
				bad = append(bad[:at], bad[at+1:]...)
			case 2:
				bad = bad[:at]
			}
			key, err := ParsePrivateKey(string(bad), form.pass)
			p := checkAnswer(t, key, err)
			if p == nil {
				if !key.Equal(want) {
					t.Fatal("a damaged key became another key")
				}
				continue
			}
			mustNotTell(t, p, text, form.pass)
			if strings.Contains(p.Detail, "damaged") || strings.Contains(p.Detail, "cut off") {
				damagedOnes++
			}
		}
		if damagedOnes < 150 {
			t.Errorf("%s: only %d of 200 were called damaged or cut off", form.script, damagedOnes)
		}
	}
}

// Within the sealed part and past its first blocks, damage is told from a wrong
// passphrase every time: the start comes out right, and noise never begins so.
func TestTellsDamageFromAWrongPassphrase(t *testing.T) {
	for _, script := range []string{encrypt, encrypt + "-v1 PBE-SHA1-3DES", traditional + "-aes256"} {
		block, _ := pem.Decode([]byte(made(t, passphrase, script)))
		for from := 200; from < len(block.Bytes); from += 37 {
			bad := *block
			bad.Bytes = bytes.Clone(block.Bytes)
			bad.Bytes[from] ^= 0x40
			text := string(pem.EncodeToMemory(&bad))
			mustRefuse(t, text, passphrase, "private_key", "damaged")
			mustRefuse(t, text, "another one", "passphrase", "does not open")
		}
	}
}

func TestErrorsAreNotFormattedWithTheKey(t *testing.T) {
	_, err := ParsePrivateKey(keyPEM(t), passphrase)
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		if text := fmt.Sprintf(verb, err); strings.Contains(text, "MII") || strings.Contains(text, passphrase) {
			t.Error(text)
		}
	}
}
