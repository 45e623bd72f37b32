package snowflaketest

import (
	"slices"
	"strconv"
	"strings"
)

// property is a NAME = value of a statement.
type property struct {
	name  string // in upper case
	value lexeme
}

// properties reads properties until something else comes. They are separated by
// blanks or commas.
func (p *parser) properties() []property {
	var all []property
	for len(p.rest) > 2 && p.peek().kind == kindWord && p.rest[1].kind == kindSign && p.rest[1].text == "=" {
		name := strings.ToUpper(p.next().text)
		p.expectSign("=")
		if l := p.peek(); l.kind == kindEnd || l.kind == kindSign {
			p.unexpected()
			return nil
		}
		all = append(all, property{name, p.next()})
		p.sign(",")
	}
	return all
}

// distinct refuses a property that is given twice, and one that is not known.
func distinct(all []property, of string, known ...string) error {
	seen := map[string]bool{}
	for _, q := range all {
		switch {
		case !slices.Contains(known, q.name):
			return compilation("001420", "22023", "invalid property '%s' for '%s'", q.name, of)
		case seen[q.name]:
			return compilation(syntaxError, "42000", "duplicate property '%s';", q.name)
		}
		seen[q.name] = true
	}
	return nil
}

// invalid is the error of a value that a property cannot have.
func (q property) invalid() error {
	return compilation(invalidValue, "22023", "invalid value [%s] for parameter '%s'", q.value.shown(), q.name)
}

// text is the value of a property that is a string. NULL is nil.
func (q property) text() (*string, error) {
	switch {
	case q.value.kind == kindText:
		return &q.value.text, nil
	case q.value.is("NULL"):
		return nil, nil
	}
	return nil, q.invalid()
}

// identifier is the value of a property that names something; NULL names nothing.
func (q property) identifier() (string, error) {
	switch {
	case q.value.is("NULL"):
		return "", nil
	case q.value.kind == kindWord, q.value.kind == kindText:
		return identifier(q.value.text), nil
	case q.value.kind == kindQuoted:
		return q.value.text, nil
	}
	return "", q.invalid()
}

func (q property) boolean() (bool, error) {
	switch {
	case q.value.is("TRUE"):
		return true, nil
	case q.value.is("FALSE"):
		return false, nil
	}
	return false, q.invalid()
}

// maxNumber is the highest number taken: so many hours still fit into a
// time.Duration. Snowflake's own limits are lower and not all known.
const maxNumber = 1_000_000

// number is the value of a property that is a whole number of at least low.
func (q property) number(low int) (int, error) {
	n, err := strconv.Atoi(q.value.text)
	if q.value.kind != kindNumber || err != nil || n < low || n > maxNumber {
		return 0, q.invalid()
	}
	return n, nil
}
