package letter

import "testing"

// A token that the company's own service had revoked did not expire, and the
// mail does not say so.
func TestRevokedBeforeItWasFound(t *testing.T) {
	t.Parallel()
	before := func(e *Exposure) { e.Revoked = true }
	one := render(t, testBrand, owner, exposed(1, outcomeExpired, before))
	wantAll(t, one, `Revoked API token "CI deploy 1" was found on GitHub`, "It had already been revoked before it was found", "revoked before it was found", "Nothing: the token had stopped working before")
	wantNone(t, one, "xpired", "We revoked", "still works")
	two := render(t, testBrand, owner, exposed(1, outcomeExpired, before), exposed(2, outcomeExpired))
	wantAll(t, two, "2 inactive API tokens were found on GitHub", "They had already expired or been revoked before they were found", "Inactive before they were found")
	mixed := render(t, testBrand, owner, exposed(1, outcomeExpired, before), exposed(2, outcomeRevoked))
	wantAll(t, mixed, "1 revoked, 1 already revoked", "One had already been revoked before it was found", "Already revoked before it was found", "The already revoked token had stopped working before")
	wantNone(t, mixed, "xpired")
}
