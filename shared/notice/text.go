package notice

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// columns is the width of the text part, the custom for mail since RFC 1855.
const columns = 72

// renderText lays the page out for people who read mail as text.
func renderText(p *page) string {
	t := &text{}
	t.b.Grow(4096)
	if p.PassOn != "" {
		t.para(p.PassOn)
	}
	t.para(p.Title)
	t.para(p.Lead)
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
	for i, s := range p.Steps {
		t.step(i+1, s)
	}
	t.heading("Why you get this mail")
	for _, s := range p.Why {
		t.para(s)
	}
	if p.Support != nil {
		t.anchor("", *p.Support)
		t.b.WriteByte('\n')
	}
	if p.OthersHeading != "" {
		t.heading(p.OthersHeading)
		for _, g := range p.Others {
			t.para(g.Heading)
			for _, c := range g.Cards {
				t.brief(c)
			}
			t.b.WriteByte('\n')
		}
	}
	return strings.TrimRight(t.b.String(), "\n") + "\n"
}

type text struct{ b strings.Builder }

// wrap writes words in lines of at most columns, the first line after first,
// the others after rest. A word longer than a line stands alone, whole.
func (t *text) wrap(first, rest, s string) {
	t.b.WriteString(first)
	at := utf8.RuneCountInString(first)
	fresh := true
	for word := range strings.FieldsSeq(s) {
		n := utf8.RuneCountInString(word)
		if !fresh && at+1+n > columns {
			t.b.WriteByte('\n')
			t.b.WriteString(rest)
			at, fresh = utf8.RuneCountInString(rest), true
		}
		if !fresh {
			t.b.WriteByte(' ')
			at++
		}
		t.b.WriteString(word)
		at += n
		fresh = false
	}
	t.b.WriteByte('\n')
}

func (t *text) para(s string) {
	t.wrap("", "", s)
	t.b.WriteByte('\n')
}

func (t *text) heading(s string) {
	s = strings.ToUpper(s)
	t.b.WriteString(s + "\n" + strings.Repeat("-", min(utf8.RuneCountInString(s), columns)) + "\n\n")
}

// alert must be seen by somebody who only scrolls past.
func (t *text) alert(a *alert) {
	rule := strings.Repeat("*", columns) + "\n"
	t.b.WriteString(rule)
	t.wrap("* ", "* ", strings.ToUpper(a.Heading)+".")
	for _, n := range a.Names {
		t.wrap("*   - ", "*     ", n.title())
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

// anchor writes an address on a line of its own, where every client finds it.
func (t *text) anchor(indent string, a anchor) {
	t.wrap(indent, indent, a.Label+":")
	t.b.WriteString(indent + a.URL + "\n")
}

func (t *text) card(c card) {
	const pad = "              " // "  Created by  "
	t.wrap(fmt.Sprintf("  %-10s  ", "Name"), pad, c.Name)
	for _, r := range c.Rows {
		t.wrap(fmt.Sprintf("  %-10s  ", r.Label), pad, r.Value)
		t.address(pad, r.Address)
	}
	t.b.WriteByte('\n')
}

// brief is one token in the long list: name and hint, then where.
func (t *text) brief(c card) {
	t.wrap("- ", "  ", c.title())
	for _, r := range c.Rows {
		if r.Address != nil {
			t.b.WriteString("  " + r.Address.text() + "\n")
		}
	}
}

// title is the name and the hint in one line.
func (c card) title() string {
	if c.Hint == "" {
		return c.Name
	}
	return c.Name + " (" + c.Hint + ")"
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

func (t *text) step(n int, s step) {
	t.wrap(fmt.Sprintf("%d. ", n), "   ", s.Text)
	if s.Button != nil {
		t.anchor("   ", *s.Button)
	}
	for _, a := range s.Links {
		t.anchor("   ", a)
	}
	t.b.WriteByte('\n')
}
