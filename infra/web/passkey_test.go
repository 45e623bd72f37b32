package web

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestPasskeys goes through the page for passkeys as people do, with Chromium's
// virtual authenticators.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	browser, f := startBrowser(t), newFactors(t)
	t.Run("first", func(t *testing.T) { testFirstPasskey(t, browser, f) })
	t.Run("another", func(t *testing.T) { testAnotherPasskey(t, browser, f) })
	t.Run("wrong", func(t *testing.T) { testWrongPasskey(t, browser, f) })
	t.Run("cancelled", func(t *testing.T) { testCancelled(t, browser, f) })
	t.Run("older browsers", func(t *testing.T) { testOlderBrowser(t, browser, f) })
	t.Run("no passkeys", func(t *testing.T) { testNoPasskeys(t, browser, f) })
	t.Run("by address", func(t *testing.T) { testByAddress(t, browser, f) })
	t.Run("fields", func(t *testing.T) { testFields(t, browser, f) })
	t.Run("hostile answers", func(t *testing.T) { testHostileFactors(t, browser) })
	t.Run("access", func(t *testing.T) { testPasskeyAccess(t, browser, f) })
	t.Run("looks", func(t *testing.T) { testPasskeyLooks(t, browser, f) })
	browser.mu.Lock()
	defer browser.mu.Unlock()
	for _, told := range browser.console {
		if strings.Contains(told, "exceptionDetails") || strings.Contains(told, "Content Security Policy") {
			t.Errorf("the page failed: %s", told)
		}
	}
}

// shownCodes are how many recovery codes the page shows.
const shownCodes = `document.querySelectorAll("#codes li").length + (document.getElementById("recovery").hidden ? " hidden" : "")`

// shownAccount is what the page says the account has.
const shownAccount = `document.getElementById("account").innerText`

// testFirstPasskey: somebody without a second factor adds one, keeps the recovery
// codes, and signs in twice.
func testFirstPasskey(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.page, "ann")
	p.plug(t, true)
	if got := p.value(t, shownAccount); !strings.Contains(got, "None yet") {
		t.Errorf("an account with nothing: %s", got)
	}
	p.clickFor(t, "sign-in", "Not signed in. This user has no passkey yet. Add one first.")
	p.clickFor(t, "add", "The passkey is added. Keep the recovery codes below")
	if got := p.value(t, shownCodes); got != "10" {
		t.Errorf("recovery codes: %s", got)
	}
	p.until(t, shownAccount+`.includes("Passkey: Laptop")`)
	if got := p.value(t, shownAccount); !strings.Contains(got, "not used yet") || !strings.Contains(got, "left\n10\n") || !strings.HasSuffix(got, "Locked\nNo") {
		t.Errorf("%s", got)
	}
	p.click(t, "kept")
	if got := p.value(t, shownCodes+` + document.activeElement.id`); got != "0 hiddentitle" {
		t.Errorf("after they were kept: %s", got)
	}
	for range 2 {
		p.clickFor(t, "sign-in", "Signed in with the passkey. Until ")
		p.until(t, shownAccount+`.includes("last used")`)
		p.value(t, `document.getElementById("outcome").textContent = ""`)
	}
	if f.leaks(t, p) {
		t.Error("a recovery code or a proof is left on the page, in a store, or in the console")
	}
	p.visit(t, f.page, read)
	if got := p.value(t, shownCodes); got != "0 hidden" {
		t.Errorf("after the page was opened again: %s", got)
	}
	if got := f.account(t, "ann"); f.count(t, "ann") != 1 || !strings.Contains(got, `"recovery_codes_left":10`) || strings.Contains(got, `"last_used_at":null`) {
		t.Errorf("%s", got)
	}
}

