package letter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const (
	newPrint = "SHA256:x31mN8wVnSUf2qjXkrlwBN0U8wTbxYVq+Q5OeF2i3bA="
	oldPrint = "SHA256:8fV0sJk4zq/3JH1c5dWm7oYbLrTnE9uXgA2iKpCvS6M="
)

// A body like that of a public key of 2,048 bits: 392 characters, no space.
var keyBody = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" + strings.Repeat("q7/yZ+T9b0LwXvKd3sEh", 17) + "QIDAQAB"

var (
	setSlot    = `ALTER USER "LOADER" SET RSA_PUBLIC_KEY_2='` + keyBody + `';`
	overSlot   = `ALTER USER "LOADER" SET RSA_PUBLIC_KEY='` + keyBody + `';`
	addPair    = `ALTER USER "LOADER" ADD KEY PAIR "STREAMLINE_2" PUBLIC_KEY='` + keyBody + `';`
	removePair = `ALTER USER "LOADER" REMOVE KEY PAIR "STREAMLINE_1";`
)

// isSQL is true of a line of a text part that is a statement of these tests.
func isSQL(line string) bool {
	return strings.HasSuffix(line, ";") && slices.Contains([]string{"ALTER", "DESC", "SELECT", "SHOW"}, strings.Fields(line)[0])
}

