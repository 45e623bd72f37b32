package snowflake

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// FuzzParsePrivateKey feeds any text, and any bytes as the DER of a bare key, for
// the parts behind base64 are otherwise seldom reached. Whatever comes, the
// answer is a good key or a refusal with a command, in bounded time.
func FuzzParsePrivateKey(f *testing.F) {
	text := keyPEM(f)
	f.Add(text, "")
	f.Add(strings.ReplaceAll(text, "\n", `\n`), passphrase)
	f.Add(body(text), "\r\n")
	for _, r := range refusals {
		if r.text != "" {
			f.Add(r.text, r.pass)
		}
	}
	// One iteration each, or the fuzzer spends its time on deriving.
	for _, script := range []string{
		"cat k.pem", encrypt + "-iter 1", encrypt + "-v2 des3 -v2prf hmacWithSHA512 -iter 1",
		encrypt + "-scrypt -scrypt_N 2 -scrypt_r 1", encrypt + "-v1 PBE-SHA1-3DES -noiter",
		encrypt + "-v1 PBE-MD5-DES -noiter" + legacyProvider, traditional + "-aes256",
	} {
		dir := f.TempDir()
		write(f, dir, "k.pem", text)
		seed, err := shell(dir, passphrase, "", script)
		if err != nil {
			f.Log("no seed of", script)
			continue
		}
		f.Add(seed, passphrase)
		if der, err := decode(onOneLine(body(seed))); err == nil {
			f.Add(string(der), passphrase)
		}
	}
	for _, bomb := range []string{pbkdf2Key(hmacSHA512, n(20_000_000)), scryptKey(n(1<<20), n(8), n(1))} {
		der, _ := base64.StdEncoding.DecodeString(bomb)
		f.Add(string(der), "a\n")
	}
	f.Fuzz(func(t *testing.T, text, pass string) {
		start := time.Now()
		for _, text := range []string{text, base64.StdEncoding.EncodeToString([]byte(text))} {
			key, err := ParsePrivateKey(text, pass)
			checkAnswer(t, key, err)
		}
		// Generous, for fuzzing takes every core; without the bounds it is minutes.
		if took := time.Since(start); took > 8*time.Second {
			t.Fatal("took", took)
		}
	})
}
