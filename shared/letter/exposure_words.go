package letter

import (
	"fmt"
	"strings"
)

// The words of a mail about exposures. They are read by somebody who was woken
// up: first what happened, then whether anything is still dangerous, then what
// to do. They state what is known and promise nothing else.

// found completes "was …" or "were …": where the tokens came to light.
func found(leaks []*leak) string {
	var sites, reporters []string
	manual := true
	for _, l := range leaks {
		for _, at := range l.spots {
			sites = append(sites, at.site())
			reporters = append(reporters, at.reporter())
			manual = manual && at.place == placeManual
		}
	}
	if manual {
		return "reported to " + strings.Join(distinct(reporters), " and ")
	}
	return "found on " + strings.Join(distinct(sites), " and ")
}

// reporters is who told us: "GitHub", "GitHub and GitLab".
func reporters(leaks []*leak) string {
	var all []string
	for _, l := range leaks {
		for _, at := range l.spots {
			all = append(all, at.reporter())
		}
	}
	return strings.Join(distinct(all), " and ")
}

// sentence is the whole story in one line about one token.
func sentence(l *leak, name string) string {
	where := found([]*leak{l})
	switch l.Outcome {
	case outcomeRevoked:
		return fmt.Sprintf("API token %s was %s and revoked", quoted(name), where)
	case outcomeReported:
		return fmt.Sprintf("API token %s was %s and still works", quoted(name), where)
	}
	return fmt.Sprintf("%s API token %s was %s", capital(over(l)), quoted(name), where)
}

// over is what tokens were that had ended before they were found.
func over(leaks ...*leak) string {
	revoked := 0
	for _, l := range leaks {
		if l.Revoked {
			revoked++
		}
	}
	switch revoked {
	case 0:
		return "expired"
	case len(leaks):
		return "revoked"
	}
	return "inactive"
}

const actionNeeded = "Action needed: "

func (s *story) subject() string {
	prefix := ""
	if len(s.still) > 0 {
		prefix = actionNeeded
	}
	if len(s.leaks) == 1 {
		l := s.leaks[0]
		return fit(l.Name, func(name string) string { return prefix + sentence(l, name) })
	}
	return prefix + s.title()
}

func (s *story) title() string {
	all, where := len(s.leaks), found(s.leaks)
	switch {
	case all == 1:
		return sentence(s.leaks[0], s.leaks[0].Name)
	case len(s.revoked) == all:
		return fmt.Sprintf("%s API tokens were %s and revoked", number(all), where)
	case len(s.still) == all:
		return fmt.Sprintf("%s API tokens were %s and still work", number(all), where)
	case len(s.expired) == all:
		return fmt.Sprintf("%s %s API tokens were %s", number(all), over(s.expired...), where)
	case len(s.still) == 1:
		return fmt.Sprintf("1 of %s API tokens %s still works", number(all), where)
	case len(s.still) > 1:
		return fmt.Sprintf("%s of %s API tokens %s still work", number(len(s.still)), number(all), where)
	}
	return fmt.Sprintf("%s API tokens were %s: %s revoked, %s %s", number(all), where, number(len(s.revoked)), number(len(s.expired)), s.before())
}

// before is over for a mail that may tell of tokens that we revoked, too.
func (s *story) before() string {
	if over(s.expired...) == "revoked" {
		return "already revoked"
	}
	return over(s.expired...)
}

// preheader is what a phone shows under the subject. It goes on where the
// subject stopped.
func (s *story) preheader() string {
	switch all := len(s.leaks); {
	case len(s.still) == 1 && all == 1:
		return "Anyone who has seen it can use it until you revoke it."
	case len(s.still) > 0:
		return "Anyone who has seen them can use them until you revoke them."
	case len(s.expired) == all:
		return "Nothing stops working. Please review the audit trail."
	case all == 1:
		return "It no longer works. Make a new one, then review the audit trail."
	}
	return "They no longer work. Make new ones, then review the audit trail."
}

// lead says what was found, who says so, and what became of it.
func (s *story) lead() string {
	fates := strings.Join(s.fates(), " ")
	if len(s.leaks) == 1 {
		return fmt.Sprintf("%s told us that this %s API token of the workspace %s was %s. %s",
			scanning(s.leaks), s.Product, quoted(s.workspace), s.leaks[0].spots[0].discovered(), fates)
	}
	return fmt.Sprintf("%s told us that %s %s API tokens of the workspace %s were %s. %s",
		scanning(s.leaks), number(len(s.leaks)), s.Product, quoted(s.workspace), found(s.leaks), fates)
}

func scanning(leaks []*leak) string {
	return capital(strings.ReplaceAll(reporters(leaks), " and ", "'s and ")) + "'s secret scanning"
}

// discovered completes "told us that it was …".
func (s spot) discovered() string {
	switch known := places[s.place]; {
	case s.place == placeManual:
		return "handed in as leaked"
	case known.found != "":
		return "found " + known.found
	}
	return "found on " + s.site()
}

// fates says what became of the tokens, one sentence for each outcome.
func (s *story) fates() []string {
	all := len(s.leaks)
	// pick takes the form for the only token, for all, for one of several, and
	// for some of several.
	pick := func(n int, only, every, one, some string) string {
		switch {
		case all == 1:
			return only
		case n == all:
			return every
		case n == 1:
			return one
		}
		return number(n) + some
	}
	var out []string
	if n := len(s.revoked); n > 0 {
		when := span(s.revoked)
		out = append(out, pick(n,
			"We revoked it"+when+". It no longer works, no matter who has it.",
			"We revoked them"+when+". They no longer work, no matter who has them.",
			"One was revoked"+when+" and no longer works.",
			" were revoked"+when+" and no longer work."))
	}
	if n := len(s.still); n > 0 {
		when := span(s.still)
		out = append(out, pick(n,
			"It was reported"+when+" and not revoked.",
			"They were reported"+when+" and not revoked.",
			"One was not revoked and still works.",
			" were not revoked and still work."))
	}
	if n := len(s.expired); n > 0 {
		itself, themselves := "expired by itself", "expired by themselves"
		switch over(s.expired...) {
		case "revoked":
			itself, themselves = "been revoked", "been revoked"
		case "inactive":
			themselves = "expired or been revoked"
		}
		out = append(out, pick(n,
			"It had already "+itself+" before it was found, so nobody can use it now.",
			"They had already "+themselves+" before they were found, so nobody can use them now.",
			"One had already "+itself+" before it was found.",
			" had already "+themselves+" before they were found."))
	}
	return out
}

// reason says why there are such mails at all.
func (s *story) reason() string {
	who := reporters(s.leaks)
	verb := "looks"
	report := "reports"
	if strings.Contains(who, " and ") {
		verb, report = "look", "report"
	}
	return fmt.Sprintf("%s %s for API tokens in public places and %s those of %s to us.", capital(who), verb, report, s.Product)
}
