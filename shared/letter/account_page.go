package letter

// accountPage is an incident in words.
type accountPage struct {
	frame
	Paras []string // after the lead
	Facts []row
	Note  string // on the facts; may be empty
	Steps []step
	Next  string // may be empty
}

var accountLayout = layoutOf("account.html")

func (*accountPage) layout() *layout { return accountLayout }

func (i *incident) page() *accountPage {
	p := &accountPage{
		frame: i.framed(frame{Subject: i.subject(), Preheader: i.preheader(), Title: i.title(), Lead: i.lead()}, i.cause(), i.genuine()),
		Paras: i.paras(),
		Facts: i.facts(),
		Note:  i.Failing.note(),
		Steps: i.steps(),
		Next:  i.next(),
	}
	p.Support = nil // it is one of the steps
	return p
}

// facts are what can be compared with what one did oneself.
func (i *incident) facts() []row {
	var rows []row
	add := func(label, value string) {
		if value != "" {
			rows = append(rows, row{Label: label, Value: value})
		}
	}
	add("Account", tame(i.to.Email, mailRunes))
	switch {
	case i.Kind == StepFailing:
		i.Failing.facts(add)
		return rows
	case i.Kind == FactorsReset:
		add("Removed", enumerated(i.removed()))
	case i.Kind == PhoneChanged:
		add("New number", i.Hint)
		add("Old number", i.OldHint)
	case i.Factor == factorSMS:
		add("Number", i.Hint)
	default:
		add("Name", i.Hint)
	}
	if i.newCodes() && i.Kind != CodesMade {
		add("Also", count(i.Codes, "recovery code was made", "recovery codes were made"))
	}
	if !i.At.IsZero() {
		add("When", moment(i.At))
	}
	add("Done by", i.By)
	if i.Reason != "" {
		add("Reason", quoted(i.Reason))
	}
	return rows
}

func (f *FailedSteps) facts(add func(label, value string)) {
	if f.Failures > 0 {
		add("Failed", times(f.Failures))
	}
	if len(f.Methods) > 0 {
		add("Tried with", enumerated(distinct(methods(f.Methods))))
	}
	switch {
	case f.FirstAt.IsZero() && f.LastAt.IsZero():
	case f.FirstAt.IsZero() || f.LastAt.IsZero() || f.FirstAt.Equal(f.LastAt):
		add("When", moment(later(f.FirstAt, f.LastAt)))
	default:
		add("First", moment(f.FirstAt))
		add("Last", moment(f.LastAt))
	}
	add("From", f.IP)
	if f.Agent == "" {
		return
	}
	if browser := browserOf(f.Agent); browser != "" {
		add("Program", "says it is "+browser+": "+quoted(f.Agent))
	} else {
		add("Program", "calls itself "+quoted(f.Agent))
	}
}

// writeBody implements page.
func (p *accountPage) writeBody(t *text) {
	for _, s := range p.Paras {
		t.para(s)
	}
	if len(p.Facts) > 0 {
		t.heading("What we know")
		t.rows(p.Facts)
	}
	if p.Note != "" {
		t.para(p.Note)
	}
	t.heading("What to do")
	t.steps(p.Steps)
	if p.Next != "" {
		t.heading("What happens next")
		t.para(p.Next)
	}
}

// writeAppendix implements page.
func (*accountPage) writeAppendix(*text) {}
