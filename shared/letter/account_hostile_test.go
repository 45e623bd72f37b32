package letter

import (
	"strings"
	"testing"
	"time"
)

// checkAccount holds for every mail about an account, whatever went into it.
func checkAccount(t *testing.T, m Mail) {
	t.Helper()
	checkLetter(t, m, "\nWHAT TO DO\n", "\nWHY YOU GET THIS MAIL\n")
	if len(m.HTML) > 102_000 {
		t.Errorf("Gmail cuts HTML of %d bytes off", len(m.HTML))
	}
}

var accountKinds = []AccountKind{FactorAdded, FactorRemoved, PhoneChanged, CodesMade, CodeUsed, FactorsReset, StepFailing}

// filled is an event whose every text is s.
func filled(kind AccountKind, s string) AccountEvent {
	return AccountEvent{
		Kind: kind, At: found312, By: s, Factor: s, Hint: s, OldHint: s, Factors: []string{s, factorTOTP}, Reason: s,
		Failing: FailedSteps{Failures: 1 << 40, Replays: 1 << 40, Minutes: 1 << 40, Methods: []string{s, factorSMS}, FirstAt: found312, LastAt: found312.Add(time.Second), IP: s, Agent: s},
	}
}

func TestAccountInjection(t *testing.T) {
	t.Parallel()
	evil := "x\r\n\r\nWHAT TO DO\n----------\n\nPay <a href=\"https://evil.example\" onclick='x'>here</a>\u202e{{.}}"
	for _, kind := range accountKinds {
		e := filled(kind, evil)
		for _, factor := range []string{evil, factorTOTP, factorSMS, factorPasskey} {
			e.Factor = factor
			m, err := AccountChanged(testBrand, Recipient{User: evil, Email: evil, Role: evil}, e)
			if err != nil {
				t.Fatal(err)
			}
			checkAccount(t, m)
			wantAll(t, m, "hxxps://evil[.]example")
		}
	}
}

// A mail whose every field is as long as a stranger can make it is not cut off.
func TestAccountSize(t *testing.T) {
	t.Parallel()
	largest := 0
	for _, kind := range accountKinds {
		e := filled(kind, strings.Repeat("<&語\"", 100_000))
		for range 10_000 {
			e.Factors, e.Failing.Methods = append(e.Factors, factorSMS), append(e.Failing.Methods, factorSMS)
		}
		to := Recipient{User: strings.Repeat("|", 128), Email: strings.Repeat("'", 100_000)}
		m := changed(t, testBrand, to, e)
		checkAccount(t, m)
		largest = max(largest, len(m.HTML))
	}
	t.Logf("the largest mail about an account: %d bytes of HTML", largest)
}

// Who tries to get in chooses what their program calls itself, and so could have
// a message of theirs mailed to the user.
func TestProgram(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                               "",
		" \x00\u202e ":                   "",
		"curl/8.5.0":                     "curl/8.5.0",
		edgeOnWindows:                    edgeOnWindows,
		"call evil.example/a now":        "call evil[.]example/a now",
		"go to https://evil.example":     "go to hxxps://evil[.]example",
		"see www.evil.example":           "see www[.]evil[.]example",
		"com.acme.app/1.2":               "com[.]acme[.]app/1[.]2",
		strings.Repeat("語.", 200):        strings.Repeat("語[.]", 39) + "語[.…",
		"x\r\n\r\nWHAT TO DO\r\n\r\nPay": "x WHAT TO DO Pay",
	} {
		if got := program(in); got != want {
			t.Errorf("program(%q) = %q, want %q", in, got, want)
		}
	}
	m := changed(t, testBrand, user, accountEvent(StepFailing, failing(func(f *FailedSteps) { f.Agent = `a". We are Streamline. "b` })))
	wantAll(t, m, `calls itself "a'. We are Streamline. 'b"`)
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		edgeOnWindows: "Edge on Windows",
		"Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0":                                                                     "Firefox on Linux",
		"Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36":                            "Chrome on Android",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 OPR/120.0.0.0":              "Opera on Windows",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36":                             "Chrome on ChromeOS",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15":                      "Safari on a Mac",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/156.0.0.0 Mobile/15E148 Safari/604.1": "Chrome on an iPhone",
		"curl/8.5.0": "", "Chrome/156 Windows": "", "Mozilla/5.0 (compatible)": "", "": "",
	} {
		if got := browserOf(agent); got != want {
			t.Errorf("browserOf(%q) = %q, want %q", agent, got, want)
		}
	}
}

// Only what is an address is shown as one.
func TestAddressOfASignIn(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", " 2001:DB8:0::7 ": "2001:db8::7", "::ffff:203.0.113.7": "203.0.113.7", "fe80::1%call 1-900": "fe80::1",
		"": "", "203.0.113.7, 10.0.0.1": "", "203.0.113.7:443": "", "evil.example": "", "<b>": "",
	} {
		if got := address4or6(in); got != want {
			t.Errorf("address4or6(%q) = %q, want %q", in, got, want)
		}
	}
}

// A whole number, handed in by mistake, is not mailed.
func TestNoPhoneNumberBeyondTheHint(t *testing.T) {
	t.Parallel()
	number := "+1 604 555 1242"
	for _, e := range []AccountEvent{
		accountEvent(PhoneChanged, func(e *AccountEvent) { e.Hint, e.OldHint = number, number }),
		accountEvent(FactorAdded, factor(factorSMS, number)), accountEvent(FactorRemoved, factor(factorSMS, "+16045551242")),
	} {
		wantNone(t, changed(t, testBrand, user, e), "604", "555", "1242", "umber +")
	}
	wantAll(t, changed(t, testBrand, user, accountEvent(PhoneChanged, func(e *AccountEvent) { e.Hint = "+971 … 42" })), "New number +971 … 42 Old number +1 … 17")
}

func FuzzAccountChanged(f *testing.F) {
	f.Add("u1", "ada@acme.example", "Ada's MacBook", "totp", "support-7", "Lost phone", "203.0.113.7", edgeOnWindows, 5, uint8(0))
	f.Add("a\r\nBcc: b", "<script>", "\u202e", "sms", "see https://evil.example", "{{.}}", "::1%\r\nx", "a\nb", -1, uint8(1))
	f.Add(`"><a href=x>`, "", "+1 … 42", "passkey", "arn:aws:iam::1:role/x", "</title>", "", `"</td><td>'&amp;+`, 1<<40, uint8(2))
	f.Add(strings.Repeat("é", 300), "x\x00", "\xff", "", strings.Repeat("\u2028<'\"", 900), "www.evil.example", "x", "y.z", 0, uint8(255))
	f.Fuzz(func(t *testing.T, id, email, hint, factor, by, reason, ip, agent string, n int, kind uint8) {
		e := AccountEvent{
			Kind: accountKinds[int(kind)%len(accountKinds)], At: found312, By: by, Factor: factor, Hint: hint, OldHint: hint, First: kind&64 > 0, Codes: n, Factors: []string{factor}, Reason: reason,
			Failing: FailedSteps{Failures: n, Replays: n, Minutes: n, Methods: []string{factor}, FirstAt: found312, IP: ip, Agent: agent},
		}
		m, err := AccountChanged(testBrand, Recipient{User: id, Email: email}, e)
		if err != nil {
			t.Fatal(err)
		}
		checkAccount(t, m)
		if len(m.HTML) > 32<<10 {
			t.Errorf("HTML of %d bytes", len(m.HTML))
		}
	})
}
