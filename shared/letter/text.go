package letter

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// columns is the width of the text part, the custom for mail since RFC 1855.
const columns = 72

// renderText lays the page out for people who read mail as text.
func renderText(p page) string {
	t := &text{}
	t.b.Grow(4096)
	f := p.top()
	if f.PassOn != "" {
		t.para(f.PassOn)
	}
	t.para(f.Title)
	t.para(f.Lead)
	p.writeBody(t)
	t.heading("Why you get this mail")
	for _, s := range f.Why {
		t.para(s)
	}
	t.link(f.Support)
	p.writeAppendix(t)
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

// anchor writes an address on a line of its own, where every client finds it.
func (t *text) anchor(indent string, a anchor) {
	t.wrap(indent, indent, a.Label+":")
	t.b.WriteString(indent + a.URL + "\n")
}

// link is an address in a paragraph of its own, if there is one.
func (t *text) link(a *anchor) {
	if a != nil {
		t.anchor("", *a)
		t.b.WriteByte('\n')
	}
}

// titled is a token's name and hint in one line.
func titled(name, hint string) string {
	if hint == "" {
		return name
	}
	return name + " (" + hint + ")"
}

func (t *text) steps(steps []step) {
	for i, s := range steps {
		t.step(i+1, s)
	}
}

func (t *text) step(n int, s step) {
	t.wrap(fmt.Sprintf("%d. ", n), "   ", s.Text)
	t.statements(s.SQL)
	if s.Button != nil {
		t.anchor("   ", *s.Button)
	}
	for _, a := range s.Links {
		t.anchor("   ", a)
	}
	t.b.WriteByte('\n')
}

// statements writes each on a line of its own, however long, so that it can be
// copied. It is indented, so none can pass for a heading of ours.
func (t *text) statements(sql []string) {
	for _, s := range sql {
		t.b.WriteString("\n   " + s + "\n")
	}
}
