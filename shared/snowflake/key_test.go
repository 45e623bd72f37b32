package snowflake

import (
	"bytes"
	"crypto/rsa"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"safekeep/shared/problem"
)

const passphrase = "correct horse, battery staple"

// shell runs a script in dir and returns what it prints. It has no terminal, so
// that prompts are answered from stdin; $PASS is the passphrase.
func shell(dir, pass, stdin, script string) (string, error) {
	command := exec.Command("sh", "-euc", script)
	command.Dir = dir
	command.Env = append(os.Environ(), "PASS="+pass)
	command.Stdin = strings.NewReader(stdin)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	err := command.Run()
	if err != nil {
		return complaints.String(), err
	}
	return out.String(), nil
}

// theKey is one key for the whole run, as openssl makes it: unencrypted PKCS#8 PEM.
var theKey = sync.OnceValues(func() (string, error) {
	return shell(os.TempDir(), "", "", "openssl genrsa 2048 2>/dev/null | openssl pkcs8 -topk8 -nocrypt")
})

func keyPEM(t testing.TB) string {
	t.Helper()
	text, err := theKey()
	if err != nil {
		t.Fatal("these tests need openssl:", err, text)
	}
	return text
}

// made returns what a script makes of the key, which it finds as k.pem. It skips
// the test, by the script's name, when this openssl cannot do that.
func made(t *testing.T, pass, script string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "k.pem", keyPEM(t))
	text, err := shell(dir, pass, "", script)
	if err != nil {
		t.Skipf("NOT TESTED, this machine cannot make it: %s: %v\n%s", script, err, text)
	}
	return text
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustBeKey parses a text that must hold the one key.
func mustBeKey(t testing.TB, text, pass string) {
	t.Helper()
	key, err := ParsePrivateKey(text, pass)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ParsePrivateKey(keyPEM(t), "")
	if err != nil {
		t.Fatal(err)
	}
	if !key.Equal(want) {
		t.Fatal("another key came out")
	}
	// It must also work, not only look the same.
	if err := key.Validate(); err != nil {
		t.Fatal(err)
	}
}

// mustRefuse returns the problem of a text that must not be taken.
func mustRefuse(t testing.TB, text, pass, field, needle string) *problem.Error {
	t.Helper()
	key, err := ParsePrivateKey(text, pass)
	p := checkAnswer(t, key, err)
	if p == nil {
		t.Fatal("was taken")
	}
	if p.Field != field || !strings.Contains(p.Detail, needle) {
		t.Fatalf("refused as %q, want %s: …%s…", p.Error(), field, needle)
	}
	return p
}

// checkAnswer checks what holds for every answer, and returns its problem.
func checkAnswer(t testing.TB, key *rsa.PrivateKey, err error) *problem.Error {
	t.Helper()
	if err == nil {
		if key == nil || key.N.BitLen() < 2048 || len(key.Primes) != 2 {
			t.Fatal("neither an error nor a good key")
		}
		return nil
	}
	p, ok := problem.Of(err)
	if !ok || key != nil {
		t.Fatalf("an error must be a problem and come alone: %v", err)
	}
	_, command, found := strings.Cut(p.Detail, " Run: ")
	if p.Kind != problem.Unacceptable || p.Field != "private_key" && p.Field != "passphrase" || !found || command == "" {
		t.Fatalf("not a refusal with a command: %q", p.Error())
	}
	return p
}

// mustNotTell checks that a refusal tells no eight characters of the passphrase,
// nor any of the paste that can be base64 and so a piece of the key.
func mustNotTell(t testing.TB, p *problem.Error, text, pass string) {
	t.Helper()
	for i := 0; i+8 <= len(text); i++ {
		if piece := text[i : i+8]; strings.Contains(p.Error(), piece) && base64Only.MatchString(piece) {
			t.Fatalf("%q tells a piece of what was pasted: %q", p.Error(), piece)
		}
	}
	for i := 0; i+8 <= len(pass); i++ {
		if piece := pass[i : i+8]; strings.Contains(p.Error(), piece) {
			t.Fatalf("%q tells a piece of the passphrase: %q", p.Error(), piece)
		}
	}
}

var base64Only = regexp.MustCompile(`^[A-Za-z0-9+/=]+$`)
