package notice

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The words of the mail. They are read by somebody who was woken up: first what
// happened, then whether anything is still dangerous, then what to do. They
// state what is known and promise nothing else.

// quoted names a token or a workspace inside a sentence. Its own double quotes
// become single ones, so a name cannot end the quotation and go on talking.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, "'") + `"` }

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

func (s *story) passOn() string {
	return fmt.Sprintf("This mail comes to you as the security contact of %s, because the workspace %s has no owner or admin with a mail address. Please make sure that the people who run it learn of this.",
		s.Product, s.label())
}

// why tells the reader why this mail came, and how to tell that it is genuine.
func (s *story) why() []string {
	reason := ""
	switch s.to.Role {
	case "owner":
		reason = fmt.Sprintf("You get this mail because you are an owner of the workspace %s on %s.", s.label(), s.Product)
	case "admin":
		reason = fmt.Sprintf("You get this mail because you are an admin of the workspace %s on %s.", s.label(), s.Product)
	case "":
		reason = fmt.Sprintf("You get this mail as the security contact of %s, because the workspace %s has no owner or admin with a mail address.", s.Product, s.label())
	default:
		reason = fmt.Sprintf("You get this mail because you help to run the workspace %s on %s.", s.label(), s.Product)
	}
	who := reporters(s.leaks)
	verb := "looks"
	report := "reports"
	if strings.Contains(who, " and ") {
		verb, report = "look", "report"
	}
	return []string{
		reason,
		fmt.Sprintf("%s %s for API tokens in public places and %s those of %s to us.", capital(who), verb, report, s.Product),
		fmt.Sprintf("We never ask for a token or a password by mail. You can do all of the above without the links, too: sign in to %s as you always do.", s.Product),
	}
}

// label is the workspace's name with its id, for people who run several.
func (s *story) label() string {
	if s.workspace == s.workspaceID || s.workspaceID == "" {
		return quoted(s.workspace)
	}
	return quoted(s.workspace) + " (" + s.workspaceID + ")"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// capital starts a sentence. Only ASCII letters of our own words come first.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// count, number and outOf write figures as people read them.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

func number(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", number(n/1000), n%1000)
}

func outOf(shown, all int) string {
	if shown == all {
		return number(all)
	}
	return number(shown) + " of " + number(all)
}

// fit writes a sentence about a name into a subject and cuts only the name.
func fit(name string, sentence func(name string) string) string {
	line := sentence(name)
	if over := utf8.RuneCountInString(line) - subjectRunes; over > 0 {
		line = sentence(cutEnd(name, utf8.RuneCountInString(name)-over))
	}
	return line
}

// distinct keeps the first of each.
func distinct(all []string) []string {
	var out []string
	for _, a := range all {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