// rotationOf is a rotation of "main"; change makes it differ.
func rotationOf(state RotationState, reason string, change ...func(*Rotation)) Rotation {
	r := Rotation{
		CredentialID: "0b7c2f7e-8a53-4d0e-9f61-2f6f0d1f9a11", Credential: "main", Account: "myorg-myaccount", User: "LOADER",
		State: state, Reason: reason, Fingerprint: newPrint, OldFingerprint: oldPrint,
	}
	if state != RotationDone {
		r.Since = found312
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func running(sql ...string) func(*Rotation) { return func(r *Rotation) { r.SQL = sql } }
func checked(r *Rotation)                   { r.CheckSQL = `DESC USER "LOADER";` }

func rotated(t testing.TB, b Brand, to Recipient, r Rotation) Mail {
	t.Helper()
	m, err := Rotated(b, "acme-1", "Acme Analytics", to, r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rotations are the mails people get, each read once by eye and then kept.
func rotations() map[string]func(testing.TB) Mail {
	one := func(b Brand, to Recipient, state RotationState, reason string, change ...func(*Rotation)) func(testing.TB) Mail {
		return func(t testing.TB) Mail { return rotated(t, b, to, rotationOf(state, reason, change...)) }
	}
	admin := Recipient{User: "u2", Email: "bob@acme.example", Role: "admin"}
	bare := Brand{Product: "Streamline", From: "security@streamline.example"}
	choice := func(r *Rotation) {
		r.Choice = "The first takes the place of the key in RSA_PUBLIC_KEY, the second that of the one in RSA_PUBLIC_KEY_2."
	}
	refused := func(r *Rotation) {
		r.Explanation = "Snowflake refused the sign-in with the new key: it knows no such key of this user (394304). Somebody may have removed or replaced it after it was put in place."
		r.LastSQL = `SELECT JSON_EXTRACT_PATH_TEXT(SYSTEM$GET_LOGIN_FAILURE_DETAILS('d5c1bd3a-4f1c-4f4a-8a7e-0f6f2d1b9c33'), 'errorCode');`
	}
	hardlyKnown := func(r *Rotation) { *r = Rotation{State: r.State, Reason: r.Reason} }
	return map[string]func(testing.TB) Mail{
		"rotation-no-privilege":    one(testBrand, owner, RotationBlocked, reasonPrivilege, running(setSlot), checked),
		"rotation-named-pair":      one(testBrand, admin, RotationBlocked, reasonPrivilege, running(removePair, addPair)),
		"rotation-no-free-slot":    one(testBrand, owner, RotationBlocked, reasonNoSlot, running(overSlot, setSlot), checked, choice),
		"rotation-supplied-key":    one(testBrand, admin, RotationBlocked, reasonSupplied, running(`ALTER USER "LOADER" UNSET RSA_PUBLIC_KEY;`), checked),
		"rotation-old-key-left":    one(testBrand, owner, RotationBlocked, reasonOldLeft, running(removePair)),
		"rotation-fallback":        one(bare, fallback, RotationBlocked, reasonPrivilege),
		"rotation-hardly-known":    one(bare, owner, RotationBlocked, reasonNoSlot, hardlyKnown),
		"rotation-failing":         one(testBrand, owner, RotationFailing, "", refused),
		"rotation-failing-to-mend": one(testBrand, owner, RotationFailing, "", refused, running(setSlot)),
		"rotation-refused": one(testBrand, owner, RotationFailing, "", refused, func(r *Rotation) {
			r.PresentRefused, r.Fingerprint = true, ""
			r.Explanation = "The user is disabled. An admin enables it with ALTER USER … SET DISABLED=FALSE."
		}),
		"rotation-rotated":       one(testBrand, owner, RotationDone, "", func(r *Rotation) { r.OldUntil = found312.Add(24 * time.Hour) }),
		"rotation-rotated-stays": one(bare, admin, RotationDone, ""),
	}
}

func TestRotationSubject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		want string
		in   Rotation
	}{
		{`Action needed: run one SQL statement so that "main" gets its new Snowflake key`, rotationOf(RotationBlocked, reasonPrivilege, running(setSlot))},
		{`Action needed: run 2 SQL statements so that "main" gets its new Snowflake key`, rotationOf(RotationBlocked, reasonPrivilege, running(addPair, removePair))},
		{`Action needed: run one SQL statement so that "main" gets its new Snowflake key`, rotationOf(RotationBlocked, reasonPrivilege, running(overSlot, setSlot), func(r *Rotation) { r.Choice = "Either." })},
		{`Action needed: put the new Snowflake key of "main" in place`, rotationOf(RotationBlocked, reasonPrivilege)},
		{`Action needed: make room for the new Snowflake key of "main"`, rotationOf(RotationBlocked, reasonNoSlot, running(setSlot))},
		{`Action needed: remove the old Snowflake key of "main"`, rotationOf(RotationBlocked, reasonSupplied)},
		{`Action needed: remove the old Snowflake key of "main"`, rotationOf(RotationBlocked, reasonOldLeft)},
		{`The Snowflake key of "main" could not be rotated`, rotationOf(RotationFailing, "")},
		{`Action needed: Snowflake refuses the key of "main"`, rotationOf(RotationFailing, "", func(r *Rotation) { r.PresentRefused = true })},
		{`The Snowflake key of "main" has been rotated`, rotationOf(RotationDone, "")},
		{`The Snowflake key of "x' is safe. 'y" has been rotated`, rotationOf(RotationDone, "", func(r *Rotation) { r.Credential = "x\" is\r\n safe. \"y" })},
		{`The Snowflake key of "(no name)" has been rotated`, rotationOf(RotationDone, "", func(r *Rotation) { r.Credential = "\x00\u202e" })},
	}
	for _, tt := range tests {
		if got := rotated(t, testBrand, owner, tt.in).Subject; got != tt.want {
			t.Errorf("subject\n got %s\nwant %s", got, tt.want)
		}
	}
	for name, mark := range map[string]string{reasonPrivilege: `…" gets its new Snowflake key`, reasonNoSlot: `of "語`, reasonOldLeft: `of "語`} {
		long := rotated(t, testBrand, owner, rotationOf(RotationBlocked, name, running(setSlot), func(r *Rotation) { r.Credential = strings.Repeat("語", 100) })).Subject
		if utf8.RuneCountInString(long) != subjectRunes || !strings.HasPrefix(long, actionNeeded) || !strings.Contains(long, mark) || !strings.Contains(long, `…"`) {
			t.Errorf("subject with a long name: %s", long)
		}
	}
}

// TestRotationContent checks what each mail must say and must not.
func TestRotationContent(t *testing.T) {
	t.Parallel()
	const (
		goesOn   = "Loads go on with the present key, and nothing stops if this waits. There is no deadline"
		switched = `"main" has a new Snowflake key: it works, and loads use it.`
		role     = `In Snowflake, open the account "myorg-myaccount" and take a role that owns the user "LOADER": often USERADMIN or SECURITYADMIN, otherwise ACCOUNTADMIN.`
		grant    = `the role in the settings of "main" needs the right to alter the user "LOADER"; for named key pairs, the privilege MODIFY PROGRAMMATIC AUTHENTICATION METHODS`
		itself   = "Streamline tries again once a day: as soon as a sign-in with the new key works, loads switch over to it."
		atOnce   = "start the rotation again in Streamline"
		noSecret = "There is no secret in the SQL"
		neverAsk = "We never ask for a private key or a password by mail."
	)
	tests := map[string]struct{ all, none []string }{
		"rotation-no-privilege": {
			all: []string{
				`Streamline has no right to change the Snowflake user "LOADER", so somebody who has it needs to put the new key in place.`, goesOn, role,
				"See which keys the user has. The one with the fingerprint " + oldPrint + " is in use and must stay. The place that the SQL fills must be empty, or hold a key that nothing uses.", `DESC USER "LOADER";`,
				"Run this statement, exactly as it stands.", setSlot, grant, itself, atOnce, noSecret, neverAsk, "that one does not own the user",
				"Account myorg-myaccount User LOADER Key in use " + oldPrint + " New key " + newPrint + " Waiting since 22 November 2026",
				`you are an owner of the workspace "Acme Analytics" (acme-1)`, "https://app.streamline.example/w/acme-1/audit", "mailto:help@streamline.example",
			},
			none: []string{"Old key", "To remove", "security contact", "/tokens", "API token", "or a token"},
		},
		"rotation-named-pair": {all: []string{"run 2 SQL statements", "Run these statements in this order, exactly as they stand.", addPair, removePair, "you are an admin"}, none: []string{"See which keys"}},
		"rotation-no-free-slot": {
			all: []string{
				"both places that the Snowflake user \"LOADER\" has for public keys are taken", "takes away no key that it did not make or that is in use", goesOn,
				oldPrint + " is in use and must stay", "Make sure that nothing signs in with the key that goes",
				"Run one of these statements, exactly as it stands. The first takes the place of the key in RSA_PUBLIC_KEY, the second", overSlot, setSlot, itself, atOnce,
			},
			none: []string{grant, "in this order"},
		},
		"rotation-supplied-key": {
			all: []string{
				switched, "The old key came from you", "nothing stops if this waits, and there is no deadline", "whoever has it can sign in with it",
				newPrint + " is in use and must stay. The one to remove is " + oldPrint, "Make sure that nothing else signs in with the old key",
				"Key in use " + newPrint + " Old key " + oldPrint, "checks once a day whether the old key is gone",
			},
			none: []string{"present key", "New key", grant},
		},
		"rotation-old-key-left": {all: []string{switched, `Streamline has no right to change the Snowflake user "LOADER", so somebody who has it needs to remove the old key.`, removePair, grant}, none: []string{"came from you", "present key", "See which keys"}},
		"rotation-fallback":     {all: []string{"security contact of Streamline", `Give the user "LOADER" the new key.`, grant, neverAsk}, none: []string{"http", "mailto", "exactly as", noSecret, "that one does not own"}},
		"rotation-hardly-known": {all: []string{`"(no name)"`, "In Snowflake, take a role that owns the user: often", "Remove a key that nothing uses any more from the user."}, none: []string{"Account", "Key in use", "Waiting", "1 January", "  ", `""`, "0001"}},
		"rotation-failing": {
			all: []string{
				"and could not. Snowflake refused the sign-in with the new key", "Nothing has changed for loads: they go on with the present key",
				"What Snowflake can tell you", "With a role that has the privilege MONITOR, such as ACCOUNTADMIN, run: SELECT JSON_EXTRACT_PATH_TEXT(SYSTEM$GET_LOGIN_FAILURE_DETAILS('d5c1bd3a-4f1c-4f4a-8a7e-0f6f2d1b9c33'), 'errorCode');",
				"Failing since 22 November 2026", "Streamline tries again once a day, by itself.", atOnce, "Key in use " + oldPrint,
			},
			none: []string{"What to do", "Action needed", grant, noSecret, "Waiting"},
		},
		"rotation-failing-to-mend": {all: []string{"could not", setSlot, role, "What Snowflake can tell you"}},
		"rotation-refused": {
			all:  []string{"Snowflake does not let it sign in any more. Loads that use the key most likely fail, too.", "It is best mended at once.", "What Snowflake can tell you"},
			none: []string{"go on with the present key", "What to do"},
		},
		"rotation-rotated": {
			all:  []string{"There is nothing to do", "Key in use " + newPrint + " Old key " + oldPrint, "The old key works until 23 November 2026, 03:12:45 UTC. The first daily run after that removes it", "Should anything outside Streamline sign in with it", neverAsk},
			none: []string{"What to do", "Action needed", "ALTER", noSecret, "since"},
		},
		"rotation-rotated-stays": {all: []string{"The old key stays in Snowflake until somebody removes it."}, none: []string{"http", "works until", "0001"}},
	}
	if len(tests) != len(rotations()) {
		t.Errorf("%d of %d mails are looked at", len(tests), len(rotations()))
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := rotations()[name](t)
			wantAll(t, m, tt.all...)
			wantNone(t, m, append(tt.none, "Safekeep", "safekeep", "%!")...)
			checkRotation(t, m)
		})
	}
}

