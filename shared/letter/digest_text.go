package letter

// writeBody implements page.
func (p *digestPage) writeBody(t *text) {
	t.para(p.Calm)
	if p.Thanks != "" {
		t.para(p.Thanks)
	}
	t.link(p.Button)
	for _, l := range p.Lists {
		t.list(l)
	}
	t.heading("What you can do")
	t.para(p.Choices)
	t.steps(p.Steps)
	t.heading("What happens next")
	t.para(p.Next)
}

// writeAppendix implements page.
func (p *digestPage) writeAppendix(t *text) {
	for _, l := range p.Ends {
		t.list(l)
	}
}

func (t *text) list(l list) {
	t.heading(l.Heading)
	if l.Note != "" {
		t.para(l.Note)
	}
	t.link(l.More)
	for _, each := range l.Lines {
		t.wrap("- ", "  ", titled(each.Name, each.Hint))
		for _, fact := range each.Facts {
			t.wrap("  ", "  ", fact)
		}
		if each.Quote != "" {
			t.wrap("  ", "  ", each.Quote)
		}
		t.b.WriteByte('\n')
	}
}
