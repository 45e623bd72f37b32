package infra

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// call evaluates one intrinsic function. Those that the templates do not use
// are refused: a function that is evaluated nearly right would make a local
// stack that differs from the deployed one.
//
// Source for their meaning: "Intrinsic function reference" in the
// CloudFormation user guide.
func (e *evaluator) call(name string, argument any, at string) (any, error) {
	list, _ := argument.([]any)
	switch name {
	case "Ref": // name
		id, ok := argument.(string)
		if !ok {
			return nil, fmt.Errorf("wants a name and got %v", argument)
		}
		return e.ref(id)
	case "Fn::GetAtt": // [resource, attribute]; decode has split the short form
		if len(list) != 2 {
			return nil, fmt.Errorf("wants a resource and an attribute and got %v", argument)
		}
		return e.attribute(fmt.Sprint(list[0]), fmt.Sprint(list[1]))
	case "Fn::Sub":
		return e.substitute(argument, at)
	case "Fn::If": // [name of a condition, value if it holds, value if not]
		if len(list) != 3 {
			return nil, fmt.Errorf("wants a condition and two values")
		}
		yes, err := e.condition(map[string]any{"Condition": list[0]}, at)
		if err != nil {
			return nil, err
		}
		// The other branch is not looked at: it may well refer to something
		// that is not made under this condition.
		if yes {
			return e.value(list[1], at)
		}
		return e.value(list[2], at)
	case "Fn::Join": // [separator, list]
		if len(list) != 2 {
			return nil, fmt.Errorf("wants a separator and a list")
		}
		parts, err := e.texts(list[1], at)
		return strings.Join(parts, fmt.Sprint(list[0])), err
	case "Fn::Select": // [index from 0, list]
		if len(list) != 2 {
			return nil, fmt.Errorf("wants an index and a list")
		}
		items, err := e.texts(list[1], at)
		if err != nil {
			return nil, err
		}
		// The index may be written as a number or as a text.
		i, err := strconv.Atoi(fmt.Sprint(list[0]))
		if err != nil || i < 0 || i >= len(items) {
			return nil, fmt.Errorf("has no item %v of %d", list[0], len(items))
		}
		return items[i], nil
	case "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or":
		// CloudFormation takes these in Conditions and Rules only, and its
		// linter says so; here it makes no difference.
		return e.condition(map[string]any{name: argument}, at)
	}
	return nil, fmt.Errorf("is not evaluated here")
}

// condition evaluates a condition, given by name ({"Condition": name}) or as
// one of the functions Equals, Not, And and Or. Anything else is an error, even
// the texts "true" and "false", which CloudFormation does not take either.
func (e *evaluator) condition(v any, at string) (bool, error) {
	m, _ := v.(map[string]any)
	if name, ok := m["Condition"]; ok {
		// CloudFormation itself refuses conditions that go in a circle, so
		// this ends for every template that can be deployed.
		named, ok := e.Conditions[fmt.Sprint(name)]
		if !ok {
			return false, fmt.Errorf("there is no condition %v", name)
		}
		return e.condition(named, "Conditions."+fmt.Sprint(name))
	}
	// What is left is one of the four functions that make a condition.
	name, argument, ok := intrinsic(v)
	list, _ := argument.([]any)
	if !ok || len(list) == 0 {
		return false, fmt.Errorf("%v is not a condition", v)
	}
	if name == "Fn::Equals" {
		if len(list) != 2 {
			return false, fmt.Errorf("%s wants two values", name)
		}
		left, err := e.text(list[0], at)
		if err != nil {
			return false, err
		}
		right, err := e.text(list[1], at)
		// Both are texts to CloudFormation, so the number 0 equals "0".
		return left == right, err
	}
	var yes int // how many of the conditions inside hold
	for _, item := range list {
		ok, err := e.condition(item, at)
		if err != nil {
			return false, err
		}
		if ok {
			yes++
		}
	}
	switch name {
	case "Fn::Not":
		return yes == 0, nil
	case "Fn::And":
		return yes == len(list), nil
	case "Fn::Or":
		return yes > 0, nil
	}
	return false, fmt.Errorf("%s is not a condition", name)
}

// texts evaluates a list to texts, for the functions that take a list of them.
// Items that evaluate to AWS::NoValue are gone by then.
func (e *evaluator) texts(v any, at string) ([]string, error) {
	value, err := e.value(v, at)
	if err != nil {
		return nil, err
	}
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("wants a list and got %v", value)
	}
	parts := make([]string, len(list))
	for i, item := range list {
		parts[i] = fmt.Sprint(item)
	}
	return parts, nil
}

// substitute fills the ${…} of a text: a name like Ref, a name with a dot like
// GetAtt, and "${!x}" stands for "${x}" itself. The argument is the text, or
// the text and a mapping of names that it has for itself.
func (e *evaluator) substitute(argument any, at string) (any, error) {
	text, own, err := sub(argument)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if values[name], err = e.text(own[name], at+"."+name); err != nil {
			return nil, err
		}
	}
	var failed error
	text = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		// A name of its own hides whatever else is called so.
		if value, ok := values[name]; ok {
			return value
		}
		var value any
		var err error
		if id, attribute, dotted := strings.Cut(name, "."); dotted {
			value, err = e.attribute(id, attribute)
		} else {
			value, err = e.ref(name)
		}
		if err != nil && failed == nil {
			failed = err
		}
		return fmt.Sprint(value)
	})
	// Only now, so that what "${!" leaves behind is not taken for a variable.
	return strings.ReplaceAll(text, "${!", "${"), failed
}

// sub takes the argument of Fn::Sub apart.
func sub(argument any) (text string, own map[string]any, err error) {
	if list, ok := argument.([]any); ok && len(list) == 2 {
		argument = list[0]
		if own, ok = list[1].(map[string]any); !ok {
			return "", nil, fmt.Errorf("wants a mapping and got %v", list[1])
		}
	}
	text, ok := argument.(string)
	if !ok {
		return "", nil, fmt.Errorf("wants a text and got %v", argument)
	}
	return text, own, nil
}
