package warehouse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// decode reads one JSON object of at most so many bytes into the struct that v
// points to, and refuses fields that it does not have. Problems name the field
// within the object, or none when they are about all of it.
func decode(raw json.RawMessage, most int, v any) error {
	text := bytes.TrimSpace(raw)
	switch {
	case len(raw) > most:
		return tooLong(most)
	case len(text) == 0 || string(text) == "null":
		return problem.New(problem.Unacceptable, "is missing; it takes "+names(v))
	case !utf8.Valid(raw):
		// Decoding would put U+FFFD for what it cannot read, and so store
		// another password than the one that was meant.
		return problem.New(problem.Unreadable, "is not UTF-8")
	}
	// The same strictness as for the request around it, field by field.
	err := web.DecodeJSON(raw, v)
	if p, ok := problem.Of(err); ok {
		return explain(p, v)
	}
	return err
}

// tooLong is said of the whole object, before any of it is read: no rule below
// has to fear a text longer than this.
func tooLong(most int) error {
	return problem.New(problem.Unacceptable, fmt.Sprintf("is longer than %d KB", most>>10))
}

// explain words a problem of decoding for an object that is part of a request.
func explain(p *problem.Error, v any) error {
	known := slices.Contains(strings.Split(names(v), ", "), p.Field)
	switch {
	case p.Field == "":
		return problem.New(p.Kind, "must be one JSON object; it takes "+names(v))
	case !known && !presentable(p.Field):
		return problem.New(p.Kind, "has a field that is not known here; it takes "+names(v))
	case !known:
		return &problem.Error{Kind: p.Kind, Field: p.Field, Detail: "is not known here; give " + names(v)}
	}
	return p // one of our fields has the wrong type; its value is not repeated
}

// presentable says whether the name of an unknown field may be repeated: when
// things went wrong in a caller's template, a secret can stand where a name
// belongs. Names of fields are letters and underscores; a good secret is not.
func presentable(name string) bool {
	return len(name) <= 40 && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// names lists the JSON names of a struct's fields.
func names(v any) string {
	var list []string
	shape := reflect.TypeOf(v).Elem()
	for i := range shape.NumField() {
		name, _, _ := strings.Cut(shape.Field(i).Tag.Get("json"), ",")
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

// within puts the name of a part of the request before the field that a problem
// names.
func within(part string, err error) error {
	var p *problem.Error
	if !errors.As(err, &p) {
		return err
	}
	field := part
	if p.Field != "" {
		field += "." + p.Field
	}
	return &problem.Error{Kind: p.Kind, Field: field, Detail: p.Detail}
}