// What is the matter and that nothing stops come before the SQL, the check
// before the statement that could overwrite a key, and what follows after it.
func TestOrderOfRotation(t *testing.T) {
	t.Parallel()
	m := rotations()["rotation-no-free-slot"](t)
	for part, s := range parts(m) {
		last := -1
		for _, mark := range []string{"make room for", "are taken", "there is no deadline", "key in use", "what to do", "take a role", "desc user", "make sure", "alter user", "what happens next", "why you get this mail"} {
			i := strings.Index(strings.ToLower(s), mark)
			if i <= last {
				t.Errorf("%s: %q stands at %d, after something at %d", part, mark, i, last)
			}
			last = i
		}
	}
}

func TestRotationThreads(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"0b7c2f7e-8a53-4d0e-9f61-2f6f0d1f9a11": "<0b7c2f7e-8a53-4d0e-9f61-2f6f0d1f9a11.rotation@streamline.example>",
		"x>\r\nBcc: <y.z":                      "<x%3E%0D%0ABcc%3A+%3Cy%2Ez.rotation@streamline.example>",
		strings.Repeat("\x00", 2_000):          "<" + strings.Repeat("%00", threadIDPart) + ".rotation@streamline.example>",
		"":                                     "",
	} {
		wantHeaders := map[string]string{"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
		if want != "" {
			wantHeaders["In-Reply-To"], wantHeaders["References"] = want, want
		}
		m := rotated(t, testBrand, owner, rotationOf(RotationDone, "", func(r *Rotation) { r.CredentialID = id }))
		if diff := cmp.Diff(wantHeaders, m.Headers); diff != "" {
			t.Errorf("%.20q: headers (-want +got):\n%s", id, diff)
		}
	}
}

func TestRotationErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		state  RotationState
		reason string
	}{{"", ""}, {"lost", reasonPrivilege}, {"Blocked", reasonPrivilege}, {RotationBlocked, ""}, {RotationBlocked, "no_time"}} {
		if _, err := Rotated(testBrand, "w", "W", owner, rotationOf(tt.state, tt.reason)); !errors.Is(err, ErrRotation) {
			t.Errorf("%q for %q: %v, want ErrRotation", tt.state, tt.reason, err)
		}
	}
	if _, err := Rotated(Brand{From: "security"}, "w", "W", owner, rotationOf(RotationDone, "")); !errors.Is(err, ErrFrom) {
		t.Errorf("no domain: %v, want ErrFrom", err)
	}
	long := fmt.Sprint(Rotated(testBrand, "w", "W", owner, rotationOf(RotationState(strings.Repeat("x", 9999)), "")))
	if len(long) > 300 {
		t.Errorf("the error holds a whole state of 9,999 characters")
	}
}
