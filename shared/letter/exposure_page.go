package letter

import (
	"fmt"
	"slices"
	"strings"
)

// detailed is how many tokens are told with all facts. The others follow in
// short form at the end of the mail, so the advice is never below a long list.
const detailed = 20

// story is what a mail about exposures tells, before it is put into words.
type story struct {
	occasion
	leaks                   []*leak
	revoked, still, expired []*leak
}

func newStory(o occasion, leaks []*leak) *story {
	s := &story{occasion: o, leaks: leaks}
	for _, l := range leaks {
		switch l.Outcome {
		case outcomeRevoked:
			s.revoked = append(s.revoked, l)
		case outcomeReported:
			s.still = append(s.still, l)
		case outcomeExpired:
			s.expired = append(s.expired, l)
		}
	}
	return s
}

// exposurePage is that story in words.
type exposurePage struct {
	frame
	Alert         *alert // what still works
	Note          string // that not all tokens are told in full
	Groups        []group
	Stops         []string
	Steps         []step
	Others        []group // short form
	OthersHeading string
}

var exposureLayout = layoutOf("exposure.html")

func (*exposurePage) layout() *layout { return exposureLayout }

type alert struct {
	Heading string
	Names   []card // without rows; only when there are other tokens, too
	More    string // how many are not named here
	Text    []string
	Button  *anchor
}

type group struct {
	Heading string
	Tone    string // "revoked", "still" or "expired"
	Cards   []card
}

type card struct {
	Name, Hint string
	Rows       []row
}

// row is one fact. A row with an address shows it under the value.
type row struct {
	Label, Value string
	Address      *address
}

// address is shown as a link when Href is set, and otherwise as defanged text
// with a note why.
type address struct{ Href, Shown, Note string }

const (
	noteUnknown  = "Not made a link, because we could not confirm where it leads."
	noteRedacted = "Not made a link, because the token was part of it and is left out."
)

func (s *story) page() *exposurePage {
	p := &exposurePage{
		frame: s.framed(frame{Subject: s.subject(), Preheader: s.preheader(), Title: s.title(), Lead: s.lead()}, s.reason(), s.asksForNoToken()),
		Alert: s.alert(),
		Stops: s.stops(),
		Steps: s.steps(),
	}
	s.fill(p)
	return p
}

// fill puts the tokens into the groups, what was revoked first. When there are
// too many to tell all about each, those that still work get the room.
func (s *story) fill(p *exposurePage) {
	room := detailed
	share := func(leaks []*leak) int {
		n := min(room, len(leaks))
		room -= n
		return n
	}
	still := share(s.still)
	revoked := share(s.revoked)
	expired := share(s.expired)

	for _, g := range []struct {
		tone, heading string
		leaks         []*leak
		full          int
	}{
		{"revoked", "Revoked", s.revoked, revoked},
		{"still", "Still working: revoke now", s.still, still},
		{"expired", capital(s.before()) + " before it was found", s.expired, expired},
	} {
		heading := g.heading
		if len(s.leaks) == 1 {
			heading = "The token"
		} else if g.tone == "expired" && len(g.leaks) > 1 {
			heading = capital(s.before()) + " before they were found"
		}
		if full := g.leaks[:g.full]; len(full) > 0 {
			h := heading
			if len(s.leaks) > 1 {
				h += " (" + outOf(len(full), len(g.leaks)) + ")"
			}
			p.Groups = append(p.Groups, group{h, g.tone, s.cards(full, true)})
		}
		if rest := g.leaks[g.full:]; len(rest) > 0 {
			p.Others = append(p.Others, group{fmt.Sprintf("%s (%s)", heading, number(len(rest))), g.tone, s.cards(rest, false)})
		}
	}
	// At the far end, where a long mail may be cut off, the dangerous come first.
	slices.SortStableFunc(p.Others, func(a, b group) int { return rank(a) - rank(b) })
	if n := len(s.leaks) - (detailed - room); n > 0 {
		p.OthersHeading = "The other " + plural(n, "token", number(n)+" tokens")
		// Said early, because some mail programs cut long mails off.
		p.Note = fmt.Sprintf("Details of %d tokens follow. The other %s listed at the end of this mail.",
			len(s.leaks)-n, plural(n, "one is", number(n)+" are"))
	}
}

func rank(g group) int {
	if g.Tone == "still" {
		return 0
	}
	return 1
}

func (s *story) cards(leaks []*leak, full bool) []card {
	out := make([]card, len(leaks))
	for i, l := range leaks {
		c := card{Name: l.Name, Hint: l.Hint}
		if full {
			c.Rows = l.rows()
		} else {
			// One address will do here: it says where to look first.
			c.Rows = []row{{Address: l.spots[0].address()}}
		}
		out[i] = c
	}
	return out
}

// rows are all facts about one token but its name.
func (l *leak) rows() []row {
	rows := make([]row, 0, 8)
	add := func(label, value string) {
		if value != "" {
			rows = append(rows, row{Label: label, Value: value})
		}
	}
	add("Token", l.Hint)
	if !l.CreatedAt.IsZero() { // imported tokens may lack it
		add("Created", day(l.CreatedAt))
	}
	add("Created by", person(l.CreatorEmail, l.CreatedBy))
	add("Last used", l.lastUsed())
	for i, at := range l.spots {
		if i == spotsEach {
			add("", fmt.Sprintf("and in %s more", count(len(l.spots)-i, "place", "places")))
			break
		}
		rows = append(rows, row{Label: "Found", Value: at.where(), Address: at.address()})
	}
	when := moment(l.At)
	if l.At.IsZero() {
		when = ""
	}
	switch l.Outcome {
	case outcomeRevoked:
		add("Revoked", when)
	case outcomeReported:
		add("Reported", when)
		add("Status", "still works, not revoked")
	case outcomeExpired:
		add("Reported", when)
		add("Status", over(l)+" before it was found")
	}
	if other := tame(l.Successor, hintRunes); other != "" {
		add("Rotated to", other+", which is not affected")
	}
	if other := tame(l.Predecessor, hintRunes); other != "" {
		add("Replaces", other+", which is not affected")
	}
	return rows
}

func (s spot) address() *address {
	if strings.TrimSpace(s.url) == "" {
		return nil
	}
	if href := linkTo(s.host, s.url); href != "" {
		return &address{Href: href, Shown: cutMiddle(href, displayRunes)}
	}
	a := &address{Shown: defang(s.url), Note: noteUnknown}
	if redacted := strings.ReplaceAll(s.url, ellipsis, ""); redacted != s.url && linkTo(s.host, redacted) != "" {
		a.Note = noteRedacted
	}
	return a
}
