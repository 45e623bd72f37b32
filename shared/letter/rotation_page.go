package letter

// rotationPage is a turn in words.
type rotationPage struct {
	frame
	Paras []string // after the lead
	Key   card     // which key pair
	Steps []step
	Note  string // on the steps; may be empty
	Ask   *step  // how to learn more from Snowflake
	Next  []string
	Audit *anchor
}

var rotationLayout = layoutOf("rotation.html")

func (*rotationPage) layout() *layout { return rotationLayout }

func (t *turn) page() *rotationPage {
	return &rotationPage{
		frame: t.framed(frame{Subject: t.subject(), Preheader: t.preheader(), Title: t.title(), Lead: t.lead()}, t.reason(), t.genuine()),
		Paras: t.paras(),
		Key:   card{Name: t.name, Rows: t.rows()},
		Steps: t.steps(),
		Note:  t.note(),
		Ask:   t.ask(),
		Next:  t.next(),
		Audit: link("Open the audit trail", t.AuditURL),
	}
}

// rows are all facts about the key pair but the credential's name.
func (t *turn) rows() []row {
	var rows []row
	add := func(label, value string) {
		if value != "" {
			rows = append(rows, row{Label: label, Value: value})
		}
	}
	add("Account", t.Account)
	add("User", t.User)
	add("Key in use", t.inUse)
	if t.switched() {
		add("Old key", t.OldFingerprint)
	} else {
		add("New key", t.Fingerprint)
	}
	if t.State == RotationDone || t.Since.IsZero() {
		return rows
	}
	waiting := "Waiting"
	if t.State == RotationFailing {
		waiting = "Failing"
	}
	add(waiting, "since "+day(t.Since))
	return rows
}

// writeBody implements page.
func (p *rotationPage) writeBody(t *text) {
	for _, s := range p.Paras {
		t.para(s)
	}
	t.heading("The key")
	t.card(p.Key)
	if len(p.Steps) > 0 {
		t.heading("What to do")
		t.steps(p.Steps)
	}
	if p.Note != "" {
		t.para(p.Note)
	}
	if p.Ask != nil {
		t.heading("What Snowflake can tell you")
		t.wrap("", "", p.Ask.Text)
		t.statements(p.Ask.SQL)
		t.b.WriteByte('\n')
	}
	t.heading("What happens next")
	for _, s := range p.Next {
		t.para(s)
	}
	t.link(p.Audit)
}

// writeAppendix implements page.
func (*rotationPage) writeAppendix(*text) {}
