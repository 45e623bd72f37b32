package sms

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Codes are six digits, all of them, each place as likely any digit as another.
func TestNewCode(t *testing.T) {
	t.Parallel()
	const many = 60_000
	var counts [codeLength][10]int
	for range many {
		c, err := newCode(rand.Reader)
		if err != nil || !isDigits(c.reveal(), codeLength, codeLength) {
			t.Fatalf("a code of %d characters, %v", len(c.reveal()), err)
		}
		for place, digit := range c.reveal() {
			counts[place][digit-'0']++
		}
	}
	// Chi-squared with 9 degrees of freedom: beyond 48 once in 4,000,000 times.
	for place, digits := range counts {
		sum := 0.0
		for _, n := range digits {
			d := float64(n) - many/10
			sum += d * d / (many / 10)
		}
		if sum > 48 {
			t.Errorf("place %d: %v", place, digits)
		}
	}
	if c, err := newCode(io.LimitReader(rand.Reader, 1)); err == nil || c.reveal() != "" {
		t.Errorf("without randomness there is a code, %v", err)
	}
	// Numbers beyond the last million are drawn again, not folded.
	if c, err := newCode(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0x00, 0x00, 0x07})); err != nil || c.reveal() != "000007" {
		t.Errorf("not the second number, %v", err)
	}
}

func TestHiddenPrintsNothing(t *testing.T) {
	t.Parallel()
	c := code{hide("314159")}
	m := Message{hide("Acme code: 314159")}
	account, err := parseTwilioAccount(`{"account_sid":"AC` + strings.Repeat("a", 32) + `","auth_token":"314159","service_sid":"VA` + strings.Repeat("b", 32) + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys(`{"hmac_current":"` + strings.Repeat("314159", 11) + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range prints(c, &c, m, struct{ c code }{c}, struct{ M Message }{m}, []code{c}, account, keys, struct{ k Keys }{keys}) {
		// As text, as the hex of a text, and as bytes of a key in hex.
		for _, shown := range []string{"314159", hex.EncodeToString([]byte("314159")), "49 65 89", "1AY"} {
			if strings.Contains(printed, shown) {
				t.Errorf("%q shows", shown)
			}
		}
	}
}

// Both keys verify, in whatever way they are written; only the current one signs.
func TestKeys(t *testing.T) {
	t.Parallel()
	a, b := bytes.Repeat([]byte{0xa1}, 32), bytes.Repeat([]byte{0xfe}, 40)
	parse := func(current, previous string) Keys {
		t.Helper()
		keys, err := ParseKeys(`{"hmac_current":"` + current + `","hmac_previous":"` + previous + `"}`)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	old := parse(hex.EncodeToString(a), "")
	swapped := parse(base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(a))
	gone := parse(base64.RawStdEncoding.EncodeToString(b), "")
	made := old.sign(forCode, "ann", "123456")
	if !old.verify(made, forCode, "ann", "123456") || !swapped.verify(made, forCode, "ann", "123456") || gone.verify(made, forCode, "ann", "123456") {
		t.Error("the old key does not live as long as it should")
	}
	if swapped.sign(forCode, "ann") != gone.sign(forCode, "ann") {
		t.Error("the current key does not sign, or is read differently")
	}
	// What is moved from one part to the next is another text.
	if old.verify(made, forCode, "ann1", "23456") || old.verify(made, forNumber, "ann", "123456") || old.verify("", forCode, "ann", "123456") {
		t.Error("a MAC is good for something else")
	}
	for _, bad := range []string{"", "null", "[]", "{}", `{"hmac_current":""}`, `{"hmac_current":7}`, strings.Repeat("ab", 32)} {
		if _, err := ParseKeys(bad); !errors.Is(err, errKeyShape) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	good := strings.Repeat("ab", 32)
	for _, bad := range []string{"short", strings.Repeat("a", 62), strings.Repeat("?", 64), base64.StdEncoding.EncodeToString(a[:31])} {
		for i, secret := range []string{`{"hmac_current":"` + bad + `"}`, `{"hmac_current":"` + good + `","hmac_previous":"` + bad + `"}`} {
			if _, err := ParseKeys(secret); !errors.Is(err, errKeyShort) || strings.Contains(err.Error(), bad) {
				t.Errorf("%d bytes as key %d: %v", len(bad), i, err)
			}
		}
	}
}

// The text fits in one message in its own alphabet, whatever the name is.
func TestText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 84)
	for _, c := range []struct{ product, host, want string }{
		{"Acme", "", "Acme code: 314159. It is good for 10 minutes. We never ask for it."},
		{" Acme ", "app.acme.example", "Acme code: 314159. It is good for 10 minutes. We never ask for it.\n@app.acme.example #314159"},
		{"Jäger & Söhne", "", "Jäger & Söhne code: "},
		{"[Acme]", "", "[Acme] code: "},
		{"Žluťák", "", "Your code: "},
		{"", "", "Your code: "},
		{"Acme\n@evil.example #1", "", "Your code: "},
		{"Acme `x`", "", "Your code: "},
		{strings.Repeat("x", 98), "", strings.Repeat("x", 98) + " code: "},
		{strings.Repeat("x", 99), "", "Your code: "},
		{strings.Repeat("x", 98-2) + "[", "", strings.Repeat("x", 96) + "[ code: "},
		{strings.Repeat("x", 98-1) + "[", "", "Your code: "},
		{"Acme", "x." + long[:82], "Acme code: "},
	} {
		if len(c.host) > 63+2 {
			c.host = strings.Repeat("a", 40) + "." + strings.Repeat("b", 43)
		}
		text, err := NewText(c.product, c.host)
		if err != nil {
			t.Errorf("%q at %q: %v", c.product, c.host, err)
			continue
		}
		got := text.with(code{hide("314159")}).Reveal()
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
		n, ok := septets(strings.ReplaceAll(got, "\n", " "))
		if !ok || n > maxSeptets {
			t.Errorf("%q takes %d", got, n)
		}
		if c.host != "" && !strings.HasSuffix(got, "\n@"+c.host+" #314159") {
			t.Errorf("%q does not end in the host", got)
		}
	}
	for _, bad := range []string{
		"https://acme.example", "acme.example:443", "acme.example/", "Acme.example", "a b", "acme..example", ".acme", "acme.", "-a.example", "a-.example",
		"acme.example #1\n@evil.example", strings.Repeat("a", 64) + ".example", strings.Repeat("a", 41) + "." + strings.Repeat("b", 43),
	} {
		if _, err := NewText("Acme", bad); !errors.Is(err, errHost) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	state := newState("code", expiry(noon), "mac")
	if expires, more, err := readState(state, "code", noon.Add(lifetime-time.Second)); err != nil || more != "mac" || expires != expiry(noon) {
		t.Errorf("%s, %s, %v", expires, more, err)
	}
	for _, bad := range []string{"", "code", "code.", "code..", "code.x.mac", "twilio" + state[4:], state[:5] + "9999999999999999999999.mac"} {
		if _, _, err := readState(bad, "code", noon); !errors.Is(err, ErrExpired) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, _, err := readState(state, "code", noon.Add(lifetime)); !errors.Is(err, ErrExpired) {
		t.Errorf("after ten minutes: %v", err)
	}
}
