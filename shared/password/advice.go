package password

import (
	"fmt"
	"slices"

	"safekeep/shared/password/strength"
)

// advise returns the most important thing to say about a password, and what to
// do for each reason, first what helps most. Where there is no reason against
// it, what the estimate suggests is left: a password of score 2 can be better.
func (p Policy) advise(event Event, reasons []Reason, e strength.Estimate) (warning string, suggestions []string) {
	suggestions = []string{}
	breached := slices.Contains(reasons, Breached)
	short := slices.Contains(reasons, TooShort)
	weak := slices.Contains(reasons, TooWeak)
	if event == Login && len(reasons) > 0 {
		suggestions = append(suggestions, "Change this password once you are signed in.")
	}
	if breached {
		suggestions = append(suggestions, "Choose a password that you use nowhere else.")
	}
	if short {
		suggestions = append(suggestions, fmt.Sprintf("Make it at least %d characters long.", p.MinLength))
	}
	suggestions = append(suggestions, e.Suggestions...)
	switch {
	case breached && (p.BlockBreached || !short && !weak):
		// Nothing that could be added to it would help.
		warning = "This password is known from a data breach, so others will try it."
	case e.Warning != "":
		warning = e.Warning
	case short:
		warning = "This password is too short."
	case weak:
		warning = "This password is easy to guess."
	}
	return warning, suggestions
}
