package letter

import "strings"

// review is what a digest tells, before it is put into words.
type review struct {
	occasion
	Digest
	causes []cause // those that tokens were found for
	// all is how many tokens there are. Of those that are named it is known
	// how many are told for the first time and how many once more; the rest is
	// hidden.
	all, first, reminders, hidden int
}

// cause is one reason for which tokens were found, and the tokens.
type cause struct {
	heading  string
	orphaned bool // their creator has left
	never    bool // it is known that they were never used
	Findings
}

func newReview(o occasion, d Digest) (*review, error) {
	r := &review{occasion: o, Digest: d}
	for _, c := range []cause{
		{heading: "Creator has left", orphaned: true, Findings: d.Orphaned},
		{heading: "Not used " + r.term(), Findings: d.Unused},
		{heading: "Never used", never: true, Findings: d.NeverUsed},
	} {
		c.Count = max(c.Count, len(c.Tokens))
		if c.Count == 0 {
			continue
		}
		c.Tokens = c.Tokens[:min(len(c.Tokens), linesEach)]
		for _, f := range c.Tokens {
			if f.Reminder {
				r.reminders++
			} else {
				r.first++
			}
		}
		r.all += c.Count
		r.hidden += c.Count - len(c.Tokens)
		r.causes = append(r.causes, c)
	}
	if r.all == 0 {
		return nil, ErrNoFinding
	}
	return r, nil
}

// only returns the one token that the mail is about, if it is about one.
func (r *review) only() (f Finding, why cause, ok bool) {
	if r.all != 1 || r.hidden > 0 {
		return Finding{}, cause{}, false
	}
	return r.causes[0].Tokens[0], r.causes[0], true
}

// aboveAdvice is how many tokens are listed before it is said what to do. More
// stand at the end of the mail, so the advice is never below a long list.
const aboveAdvice = 20

func (r *review) long() bool { return r.all-r.hidden > aboveAdvice }

// digestPage is a review in words.
type digestPage struct {
	frame
	Calm    string // that nothing was done about it
	Thanks  string // for what was cleaned up; may be empty
	Button  *anchor
	Lists   []list
	Choices string // says that the steps are for choosing
	Steps   []step
	Next    string
	Ends    []list // at the end of the mail: the lists if they are long, what is kept
}

var digestLayout = layoutOf("digest.html")

func (*digestPage) layout() *layout { return digestLayout }

// list is some tokens in short form. Note says beforehand that they are not
// all, and More leads to the others.
type list struct {
	Heading, Note string
	More          *anchor
	Lines         []line
}

// line is one token in a few words. Quote is somebody else's.
type line struct {
	Name, Hint string
	Facts      []string
	Quote      string
}

func (r *review) page() *digestPage {
	p := &digestPage{
		frame:   r.framed(frame{Subject: r.subject(), Preheader: r.preheader(), Title: r.title(), Lead: r.lead()}, r.reason(), r.asksForNoToken()),
		Calm:    r.calm(),
		Thanks:  r.thanks(),
		Button:  link(plural(r.all, "Look at this token", "Look at these tokens"), r.TokensURL),
		Choices: plural(r.all, "Choose one:", "For each token, choose one:"),
		Steps:   r.steps(),
		Next:    r.next(),
	}
	for _, c := range r.causes {
		p.Lists = append(p.Lists, r.list(c))
	}
	if r.long() {
		p.Lists, p.Ends = nil, p.Lists
	}
	if l, ok := r.kept(); ok {
		p.Ends = append(p.Ends, l)
	}
	return p
}

// list writes the tokens of one cause. The only token of a mail needs no count.
func (r *review) list(c cause) list {
	l := list{Heading: c.heading}
	if r.all > 1 {
		l.Heading += " (" + number(c.Count) + ")"
	}
	r.cut(&l, len(c.Tokens), c.Count)
	for _, f := range c.Tokens {
		l.Lines = append(l.Lines, line{Name: named(f.Name), Hint: tame(f.Hint, hintRunes), Facts: r.facts(f, c)})
	}
	return l
}

// kept lists what is silent on purpose, so that it is not forgotten.
func (r *review) kept() (l list, ok bool) {
	all := max(r.Kept.Count, len(r.Kept.Tokens))
	if all == 0 {
		return list{}, false
	}
	l = list{Heading: "Kept on purpose (" + number(all) + ")", Note: "We write nothing about these before the day named."}
	tokens := r.Kept.Tokens[:min(len(r.Kept.Tokens), linesEach)]
	r.cut(&l, len(tokens), all)
	for _, k := range tokens {
		fact, reason := keeping(k)
		l.Lines = append(l.Lines, line{Name: named(k.Name), Hint: tame(k.Hint, hintRunes), Facts: []string{fact}, Quote: reason})
	}
	return l, true
}

// cut says that a list does not name all.
func (r *review) cut(l *list, shown, all int) {
	if shown < all {
		l.Note = strings.TrimLeft(l.Note+" Showing "+outOf(shown, all)+".", " ")
		l.More = link("See all tokens", r.TokensURL)
	}
}
