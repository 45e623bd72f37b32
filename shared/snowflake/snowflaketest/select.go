package snowflaketest

import (
	"encoding/json"
	"strings"
	"time"
)

// selection is a SELECT without FROM: values and the few functions known here.
type selection []item

// item is one column of a selection.
type item struct {
	name string
	typ  columnType
	of   func(a *Account, by actor) (*string, error)
}

// selection reads what follows SELECT. A column without a name of its own is
// called as it is written.
func (p *parser) selection() statement {
	var all selection
	for {
		from := p.peek().from
		next := p.item()
		if next.name == "" && p.err == nil {
			next.name = strings.TrimSpace(p.sql[from:p.peek().from])
		}
		all = append(all, next)
		if !p.sign(",") {
			return all
		}
	}
}

// item reads one column. What a word stands for is decided here, so that an
// unknown function is a syntax error at its place.
func (p *parser) item() item {
	switch l := p.peek(); {
	case l.kind == kindNumber && len(l.text) <= 18 && !strings.Contains(l.text, "."):
		p.next()
		return item{typ: typeFixed, of: constant(l.text)}
	case l.kind == kindText:
		p.next()
		return item{typ: typeText, of: constant(l.text)}
	case l.is("SYSTEM$GET_LOGIN_FAILURE_DETAILS"):
		return item{typ: typeText, of: p.failureDetails()}
	case p.take("JSON_EXTRACT_PATH_TEXT"):
		p.expectSign("(")
		details := p.failureDetails()
		p.expectSign(",")
		key := p.text()
		p.expectSign(")")
		return item{typ: typeText, of: extract(details, key)}
	case l.kind == kindWord && current(strings.ToUpper(l.text)) != nil:
		p.next()
		p.expectSign("(")
		p.expectSign(")")
		return item{strings.ToUpper(l.text) + "()", typeText, current(strings.ToUpper(l.text))}
	}
	p.unexpected()
	return item{}
}

// constant is a value that stands in the statement.
func constant(text string) func(*Account, actor) (*string, error) {
	return func(*Account, actor) (*string, error) { return &text, nil }
}

// current is a function of the session, or nil.
func current(function string) func(*Account, actor) (*string, error) {
	var of func(a *Account, by actor) string
	switch function {
	case "CURRENT_USER":
		of = func(_ *Account, by actor) string { return by.user }
	case "CURRENT_ROLE":
		of = func(_ *Account, by actor) string { return by.role }
	case "CURRENT_WAREHOUSE":
		of = func(_ *Account, by actor) string { return by.warehouse }
	case "CURRENT_DATABASE":
		of = func(_ *Account, by actor) string { return by.database }
	case "CURRENT_SCHEMA":
		of = func(_ *Account, by actor) string { return by.schema }
	case "CURRENT_ACCOUNT":
		of = func(a *Account, _ actor) string { return a.name }
	default:
		return nil
	}
	return func(a *Account, by actor) (*string, error) { return orNull(of(a, by)), nil }
}

// failureDetails reads SYSTEM$GET_LOGIN_FAILURE_DETAILS('<uuid>'), which tells
// why a token was refused; NULL of a UUID that was not given out.
func (p *parser) failureDetails() func(*Account, actor) (*string, error) {
	p.expect("SYSTEM$GET_LOGIN_FAILURE_DETAILS")
	p.expectSign("(")
	uuid := p.text()
	p.expectSign(")")
	return func(a *Account, by actor) (*string, error) {
		if err := a.administered(by); err != nil {
			return nil, err
		}
		found, ok := a.failures.get(uuid)
		if !ok {
			return nil, nil
		}
		text, err := json.Marshal(found)
		return new(string(text)), err
	}
}

// extract is JSON_EXTRACT_PATH_TEXT: NULL where there is no such key.
func extract(from func(*Account, actor) (*string, error), key string) func(*Account, actor) (*string, error) {
	return func(a *Account, by actor) (*string, error) {
		text, err := from(a, by)
		if err != nil || text == nil {
			return nil, err
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(*text), &members); err != nil {
			return nil, err
		}
		var value string
		switch raw := string(members[key]); {
		case raw == "", raw == "null":
			return nil, nil
		case json.Unmarshal(members[key], &value) == nil:
			return &value, nil
		default:
			return &raw, nil
		}
	}
}

func (s selection) run(a *Account, by actor, _ time.Time) (Result, error) {
	var r Result
	row := make([]*string, len(s))
	for i, column := range s {
		value, err := column.of(a, by)
		if err != nil {
			return Result{}, err
		}
		row[i] = value
		r.Columns = append(r.Columns, column.name)
		r.types = append(r.types, column.typ)
	}
	r.Rows = [][]*string{row}
	return r, nil
}
