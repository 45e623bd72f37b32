package infra

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"safekeep/shared/token"
)

// checkExamples holds every example against its schema, and its tokens and
// hints against the format of tokens.
func checkExamples(c contract) (complaints []string) {
	format, err := token.NewFormat("skp")
	if err != nil {
		return []string{err.Error()}
	}
	shown := 0
	check := func(schema, example any, at string) {
		shown++
		complaints = append(complaints, c.misfits(schema, example, at)...)
		for _, text := range format.Within(fmt.Sprint(example)) {
			if !format.Valid(text) {
				complaints = append(complaints, at+": "+text+" is no token that was ever issued")
			}
		}
		object, _ := example.(map[string]any)
		if text, ok := object["token"].(string); ok && object["hint"] != nil && object["hint"] != token.Hint(text) {
			complaints = append(complaints, at+": the hint is another token's")
		}
	}
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				walk(item, fmt.Sprintf("%s[%d]", at, i))
			}
		case map[string]any:
			if v["schema"] != nil && v["example"] != nil {
				check(v["schema"], v["example"], at)
			}
			if examples, ok := v["examples"].([]any); ok {
				for _, example := range examples {
					check(v, example, at)
				}
			}
			for name, item := range v {
				if name != "example" && name != "examples" {
					walk(item, at+"."+name)
				}
			}
		}
	}
	walk(c.top, "")
	if shown < 25 {
		complaints = append(complaints, fmt.Sprintf("only %d examples were found", shown))
	}
	return complaints
}

// misfits says where a value is not what its schema says. It knows the words
// of JSON Schema that openapi.yaml uses; another word that restricts would be
// complained about, so that none is passed over in silence.
func (c contract) misfits(schema, v any, at string) (complaints []string) {
	s := c.object(schema)
	say := func(bad bool, format string, values ...any) {
		if bad {
			complaints = append(complaints, at+": "+fmt.Sprintf(format, values...))
		}
	}
	if types := c.typesOf(s); len(types) > 0 && s["oneOf"] == nil {
		say(!slices.Contains(types, typeOf(v)), "%v is no %s", v, strings.Join(types, " or "))
	}
	text, isText := v.(string)
	list, isList := v.([]any)
	number, isNumber := v.(int)
	object, isObject := v.(map[string]any)
	for word, limit := range s {
		n, _ := limit.(int)
		some, _ := limit.([]any)
		switch word {
		case "type", "description", "default", "examples", "$ref":
		case "properties", "required", "additionalProperties", "allOf": // below
		case "enum":
			say(!slices.Contains(some, v), "%v is none of %v", v, some)
		case "const":
			say(v != limit, "%v is not %v", v, limit)
		case "not":
			say(len(c.misfits(limit, v, at)) == 0, "%v is forbidden", v)
		case "pattern":
			say(isText && !regexp.MustCompile(fmt.Sprint(limit)).MatchString(text), "%q does not match %v", text, limit)
		case "format":
			layout := map[any]string{"date-time": time.RFC3339Nano, "date": time.DateOnly}[limit]
			_, err := time.Parse(layout, text)
			say(isText && (layout == "" || err != nil), "%q is no %v", text, limit)
		case "minItems":
			say(isList && len(list) < n, "it is too short")
		case "minLength":
			say(isText && len(text) < n, "%q is too short", text)
		case "maxLength":
			say(isText && len(text) > n, "%q is too long", text)
		case "minimum":
			say(isNumber && number < n, "%d is too small", number)
		case "maximum":
			say(isNumber && number > n, "%d is too large", number)
		case "maxItems":
			say(isList && len(list) > n, "it is too long")
		case "uniqueItems":
			for i, item := range list {
				say(slices.Contains(list[:i], item), "%v stands there twice", item)
			}
		case "items":
			for i, item := range list {
				complaints = append(complaints, c.misfits(limit, item, at+"["+strconv.Itoa(i)+"]")...)
			}
		case "oneOf":
			fitting := slices.DeleteFunc(slices.Clone(some), func(choice any) bool { return len(c.misfits(choice, v, at)) > 0 })
			say(len(fitting) != 1, "%v fits %d of the choices", v, len(fitting))
		default:
			say(true, "the test does not know %s", word)
		}
	}
	if isObject {
		properties, required := c.described(s)
		for _, name := range required {
			_, ok := object[fmt.Sprint(name)]
			say(!ok, "%v is missing", name)
		}
		for name, value := range object {
			if properties[name] != nil {
				complaints = append(complaints, c.misfits(properties[name], value, at+"."+name)...)
			} else {
				say(len(properties) > 0, "%s is not described", name)
			}
		}
	}
	return complaints
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case int:
		return "integer"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// typesOf returns the types of JSON that a schema allows, sorted.
func (c contract) typesOf(schema any) (types []string) {
	s := c.object(schema)
	switch t := s["type"].(type) {
	case string:
		types = append(types, t)
	case []any:
		for _, name := range t {
			types = append(types, fmt.Sprint(name))
		}
	}
	choices, _ := s["oneOf"].([]any)
	for _, choice := range choices {
		types = append(types, c.typesOf(choice)...)
	}
	slices.Sort(types)
	return types
}

// described returns the properties and the required names of a schema, those
// of its parts with them.
func (c contract) described(schema any) (properties map[string]any, required []any) {
	s := c.object(schema)
	properties = map[string]any{}
	parts, _ := s["allOf"].([]any)
	for _, part := range parts {
		more, names := c.described(part)
		for name, p := range more {
			properties[name] = p
		}
		required = append(required, names...)
	}
	for name, p := range c.in(s, "properties") {
		properties[name] = p
	}
	names, _ := s["required"].([]any)
	return properties, append(required, names...)
}
