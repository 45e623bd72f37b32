package letter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const edgeOnWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0"

var (
	user     = Recipient{User: "u1", Email: "ada@acme.example"}
	bareMail = Brand{Product: "Streamline", From: "security@streamline.example"}
)

// accountEvent is an event of an account; change makes it differ.
func accountEvent(kind AccountKind, change ...func(*AccountEvent)) AccountEvent {
	e := AccountEvent{Kind: kind, At: found312}
	switch kind {
	case FactorAdded, FactorRemoved:
		e.Factor = factorTOTP
	case PhoneChanged:
		e.Hint, e.OldHint = "+1 … 42", "+1 … 17"
	case CodesMade:
		e.Codes = 10
	case CodeUsed:
		e.Codes = 7
	case FactorsReset:
		e.Factors, e.Reason, e.By = []string{factorTOTP, factorSMS, factorSMS}, "Lost phone; called back on the number we have", "support-7"
	case StepFailing:
		e.Failing = FailedSteps{
			Failures: 5, Minutes: 15, Methods: []string{factorTOTP}, FirstAt: found312, LastAt: found312.Add(8*time.Minute + 22*time.Second),
			IP: "203.0.113.7", Agent: edgeOnWindows,
		}
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

func factor(kind, hint string) func(*AccountEvent) {
	return func(e *AccountEvent) { e.Factor, e.Hint = kind, hint }
}
func codes(n int) func(*AccountEvent) { return func(e *AccountEvent) { e.Codes = n } }
func first(e *AccountEvent)           { e.First = true }
func failing(change func(*FailedSteps)) func(*AccountEvent) {
	return func(e *AccountEvent) { change(&e.Failing) }
}

func changed(t testing.TB, b Brand, to Recipient, e AccountEvent) Mail {
	t.Helper()
	m, err := AccountChanged(b, to, e)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// accounts are the mails people get, each read once by eye and then kept.
func accounts() map[string]func(testing.TB) Mail {
	one := func(b Brand, kind AccountKind, change ...func(*AccountEvent)) func(testing.TB) Mail {
		return func(t testing.TB) Mail { return changed(t, b, user, accountEvent(kind, change...)) }
	}
	return map[string]func(testing.TB) Mail{
		"account-failing": one(testBrand, StepFailing),
		"account-failing-replayed": one(testBrand, StepFailing, failing(func(f *FailedSteps) {
			f.Replays, f.Methods, f.IP, f.Agent = 2, []string{factorSMS, factorTOTP, factorSMS, factorRecovery}, "2001:db8::7", "curl/8.5.0"
		})),
		"account-failing-bare": one(bareMail, StepFailing, failing(func(f *FailedSteps) { f.IP, f.Agent, f.LastAt = "", "", f.FirstAt })),
		"account-failing-hardly-known": func(t testing.TB) Mail {
			return changed(t, bareMail, Recipient{User: "u1"}, AccountEvent{Kind: StepFailing})
		},
		"account-added-first":   one(testBrand, FactorAdded, first, codes(10)),
		"account-added-phone":   one(testBrand, FactorAdded, factor(factorSMS, "+1 … 42")),
		"account-added-passkey": one(testBrand, FactorAdded, factor(factorPasskey, "Ada's MacBook")),
		"account-removed":       one(testBrand, FactorRemoved, factor(factorPasskey, "Ada's MacBook")),
		"account-phone-changed": one(testBrand, PhoneChanged),
		"account-codes-made":    one(testBrand, CodesMade),
		"account-code-used":     one(testBrand, CodeUsed),
		"account-code-used-few": one(testBrand, CodeUsed, codes(2)),
		"account-last-code":     one(bareMail, CodeUsed, codes(0)),
		"account-reset":         one(testBrand, FactorsReset),
		"account-reset-bare":    one(bareMail, FactorsReset, func(e *AccountEvent) { e.Factors, e.Reason, e.By = nil, "", "" }),
	}
}

func TestAccountSubject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		want string
		in   AccountEvent
	}{
		{"Somebody may have your password for Streamline", accountEvent(StepFailing)},
		{"An authenticator app was added to your account at Streamline", accountEvent(FactorAdded, first)},
		{"A phone number was added to your account at Streamline", accountEvent(FactorAdded, factor(factorSMS, ""))},
		{"A passkey was removed from your account at Streamline", accountEvent(FactorRemoved, factor(factorPasskey, "x"))},
		{"A second factor was removed from your account at Streamline", accountEvent(FactorRemoved, factor("retina", "x"))},
		{"The phone number for codes of your account at Streamline was changed", accountEvent(PhoneChanged)},
		{"New recovery codes were made for your account at Streamline", accountEvent(CodesMade)},
		{"A recovery code was used for your account at Streamline", accountEvent(CodeUsed, codes(3))},
		{"A recovery code was used for your account at Streamline: 2 are left", accountEvent(CodeUsed, codes(2))},
		{"A recovery code was used for your account at Streamline: 1 is left", accountEvent(CodeUsed, codes(1))},
		{"A recovery code was used for your account at Streamline: none is left", accountEvent(CodeUsed, codes(0))},
		{"All second factors of your account at Streamline were removed", accountEvent(FactorsReset)},
	}
	for _, tt := range tests {
		if got := changed(t, testBrand, user, tt.in).Subject; got != tt.want {
			t.Errorf("subject\n got %s\nwant %s", got, tt.want)
		}
		long := changed(t, Brand{Product: strings.Repeat("語", 100), From: testBrand.From}, user, tt.in).Subject
		if n := utf8.RuneCountInString(long); n != subjectRunes || !strings.Contains(long, "語…") {
			t.Errorf("subject with a long product has %d runes: %s", n, long)
		}
	}
}

// TestAccountContent checks what each mail must say and must not.
func TestAccountContent(t *testing.T) {
	t.Parallel()
	const (
		page   = "https://app.streamline.example/u/u1/security"
		help   = "mailto:help@streamline.example"
		when   = "When 22 November 2026, 03:12:45 UTC"
		how    = " now, to one that you use nowhere else: sign in to Streamline as you always do and open the settings of your account."
		change = "Change your password" + how
		it     = "somebody has your password. Change it" + how
		gotIn  = "If it was not you, somebody has got into your account. "
		report = "contact the support of Streamline. Say when this happened"
		why    = "You get this mail because it is about your account at Streamline."
		never  = "We never ask for a password or a code by mail."
	)
	tests := map[string]struct{ all, none []string }{
		"account-failing": {
			all: []string{
				"Somebody gave the right password for your account at Streamline and then failed the second step of signing in, 5 times within 15 minutes. The second step kept them out each of these times.",
				"Account ada@acme.example Failed 5 times Tried with a code from an authenticator app First 22 November 2026, 03:12:45 UTC Last 22 November 2026, 03:21:07 UTC From 203.0.113.7",
				`says it is Edge on Windows: "` + edgeOnWindows + `"`, "A program can call itself anything.",
				"If this was you, there is nothing to do: codes are easily mistyped. If right codes are refused, set the clock of your phone to automatic",
				"If it was not you, " + it, "Change your password", page, "too many tries, wait a while",
				"Leave the second factor on: it is what kept them out. Give no code to anybody", "change it there, too", help,
				"and then at most once in 15 minutes. The admins of the workspaces", why, "gives your right password", never, "without the links",
			},
			none: []string{"text message", "Codes", "had been used before", "Done by", "When"},
		},
		"account-failing-replayed": {
			all:  []string{"Twice it was with a code that had been used before", "only looks like Streamline", "Tried with a code that comes by text message, a code from an authenticator app and a recovery code", "From 2001:db8::7", `calls itself "curl/8.5.0"`, "newest text message", "clock of your phone"},
			none: []string{"says it is", "Mozilla"},
		},
		"account-failing-bare": {
			all:  []string{it, "When 22 November 2026, 03:12:45 UTC", "contact the support of Streamline.", never},
			none: []string{"http", "mailto", "From", "Program", "First", "without the links", "can call itself"},
		},
		"account-failing-hardly-known": {
			all:  []string{"failed the second step of signing in, again and again.", it, "only if this goes on."},
			none: []string{"What we know", "WHAT WE KNOW", "Account", "0001", "once in", "clock", " 0 ", "  "},
		},
		"account-added-first":   {all: []string{"now takes a second step after the password: a code from an authenticator app.", when, "Also 10 recovery codes were made", "keep the recovery codes where you find them without your phone", "somebody has got into your account and has the new recovery codes. " + change, "Then make new recovery codes", page, report, help, why}, none: []string{"Done by", "Name", "also be taken"}},
		"account-added-phone":   {all: []string{"can now also be taken with a code that comes by text message.", "Number +1 … 42", "If this was you, there is nothing to do."}, none: []string{"recovery codes where", "Also", "make new"}},
		"account-added-passkey": {all: []string{"can now also be taken with a passkey.", "Name Ada's MacBook"}},
		"account-removed":       {all: []string{"It is no longer accepted. If your account has no other second factor, only its password protects it now.", "Name Ada's MacBook", when, gotIn + change}},
		"account-phone-changed": {all: []string{"Codes by text message now go to the new number, and no longer to the old one.", "New number +1 … 42 Old number +1 … 17", when, gotIn + change, report}},
		"account-codes-made":    {all: []string{"There are 10 of them. Any that were made before no longer work.", when, "throw the earlier ones away", "has the new recovery codes. " + change, "Then make new recovery codes, which ends the ones before, and " + report}},
		"account-code-used":     {all: []string{"It was accepted as the second step after the password, and does not work again. 7 are left.", when, "If this was you, there is nothing to do.", "had one of your recovery codes, and may have the others. " + change, "Then make new recovery codes"}, none: []string{"If this was you, make"}},
		"account-code-used-few": {all: []string{": 2 are left", "If this was you, make new recovery codes in the settings of your account."}, none: []string{"there is nothing to do"}},
		"account-last-code":     {all: []string{": none is left", "you may not get in when your phone is lost", "If this was you, make new recovery codes", change}, none: []string{"http", "mailto", "without the links"}},
		"account-reset": {
			all:  []string{"Its recovery codes were removed with them.", "only your password protects your account", "Removed an authenticator app and a phone number", when, "Done by support-7", `Reason "Lost phone; called back on the number we have"`, "Set up a second factor", page, "contact the support of Streamline now", "somebody may have asked in your name", help},
			none: []string{"If it was not you"},
		},
		"account-reset-bare": {all: []string{when, "set up a second factor again, in the settings of your account", "contact the support of Streamline now"}, none: []string{"http", "mailto", "Removed", "Done by", "Reason", `""`}},
	}
	if len(tests) != len(accounts()) {
		t.Errorf("%d of %d mails are looked at", len(tests), len(accounts()))
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := accounts()[name](t)
			wantAll(t, m, tt.all...)
			// Nothing of a workspace's letters, and nothing of ours.
			wantNone(t, m, append(tt.none, "Safekeep", "safekeep", "%!", "security contact", "/w/", "docs.", "API token", "the workspace \"")...)
			checkAccount(t, m)
		})
	}
}

