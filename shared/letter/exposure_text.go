package letter

import (
	"fmt"
	"strings"
)

// writeBody implements page.
func (p *exposurePage) writeBody(t *text) {
	if p.Alert != nil {
		t.alert(p.Alert)
	}
	if p.Note != "" {
		t.para(p.Note)
	}
	for _, g := range p.Groups {
		t.heading(g.Heading)
		for _, c := range g.Cards {
			t.card(c)
		}
	}
	t.heading("What stops working")
	for _, s := range p.Stops {
		t.para(s)
	}
	t.heading("What to do now")
	t.steps(p.Steps)
}

// writeAppendix implements page.
func (p *exposurePage) writeAppendix(t *text) {
	if p.OthersHeading == "" {
		return
	}
	t.heading(p.OthersHeading)
	for _, g := range p.Others {
		t.para(g.Heading)
		for _, c := range g.Cards {
			t.brief(c)
		}
		t.b.WriteByte('\n')
	}
}

// alert must be seen by somebody who only scrolls past.
func (t *text) alert(a *alert) {
	rule := strings.Repeat("*", columns) + "\n"
	t.b.WriteString(rule)
	t.wrap("* ", "* ", strings.ToUpper(a.Heading)+".")
	for _, n := range a.Names {
		t.wrap("*   - ", "*     ", titled(n.Name, n.Hint))
	}
	if a.More != "" {
		t.wrap("*     ", "*     ", a.More)
	}
	for _, s := range a.Text {
		t.wrap("* ", "* ", s)
	}
	if a.Button != nil {
		t.anchor("* ", *a.Button)
	}
	t.b.WriteString(rule + "\n")
}

func (t *text) card(c card) {
	const pad = "              " // "  Created by  "
	t.wrap(fmt.Sprintf("  %-10s  ", "Name"), pad, c.Name)
	t.rows(c.Rows)
}

// rows are facts by themselves, or those of a card.
func (t *text) rows(rows []row) {
	const pad = "              "
	for _, r := range rows {
		t.wrap(fmt.Sprintf("  %-10s  ", r.Label), pad, r.Value)
		t.address(pad, r.Address)
	}
	t.b.WriteByte('\n')
}

// brief is one token in the long list: name and hint, then where.
func (t *text) brief(c card) {
	t.wrap("- ", "  ", titled(c.Name, c.Hint))
	for _, r := range c.Rows {
		if r.Address != nil {
			t.b.WriteString("  " + r.Address.text() + "\n")
		}
	}
}

func (t *text) address(indent string, a *address) {
	if a == nil {
		return
	}
	t.b.WriteString(indent + a.text() + "\n")
	if a.Href == "" {
		t.wrap(indent, indent, "("+a.Note+")")
	}
}

// text is an address as the text part shows it. One that may be followed stands
// whole, however long: in text there is nothing behind it to follow.
func (a *address) text() string {
	if a.Href != "" {
		return a.Href
	}
	return a.Shown
}
