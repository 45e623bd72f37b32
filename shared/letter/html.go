package letter

import (
	"embed"
	"html/template"
	"strings"
	"sync"
)

//go:embed templates/*.html
var templates embed.FS

// layout is the sheet that all letters are written on, with one letter's body.
type layout struct {
	parse func() (*template.Template, error)
}

// layoutOf is parsed on first use, so a function that has nothing to send does
// not pay for it when it starts.
func layoutOf(body string) *layout {
	return &layout{sync.OnceValues(func() (*template.Template, error) {
		return template.New("sheet.html").
			Funcs(template.FuncMap{"soft": soft, "inc": func(i int) int { return i + 1 }}).
			ParseFS(templates, "templates/sheet.html", "templates/"+body)
	})}
}

func renderHTML(p page) (string, error) {
	t, err := p.layout().parse()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(16 << 10)
	if err := t.Execute(&b, p); err != nil {
		return "", err
	}
	return b.String(), nil
}

// soft escapes s and puts a break opportunity after each dot inside a word. A
// mail client that makes links of everything that looks like a host ("deploy.sh"
// is one) finds none, and copying the text gives the name unchanged. It also
// keeps a time and its zone on one line.
func soft(s string) template.HTML {
	s = template.HTMLEscapeString(s)
	s = strings.ReplaceAll(s, " UTC", "&nbsp;UTC")
	if !strings.Contains(s, ".") {
		return template.HTML(s) //nolint:gosec // escaped above
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == '.' && i+1 < len(s) && s[i+1] != ' ' {
			b.WriteString("<wbr>")
		}
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}
