package pump

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A filter is an event pattern: every name in it must fit.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
type filter map[string]any // of filter or []condition

// A condition judges one value; there says whether the record has it at all.
type condition func(value any, there bool) bool

// parseFilter reads a pattern. An operator that is not known here is an error:
// a pump that let too much or too little through would be a lie about what is
// deployed.
func parseFilter(pattern string) (filter, error) {
	var raw map[string]any
	if err := json.Unmarshal([]byte(pattern), &raw); err != nil {
		return nil, fmt.Errorf("reading the filter %s: %w", pattern, err)
	}
	return compile(raw)
}

func compile(raw map[string]any) (filter, error) {
	f := make(filter, len(raw))
	for name, part := range raw {
		switch part := part.(type) {
		case map[string]any:
			inner, err := compile(part)
			if err != nil {
				return nil, err
			}
			f[name] = inner
		case []any:
			var conditions []condition
			for _, one := range part {
				c, err := compileCondition(one)
				if err != nil {
					return nil, fmt.Errorf("reading the filter on %q: %w", name, err)
				}
				conditions = append(conditions, c)
			}
			f[name] = conditions
		default:
			return nil, fmt.Errorf("reading the filter on %q: a pattern holds objects and lists, not %T", name, part)
		}
	}
	return f, nil
}

func compileCondition(raw any) (condition, error) {
	operators, ok := raw.(map[string]any)
	if !ok { // a literal: equal in type and value
		return func(value any, there bool) bool { return there && value == raw }, nil
	}
	for name, argument := range operators {
		text, isText := argument.(string)
		wanted, isBool := argument.(bool)
		switch {
		case len(operators) != 1:
			return nil, fmt.Errorf("an operator stands alone, not %v", operators)
		case name == "exists" && isBool:
			return func(value any, there bool) bool {
				_, object := value.(map[string]any) // only leaves exist
				return (there && !object) == wanted
			}, nil
		case name == "prefix" && isText:
			return textual(func(s string) bool { return strings.HasPrefix(s, text) }), nil
		case name == "suffix" && isText:
			return textual(func(s string) bool { return strings.HasSuffix(s, text) }), nil
		case name == "anything-but":
			return anythingBut(argument)
		}
		return nil, fmt.Errorf("the operator %q is not known here", name)
	}
	return nil, fmt.Errorf("an empty object is no condition")
}

func textual(fits func(string) bool) condition {
	return func(value any, there bool) bool {
		s, ok := value.(string)
		return there && ok && fits(s)
	}
}

func anythingBut(argument any) (condition, error) {
	list, ok := argument.([]any)
	if !ok {
		list = []any{argument}
	}
	for _, one := range list {
		if _, nested := one.(map[string]any); nested {
			return nil, fmt.Errorf("anything-but is known here with plain values only")
		}
	}
	return func(value any, there bool) bool {
		for _, one := range list {
			if value == one {
				return false
			}
		}
		return there
	}, nil
}

// fits says whether a record, decoded from JSON, fits the pattern.
func (f filter) fits(record map[string]any) bool {
	for name, part := range f {
		value, there := record[name]
		switch part := part.(type) {
		case filter:
			inner, _ := value.(map[string]any) // a nil map has nothing in it
			if !part.fits(inner) {
				return false
			}
		case []condition:
			if !anyFits(part, value, there) {
				return false
			}
		}
	}
	return true
}

func anyFits(conditions []condition, value any, there bool) bool {
	values := []any{value}
	if list, ok := value.([]any); ok {
		values = list // a list fits when one of its elements does
	}
	for _, c := range conditions {
		for _, v := range values {
			if c(v, there) {
				return true
			}
		}
	}
	return false
}