// Who is woken by the mail reads what happened, then whether it was them, and then
// what to do, in this order.
func TestOrderOfAnAccountsLetter(t *testing.T) {
	t.Parallel()
	for part, s := range parts(accounts()["account-failing-replayed"](t)) {
		last := -1
		for _, mark := range []string{"somebody may have your password", "kept them out each", "if that was not you", "had been used before", "what we know", "2001:db8::7", "what to do", "if this was you", "if it was not you", "leave the second factor on", "what happens next", "why you get this mail"} {
			i := strings.Index(strings.ToLower(s), mark)
			if i <= last {
				t.Errorf("%s: %q stands at %d, after something at %d", part, mark, i, last)
			}
			last = i
		}
	}
}

func TestAccountThreads(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"u1":                     "<u1.account@streamline.example>",
		"auth0|5f7c":             "<auth0%7C5f7c.account@streamline.example>",
		"ann@acme.example":       "<ann%40acme%2Eexample.account@streamline.example>",
		"x>\r\nBcc: <y.z":        "<x%3E%0D%0ABcc%3A+%3Cy%2Ez.account@streamline.example>",
		strings.Repeat("|", 200): "<" + strings.Repeat("%7C", threadIDPart) + ".account@streamline.example>",
		"":                       "",
	} {
		wantHeaders := map[string]string{"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
		if want != "" {
			wantHeaders["In-Reply-To"], wantHeaders["References"] = want, want
		}
		for _, e := range []AccountEvent{accountEvent(StepFailing), accountEvent(CodeUsed)} {
			m := changed(t, testBrand, Recipient{User: id}, e)
			if diff := cmp.Diff(wantHeaders, m.Headers); diff != "" {
				t.Errorf("%.20q: headers (-want +got):\n%s", id, diff)
			}
		}
	}
}

