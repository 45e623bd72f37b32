package letter

import "fmt"

// page is a letter in words. The HTML and the text part are both laid out from
// it, so neither can say less than the other.
type page interface {
	top() *frame
	// writeBody writes what stands between the lead and the reasons for the
	// mail, writeAppendix what stands after them, where it may be cut off.
	writeBody(t *text)
	writeAppendix(t *text)
	// layout holds the HTML of the same two.
	layout() *layout
}

// frame is what all pages have.
type frame struct {
	Subject, Preheader, Product string
	PassOn                      string // for the fallback contact only
	Title, Lead                 string
	Why                         []string
	Support                     *anchor
}

func (f *frame) top() *frame { return f }

type step struct {
	Text   string
	SQL    []string // to be copied as it stands, each statement by itself
	Button *anchor  // the one thing to do, as a button in HTML
	Links  []anchor
}

type anchor struct{ Label, URL string }

func link(label, url string) *anchor {
	if url == "" {
		return nil
	}
	return &anchor{label, url}
}

func links(all ...*anchor) []anchor {
	var out []anchor
	for _, a := range all {
		if a != nil {
			out = append(out, *a)
		}
	}
	return out
}

// seal lays a page out as a mail.
func seal(p page, headers map[string]string) (Mail, error) {
	html, err := renderHTML(p)
	if err != nil {
		return Mail{}, fmt.Errorf("letter: rendering the HTML part: %w", err)
	}
	return Mail{Subject: p.top().Subject, Text: renderText(p), HTML: html, Headers: headers}, nil
}