// testAnotherPasskey: what protects an account decides who may add to it.
func testAnotherPasskey(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.page, "bea")
	first := p.plug(t, true)
	p.clickFor(t, "add", "The passkey is added.")
	p.clickFor(t, "add", "No passkey was added. This user has a second factor already. Sign in with the passkey first, then add the new one.")
	if got := p.value(t, `document.activeElement.id`); got != "sign-in" {
		t.Errorf("the keyboard is at %q", got)
	}
	p.clickFor(t, "sign-in", "Signed in")
	p.clickFor(t, "add", "No passkey was added. This device has a passkey of this user already.")
	// The proof was good for that one change.
	p.clickFor(t, "add", "No passkey was added. This user has a second factor already.")
	p.clickFor(t, "sign-in", "Signed in")
	p.unplug(t, first)
	p.plug(t, true)
	p.value(t, `document.getElementById("name").value = "Blue key"`)
	p.clickFor(t, "add", "The passkey is added.")
	if got := p.value(t, outcome); got != "The passkey is added." {
		t.Errorf("it says: %s", got)
	}
	if got := f.account(t, "bea"); f.count(t, "bea") != 2 || !strings.Contains(got, `"hint":"Blue key"`) {
		t.Errorf("%s", got)
	}
	p.clickFor(t, "sign-in", "Signed in")
	// The codes stay until they were kept, whatever else is done meanwhile. But
	// neither they nor a proof go over to somebody else.
	if got := p.value(t, shownCodes); got != "10" {
		t.Errorf("the first passkey's recovery codes: %s", got)
	}
	p.choose(t, "bob")
	if got := p.value(t, shownCodes+`+`+outcome); got != "0 hidden" {
		t.Errorf("another user is shown: %s", got)
	}
	p.choose(t, "bea")
	p.clickFor(t, "add", "No passkey was added. This user has a second factor already.")
}

// testWrongPasskey: what is not the enrolled passkey is refused, and it is said
// calmly why.
func testWrongPasskey(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.page, "cleo")
	own := p.plug(t, true)
	p.clickFor(t, "add", "The passkey is added.")
	p.clickFor(t, "sign-in", "Signed in")
	var mine string
	p.alter(t, own, func(c map[string]any) {
		mine = c["privateKey"].(string)
		c["privateKey"] = base64.StdEncoding.EncodeToString(otherKey(t))
	})
	p.clickFor(t, "sign-in", "Not signed in. This passkey is not the one that was enrolled.")
	// A copy that was made before has counted less far.
	p.alter(t, own, func(c map[string]any) { c["privateKey"], c["signCount"] = mine, 0 })
	p.clickFor(t, "sign-in", "Not signed in. This passkey has signed less often than the one that was used before, so there may be a copy of it.")
	p.unplug(t, own)
	p.plug(t, true)
	p.clickFor(t, "sign-in", "Not signed in. It was cancelled, took too long, or there is no passkey for it on this device. Nothing has changed; try again.")
	if got := f.count(t, "cleo"); got != 1 {
		t.Errorf("%d passkeys", got)
	}
}

// testCancelled: who breaks off has what they had before, and can begin again.
func testCancelled(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.page, "dan")
	before := f.account(t, "dan")
	stranger := p.plug(t, false)
	p.clickFor(t, "add", "No passkey was added. It was cancelled")
	p.do(t, "WebAuthn.setUserVerified", map[string]any{"authenticatorId": stranger, "isUserVerified": true}, nil)
	p.do(t, "WebAuthn.setAutomaticPresenceSimulation", map[string]any{"authenticatorId": stranger, "enabled": false}, nil)
	p.click(t, "add")
	p.until(t, outcome+` === "Do what the browser asks for."`)
	p.click(t, "add") // which is not begun twice
	p.visit(t, f.page+"?again", read)
	if after := f.account(t, "dan"); after != before {
		t.Errorf("it was %s and is %s", before, after)
	}
	p.choose(t, "dan")
	p.do(t, "WebAuthn.setAutomaticPresenceSimulation", map[string]any{"authenticatorId": stranger, "enabled": true}, nil)
	p.clickFor(t, "add", "The passkey is added.")
	before = f.account(t, "dan")
	p.do(t, "WebAuthn.setUserVerified", map[string]any{"authenticatorId": stranger, "isUserVerified": false}, nil)
	p.clickFor(t, "sign-in", "Not signed in. It was cancelled")
	if after := f.account(t, "dan"); after != before {
		t.Errorf("it was %s and is %s", before, after)
	}
}

// testOlderBrowser: browsers that cannot put options and answers into JSON.
func testOlderBrowser(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.page, "eve", `delete PublicKeyCredential.parseCreationOptionsFromJSON;
		delete PublicKeyCredential.parseRequestOptionsFromJSON; delete PublicKeyCredential.prototype.toJSON;`)
	if got := p.value(t, `[typeof PublicKeyCredential.parseCreationOptionsFromJSON, typeof PublicKeyCredential.prototype.toJSON].join()`); got != "undefined,undefined" {
		t.Fatalf("the browser still has %s", got)
	}
	first := p.plug(t, true)
	p.clickFor(t, "add", "The passkey is added.")
	p.clickFor(t, "sign-in", "Signed in")
	p.clickFor(t, "add", "No passkey was added. This device has a passkey of this user already.") // so what is excluded is read
	p.clickFor(t, "sign-in", "Signed in")
	p.unplug(t, first)
	p.plug(t, true)
	p.clickFor(t, "add", "The passkey is added.")
	if got := f.count(t, "eve"); got != 2 {
		t.Errorf("%d passkeys", got)
	}
}

