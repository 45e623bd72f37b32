package letter

import (
	"fmt"
	"strings"
)

// What the reader should know about consequences, and do.

// alertNames is how many tokens the warning names; the rest is in the lists.
const alertNames = 5

// alert is the warning that a token still works, or nil.
func (s *story) alert() *alert {
	n := len(s.still)
	if n == 0 {
		return nil
	}
	a := &alert{Heading: fmt.Sprintf("%s API tokens still work", number(n))}
	one := plural(n, "it", "them")
	if n == 1 {
		a.Heading = "This token still works"
		if len(s.leaks) > 1 {
			a.Heading = "1 API token still works"
		}
	}
	if len(s.leaks) > 1 {
		for i, l := range s.still {
			if i == alertNames && n > alertNames+1 {
				a.More = "and " + number(n-i) + " more, listed below"
				break
			}
			a.Names = append(a.Names, card{Name: l.Name, Hint: l.Hint})
		}
	}
	a.Text = append(a.Text, fmt.Sprintf("Anyone who has seen %s can use %s, until you revoke %s.", one, one, one))
	a.Text = append(a.Text, s.reasons()...)
	a.Button = link(plural(n, "Revoke this token now", "Revoke these tokens now"), s.TokensURL)
	return a
}

// reasons says why tokens were left working. There is normally one reason; two
// are possible when a setting changed while a mail was held up.
func (s *story) reasons() []string {
	was := plural(len(s.still), "It was", "They were")
	var out []string
	for _, l := range s.still {
		switch l.Why {
		case whyDryRun:
			out = append(out, fmt.Sprintf("%s not revoked, because automatic revocation at %s is in a dry run: leaked tokens are reported, but not revoked.", was, s.Product))
		case whyOff:
			out = append(out, was+" not revoked, because automatic revocation is switched off for this workspace.")
		default:
			out = append(out, was+" not revoked automatically.")
		}
	}
	return distinct(out)
}

// stops says what does not work any more, so nobody has to find out from a
// failed deployment.
func (s *story) stops() []string {
	const kinds = "scripts, jobs, integrations"
	mixed := len(s.leaks) > 1
	var out []string
	if n := len(s.revoked); n > 0 {
		which := "this token"
		if mixed {
			which = plural(n, "the revoked token", "the revoked tokens")
		}
		text := fmt.Sprintf("Everything that used %s (%s) is now refused, until it gets a new one.", which, kinds)
		if n == 1 && s.revoked[0].LastUsedOn == "" {
			text += " We have no record of any use of it, so it may be that nothing depends on it."
		}
		out = append(out, text)
	}
	if n := len(s.still); n > 0 {
		text := fmt.Sprintf("Nothing yet. Once you revoke %s, everything that uses %s (%s) is refused, until it gets a new one.", plural(n, "it", "them"), plural(n, "it", "them"), kinds)
		if mixed && n < len(s.leaks) {
			which := plural(n, "the token that still works", "the tokens that still work")
			text = fmt.Sprintf("Once you revoke %s, the same goes for everything that uses %s.", which, plural(n, "it", "them"))
			if len(s.revoked) == 0 {
				text = fmt.Sprintf("Nothing yet. Once you revoke %s, everything that uses %s (%s) is refused, until it gets a new one.", which, plural(n, "it", "them"), kinds)
			}
		}
		out = append(out, text)
	}
	if n := len(s.expired); n > 0 {
		switch {
		case n < len(s.leaks):
			out = append(out, fmt.Sprintf("The %s %s had stopped working before, so nothing changes there.", s.before(), plural(n, "token", "tokens")))
		default:
			out = append(out, fmt.Sprintf("Nothing: the %s had stopped working before.", plural(n, "token", "tokens")))
		}
	}
	return out
}

// steps is what to do now, most urgent first.
func (s *story) steps() []step {
	var out []step
	if len(s.still) > 0 {
		out = append(out, s.revokeStep())
	}
	if len(s.still)+len(s.revoked) > 0 {
		out = append(out, s.replaceStep())
	}
	return append(out, s.reviewStep(), s.deleteStep())
}

func (s *story) revokeStep() step {
	n := len(s.still)
	which := plural(n, "the token that still works", "the tokens that still work")
	if n == len(s.leaks) {
		which = plural(n, "this token", "these tokens")
	}
	return step{
		Text:  fmt.Sprintf("Revoke %s in %s, now.", which, s.Product),
		Links: links(link("Revoke in "+s.Product, s.TokensURL)),
	}
}

func (s *story) replaceStep() step {
	st := step{Text: fmt.Sprintf("Make a new token in %s and put it where the old one was used. Keep it out of code: it belongs in a secret store, or in the secret settings of your build system.", s.Product)}
	label := "Make a new token"
	if len(s.still)+len(s.revoked) > 1 {
		st.Text = fmt.Sprintf("Make new tokens in %s and put them where the old ones were used. Keep them out of code: they belong in a secret store, or in the secret settings of your build system.", s.Product)
		label = "Make new tokens"
	}
	if len(s.still) == 0 {
		st.Button = link(label, s.TokensURL) // otherwise the one button revokes
	}
	st.Links = links(link("How to keep tokens out of code", s.DocsURL))
	return st
}

func (s *story) reviewStep() step {
	n := len(s.leaks)
	exposed := ""
	switch {
	case len(s.still) == n:
		exposed = plural(n, "Whoever has seen the token may have used it already.", "Whoever has seen the tokens may have used them already.")
	case len(s.expired) == n:
		exposed = plural(n, "While the token worked, whoever had seen it could use it.", "While the tokens worked, whoever had seen them could use them.")
	case len(s.revoked) == n:
		exposed = plural(n, "Until the token was revoked, whoever had seen it could use it.", "Until the tokens were revoked, whoever had seen them could use them.")
	default:
		exposed = "As long as a token works, whoever has seen it can use it."
	}
	st := step{Text: "Review the audit trail of the workspace for use that you do not recognise. " + exposed}
	audit := link("Open the audit trail", s.AuditURL)
	if len(s.expired) == n {
		st.Button = audit
		st.Links = links(link("How to keep tokens out of code", s.DocsURL))
	} else {
		st.Links = links(audit)
	}
	return st
}

// deleteStep keeps people from the remedy that everybody thinks of first.
func (s *story) deleteStep() step {
	n := len(s.leaks)
	what := s.nouns()
	text := fmt.Sprintf("Do not rely on deleting %s. What has been public stays in forks, clones and caches.", what)
	switch {
	case len(s.still) == n:
		text += plural(n, " Only revoking makes the token useless.", " Only revoking makes the tokens useless.")
	case len(s.still) > 0:
		text += " Only revoking makes a token useless."
	case len(s.revoked) == n:
		text += plural(n, " The copies are harmless now, because the token is revoked.", " The copies are harmless now, because the tokens are revoked.")
	default:
		text += plural(n, " The copies are harmless now, because the token no longer works.", " The copies are harmless now, because the tokens no longer work.")
	}
	return step{Text: text}
}

// nouns names what people would delete: "the commit", or the usual suspects.
func (s *story) nouns() string {
	var all []string
	for _, l := range s.leaks {
		for _, at := range l.spots {
			noun := places[at.place].noun
			if noun == "" {
				noun = "the commit or the page"
			}
			all = append(all, noun)
		}
	}
	if all = distinct(all); len(all) == 1 {
		return all[0]
	}
	return strings.Join([]string{"the commits", "the pages"}, " or ")
}
