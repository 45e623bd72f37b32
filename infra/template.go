package infra

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// template is one file as written: short tags made long ({"Ref": …},
// {"Fn::GetAtt": […]}), nothing evaluated. The checks look at it where it
// matters how something is written, not only what it comes to.
type template struct {
	file       string
	Parameters map[string]any
	Rules      map[string]any
	Conditions map[string]any
	Globals    map[string]any
	Resources  map[string]any
	Outputs    map[string]any
}

// resource is one entry of Resources.
type resource struct {
	ID, Type   string // the logical id; "AWS::SQS::Queue"
	Properties map[string]any
	All        map[string]any // with Condition, DeletionPolicy, Metadata, …
}

// readTemplate reads one file. It does not say whether the template is a good
// one: that is for the checks, and for CloudFormation's own linter.
func readTemplate(files fs.FS, file string) (*template, error) {
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return nil, fmt.Errorf("reading a template: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(document.Content) != 1 {
		return nil, fmt.Errorf("reading %s: it is empty", file)
	}
	value, err := decode(document.Content[0])
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	top, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("reading %s: it is not a mapping", file)
	}
	// A section that is missing is an empty one.
	section := func(name string) map[string]any {
		m, _ := top[name].(map[string]any)
		return m
	}
	return &template{
		file: file, Parameters: section("Parameters"), Rules: section("Rules"), Conditions: section("Conditions"),
		Globals: section("Globals"), Resources: section("Resources"), Outputs: section("Outputs"),
	}, nil
}

// resource finds a resource by logical id, also the Function URL that SAM
// makes beside a function under the function's id and "Url".
func (t *template) resource(id string) (resource, bool) {
	if all, ok := t.Resources[id].(map[string]any); ok {
		r := resource{ID: id, All: all}
		r.Type, _ = all["Type"].(string)
		r.Properties, _ = all["Properties"].(map[string]any)
		return r, true
	}
	if owner, ok := strings.CutSuffix(id, "Url"); ok && owner != "" {
		if f, ok := t.resource(owner); ok && f.Type == functionType && f.Properties["FunctionUrlConfig"] != nil {
			return resource{ID: id, Type: "AWS::Lambda::Url"}, true
		}
	}
	return resource{}, false
}

// nested is the file that a nested stack is written in, from the top folder.
// It is false for other resources and for stacks that live elsewhere, at an
// address or in the application repository.
func (t *template) nested(r resource) (string, bool) {
	location, ok := r.Properties["Location"].(string)
	return path.Join(path.Dir(t.file), location), ok && r.Type == nestedType
}

// decode turns YAML into plain values. It keeps what an untyped decoder of the
// library would lose: CloudFormation's short tags, and a key written twice.
func decode(n *yaml.Node) (any, error) {
	value, err := decodePlain(n)
	if err != nil || !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
		return value, err
	}
	switch name := n.Tag[1:]; name {
	case "Ref", "Condition":
		return map[string]any{name: value}, nil
	case "GetAtt":
		// Only the first dot divides: "Data.Outputs.Table" asks the nested
		// stack Data for its attribute "Outputs.Table".
		if text, ok := value.(string); ok {
			id, attribute, _ := strings.Cut(text, ".")
			value = []any{id, attribute}
		}
		return map[string]any{"Fn::GetAtt": value}, nil
	default: // an unknown one is found out when it is evaluated
		return map[string]any{"Fn::" + name: value}, nil
	}
}

// decodePlain decodes a node as if it had no tag of CloudFormation's.
func decodePlain(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		// The library keeps keys and values in one list, by turns.
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, twice := m[key]; twice {
				return nil, fmt.Errorf("line %d: %s stands here twice", n.Content[i].Line, key)
			}
			value, err := decode(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key] = value
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			value, err := decode(item)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case yaml.ScalarNode:
		// A scalar with a tag of CloudFormation's is the argument of an
		// intrinsic, and those are always texts.
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
			return n.Value, nil
		}
		var value any
		err := n.Decode(&value)
		return value, err
	default: // aliases: CloudFormation takes them, these templates do without
		return nil, fmt.Errorf("line %d: aliases are not read", n.Line)
	}
}

// intrinsic tells a function call ({"Fn::If": […]}) from an ordinary mapping.
// {"Condition": name} is one only where a condition is expected; elsewhere,
// as in a policy statement, it is a key like any other.
func intrinsic(v any) (name string, argument any, ok bool) {
	m, isMap := v.(map[string]any)
	if !isMap || len(m) != 1 {
		return "", nil, false
	}
	for name, argument = range m { // its one key
		ok = name == "Ref" || strings.HasPrefix(name, "Fn::")
	}
	return name, argument, ok
}