// testNoPasskeys: a browser without them, or a page that is not in a secure
// context.
func testNoPasskeys(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.page, "ann", `delete window.PublicKeyCredential;`)
	if got := p.value(t, `document.getElementById("no-passkeys").innerText`); !strings.HasPrefix(got, "This browser takes no passkeys here.") {
		t.Errorf("it says %q", got)
	}
	p.click(t, "add")
	if got := p.value(t, outcome); got != "" {
		t.Errorf("a button that is off: %s", got)
	}
}

// testByAddress: the account is shown there, and the way to where the rest works.
func testByAddress(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.URL+"/local/passkeys", "finn")
	const notice = `document.getElementById("by-address")`
	if got := p.value(t, notice+`.innerText`); got != "A passkey belongs to a name, and an IP address is none. Open this page at localhost to add a passkey or to sign in with one." {
		t.Errorf("it says %q", got)
	}
	if got := p.value(t, `document.getElementById("there").href`); got != f.page {
		t.Errorf("it leads to %s", got)
	}
	p.picture(t, "passkeys-by-address")
	for _, id := range []string{"add", "sign-in"} {
		p.click(t, id)
	}
	if got := p.value(t, outcome); got != "" {
		t.Errorf("a button that is off: %s", got)
	}
	p.visit(t, f.page, read)
	if got := p.value(t, notice+`.hidden + " " + document.getElementById("add").getAttribute("aria-disabled")`); got != "true null" {
		t.Errorf("at localhost: %s", got)
	}
}

// testFields: what is wrong with a field is said at the field.
func testFields(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.page, "gil")
	p.plug(t, true)
	for _, c := range []struct{ field, value, want string }{
		{"name", " ", "No passkey was added. Name of the passkey is missing; say which one it is, such as Laptop or Blue key."},
		{"email", "gil", "No passkey was added. Mail address must be one bare address"},
		{"user", "a b", "No passkey was added. User may hold only A-Z a-z 0-9"},
		{"user", "..", "No passkey was added. Give the id of a user."},
		{"user", "", "No passkey was added. Give the id of a user."},
	} {
		before := p.value(t, fmt.Sprintf(`document.getElementById(%q).value`, c.field))
		p.value(t, fmt.Sprintf(`void (document.getElementById(%q).value = %q)`, c.field, c.value))
		p.clickFor(t, "add", c.want)
		if got := p.value(t, `document.activeElement.id + " " + [...document.querySelectorAll("[aria-invalid]")].map((e) => e.id)`); got != c.field+" "+c.field {
			t.Errorf("%s %q: the keyboard is at, and wrong is, %s", c.field, c.value, got)
		}
		p.value(t, fmt.Sprintf(`void (document.getElementById(%q).value = %q)`, c.field, before))
	}
	p.clickFor(t, "add", "The passkey is added.")
	if got := p.value(t, `document.querySelectorAll("[aria-invalid]").length`); got != "0" {
		t.Errorf("%s fields are still wrong", got)
	}
}