// Whatever role the recipient has elsewhere, they are written to as themselves.
func TestARoleIsNotLookedAt(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"", "owner", "admin", "self", "x"} {
		to := user
		to.Role = role
		if diff := cmp.Diff(changed(t, testBrand, user, accountEvent(StepFailing)), changed(t, testBrand, to, accountEvent(StepFailing))); diff != "" {
			t.Errorf("role %q (-none +role):\n%s", role, diff)
		}
	}
}

func TestTheUserIsPutIntoTheAddress(t *testing.T) {
	t.Parallel()
	m := changed(t, testBrand, Recipient{User: "auth0|a b/../c"}, accountEvent(StepFailing))
	wantAll(t, m, "https://app.streamline.example/u/auth0%7Ca%20b%2F..%2Fc/security")
	b := testBrand
	b.AccountURL = "javascript:alert(1)//{user}"
	wantNone(t, changed(t, b, user, accountEvent(StepFailing)), "javascript", "alert(1)", "Change your password:")
}

func TestAccountErrors(t *testing.T) {
	t.Parallel()
	for _, kind := range []AccountKind{"", "lost", "Failing", AccountKind(strings.Repeat("x", 9999))} {
		m, err := AccountChanged(testBrand, user, AccountEvent{Kind: kind})
		if !errors.Is(err, ErrAccountEvent) || m.Text != "" || m.HTML != "" {
			t.Errorf("%.20q: %v, want ErrAccountEvent and no mail", kind, err)
		}
		if len(fmt.Sprint(err)) > 200 {
			t.Errorf("the error holds a whole kind of 9,999 characters")
		}
	}
	if _, err := AccountChanged(Brand{From: "security"}, user, accountEvent(CodesMade)); !errors.Is(err, ErrFrom) {
		t.Errorf("no domain: %v, want ErrFrom", err)
	}
}

// The wording holds for every count.
func TestCountsAreSaid(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]AccountEvent{
		"signing in, once within 1 minute.":          accountEvent(StepFailing, failing(func(f *FailedSteps) { f.Failures, f.Minutes = 1, 1 })),
		"signing in, twice.":                         accountEvent(StepFailing, failing(func(f *FailedSteps) { f.Failures, f.Minutes = 2, 0 })),
		"signing in, 1,234 times within 15 minutes.": accountEvent(StepFailing, failing(func(f *FailedSteps) { f.Failures = 1234 })),
		"Once it was with a code":                    accountEvent(StepFailing, failing(func(f *FailedSteps) { f.Replays = 1 })),
		"There is 1 of them. Any":                    accountEvent(CodesMade, codes(1)),
		"work again. 3 are left.":                    accountEvent(CodeUsed, codes(3)),
		"at Streamline: none is left":                accountEvent(CodeUsed, codes(-1)),
	} {
		wantAll(t, changed(t, testBrand, user, e), want)
	}
	wantNone(t, changed(t, testBrand, user, accountEvent(CodesMade, codes(0))), "of them")
}