// testHostileFactors: what is answered is text, whatever it holds and whatever
// shape it has.
func testHostileFactors(t *testing.T, browser *browser) {
	const markup = `<img src=x onerror=\"window.ran=1\">`
	mux := Demonstration()
	mux.HandleFunc("GET /users/{user}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"factors":[{"id":"totp","kind":"totp","hint":"`+markup+`","enrolled_at":"`+markup+`","last_used_at":"never"},
			{"id":"x","kind":"`+markup+`","hint":"","enrolled_at":"2026-11-22T12:00:00Z","last_used_at":null}],
			"recovery_codes_left":"`+markup+`","locked_until":"9999-12-31T23:59:59Z"}`)
	})
	status, answer := http.StatusUnauthorized, `{}`
	mux.HandleFunc("POST /users/", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p := openPasskeys(t, browser, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)+"/local/passkeys", "ann")
	if got := p.value(t, shownAccount); !strings.Contains(got, "Authenticator app: <img") || !strings.Contains(got, "Until another factor takes its place") {
		t.Errorf("%s", got)
	}
	p.clickFor(t, "add", "No passkey was added. This user has a second factor of another kind, and this page can ask for passkeys only.")
	status, answer = http.StatusConflict, `{"detail":"`+markup+`"}`
	p.clickFor(t, "add", "No passkey was added. <img")
	status, answer = http.StatusConflict, `{"detail":"is odd","field":"constructor"}`
	p.clickFor(t, "add", "No passkey was added. is odd")
	status, answer = http.StatusOK, `{"options":{"publicKey":{}}}`
	p.clickFor(t, "sign-in", "Not signed in. The answer cannot be read.")
	status, answer = http.StatusBadGateway, `<script>window.ran=1</script>`
	p.clickFor(t, "sign-in", "Not signed in. Nothing answers for second factors here.")
	if got := p.value(t, `String(window.ran) + document.querySelectorAll("main img, main script").length`); got != "undefined0" {
		t.Errorf("an answer was taken for markup: %s", got)
	}
}

// testPasskeyAccess asks the browser what it tells a screen reader, and where the
// keyboard goes.
func testPasskeyAccess(t *testing.T, browser *browser, f *factors) {
	p := openPasskeys(t, browser, f.page, "hal")
	p.plug(t, true)
	p.focus(t, "user")
	stops := []string{}
	for range 4 {
		p.key(t, "Tab", 9)
		stops = append(stops, p.value(t, `document.activeElement.id`))
	}
	if got := strings.Join(stops, " "); got != "email name add sign-in" {
		t.Errorf("the keyboard goes to %s", got)
	}
	p.focus(t, "add")
	p.press(t, "\r")
	p.until(t, outcome+`.startsWith("The passkey is added.")`)
	if got := p.value(t, `document.activeElement.id`); got != "add" {
		t.Errorf("the keyboard is at %q after", got)
	}
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value any }
			Properties []struct {
				Name  string
				Value struct{ Value any }
			}
		}
	}
	p.do(t, "Accessibility.enable", nil, nil)
	p.do(t, "Accessibility.getFullAXTree", nil, &tree)
	told := []string{}
	for _, n := range tree.Nodes {
		role := fmt.Sprint(n.Role.Value)
		if n.Ignored || !slices.Contains([]string{"heading", "textbox", "button", "region", "status"}, role) {
			continue
		}
		what := fmt.Sprintf("%s %v", role, n.Name.Value)
		for _, property := range n.Properties {
			if property.Name == "live" && role == "status" {
				what = fmt.Sprintf("%s %v", role, property.Value.Value)
			}
		}
		told = append(told, what)
	}
	slices.Sort(told)
	want := []string{
		"button Add a passkey", "button I have kept them", "button Sign in with the passkey",
		"heading Recovery codes", "heading Second factors", "heading What the account has",
		"region Recovery codes", "region What the account has", "status polite",
		"textbox Mail address", "textbox Name of the passkey", "textbox User",
	}
	if !slices.Equal(told, want) {
		t.Errorf("a screen reader is told %q, want %q", told, want)
	}
	if got := p.value(t, `document.getAnimations().length + [...document.querySelectorAll("*")].filter((e) => getComputedStyle(e).transitionDuration !== "0s").length`); got != "0" {
		t.Errorf("%s things move", got)
	}
}

// testPasskeyLooks goes through the states that look different, in the widths and
// colours that people have.
func testPasskeyLooks(t *testing.T, browser *browser, f *factors) {
	for _, c := range []struct {
		name  string
		width int
		media string
	}{
		{"passkeys-light", 900, "prefers-color-scheme:light"},
		{"passkeys-dark", 900, "prefers-color-scheme:dark"},
		{"passkeys-380", 380, "prefers-color-scheme:light"},
		{"passkeys-320", 320, "prefers-color-scheme:dark"},
		{"passkeys-forced", 600, "forced-colors:active"},
	} {
		p := browser.tab(t, c.width, c.media)
		p.story = outcome
		p.do(t, "WebAuthn.enable", nil, nil)
		p.visit(t, f.page, read)
		p.choose(t, c.name)
		p.plug(t, true)
		p.picture(t, c.name+"-empty")
		p.clickFor(t, "add", "The passkey is added.")
		p.until(t, shownAccount+`.includes("Passkey")`)
		p.picture(t, c.name+"-added")
		p.click(t, "kept")
		p.clickFor(t, "add", "No passkey was added.")
		p.picture(t, c.name+"-unproven")
	}
}
