package infra

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// uses is what a template refers to, as written: in both branches of every If.
type uses struct {
	names, conditions map[string]bool // of Ref and Sub; of If and Condition
	complaints        []string
}

// walk visits every intrinsic function below v.
func (u *uses) walk(e *evaluator, v any, at string) {
	complain := func(err error) {
		if err != nil {
			u.complaints = append(u.complaints, fmt.Sprintf("%s: %s: %v", e.file, at, err))
		}
	}
	attribute := func(id, name string) {
		// Whether the output's condition holds is a question of parameters.
		if _, err := e.attribute(id, name); err != nil && !strings.Contains(err.Error(), "under its condition") {
			complain(err)
		}
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			u.walk(e, item, fmt.Sprintf("%s[%d]", at, i))
		}
	case map[string]any:
		name, argument, _ := intrinsic(v)
		switch list, _ := argument.([]any); name {
		case "Ref":
			_, err := e.ref(fmt.Sprint(argument))
			complain(err)
			u.names[fmt.Sprint(argument)] = true
		case "Fn::GetAtt":
			attribute(fmt.Sprint(list[0]), fmt.Sprint(list[1]))
		case "Fn::If":
			u.conditions[fmt.Sprint(list[0])] = true
		case "Fn::Sub":
			text, own, err := sub(argument)
			complain(err)
			found := placeholder.FindAllStringSubmatch(text, -1)
			if len(found) == 0 {
				complain(fmt.Errorf("a Sub without a variable"))
			}
			for name := range own {
				if !strings.Contains(text, "${"+name+"}") {
					complain(fmt.Errorf("the variable %s is never used", name))
				}
			}
			for _, f := range found {
				if own[f[1]] != nil {
					continue
				}
				if id, name, dotted := strings.Cut(f[1], "."); dotted {
					attribute(id, name)
					continue
				}
				_, err := e.ref(f[1])
				complain(err)
				u.names[f[1]] = true
			}
		}
		for key, item := range v {
			// In a policy "Condition" is a mapping; here it is a name.
			if condition, ok := item.(string); ok && key == "Condition" {
				u.conditions[condition] = true
			}
			u.walk(e, item, at+"."+key)
		}
	}
}

// usesOf walks one template, its rules left out: a parameter that only a rule
// looks at does nothing.
func usesOf(e *evaluator) *uses {
	u := &uses{names: map[string]bool{}, conditions: map[string]bool{}}
	u.walk(e, e.Globals, "Globals")
	u.walk(e, e.Conditions, "Conditions")
	u.walk(e, e.Resources, "Resources")
	u.walk(e, e.Outputs, "Outputs")
	return u
}

// templates evaluates template.yaml and all its nested stacks.
func (p project) templates() ([]*evaluator, error) {
	root, err := p.root()
	if err != nil {
		return nil, err
	}
	all := []*evaluator{root}
	for _, id := range slices.Sorted(maps.Keys(root.Resources)) {
		if r, _ := root.resource(id); r.Type == nestedType {
			inner, err := root.nest(r)
			if err != nil {
				return nil, err
			}
			all = append(all, inner)
		}
	}
	return all, nil
}

func checkReferences(p project) (complaints []string) {
	all, err := p.templates()
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range all {
		u := usesOf(e)
		complaints = append(complaints, u.complaints...)
		for name := range u.conditions {
			if e.Conditions[name] == nil {
				complaints = append(complaints, e.file+": there is no condition "+name)
			}
		}
		for name := range e.Conditions {
			if !u.conditions[name] {
				complaints = append(complaints, e.file+": the condition "+name+" is never used")
			}
		}
		// Everything must also come out, the parts behind conditions included.
		for _, section := range []map[string]any{e.Globals, e.Resources} {
			if _, err := e.value(section, "Resources"); err != nil {
				complaints = append(complaints, err.Error())
			}
		}
	}
	return complaints
}

func checkParameters(p project) (complaints []string) {
	root, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	// What a nested stack wants is looked at before it is evaluated, as that
	// fails already when something is missing.
	for id := range root.Resources {
		r, _ := root.resource(id)
		file, ok := root.nested(r)
		if !ok {
			continue
		}
		inner, err := readTemplate(p.files, file)
		if err != nil {
			return []string{err.Error()}
		}
		given, _ := r.Properties["Parameters"].(map[string]any)
		for name := range inner.Parameters {
			if given[name] == nil {
				complaints = append(complaints, id+": it is given no "+name)
			}
		}
	}
	all, err := p.templates()
	if err != nil {
		return append(complaints, err.Error())
	}
	for _, e := range all {
		u := usesOf(e)
		for name, v := range e.Parameters {
			if !u.names[name] {
				complaints = append(complaints, e.file+": the parameter "+name+" is never used")
			}
			complaints = append(complaints, checkParameter(e.file+": the parameter "+name, v.(map[string]any))...)
		}
	}
	return complaints
}

func checkParameter(name string, p map[string]any) (complaints []string) {
	if p["Description"] == nil {
		complaints = append(complaints, name+": says nothing about itself")
	}
	byDefault, has := p["Default"]
	if pattern, ok := p["AllowedPattern"].(string); ok {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return append(complaints, name+": "+err.Error())
		}
		if has && !compiled.MatchString(fmt.Sprint(byDefault)) {
			complaints = append(complaints, name+": its default is not allowed")
		}
	}
	if n, ok := byDefault.(int); ok {
		low, bounded := p["MinValue"].(int)
		if bounded && n < low {
			complaints = append(complaints, name+": its default is not allowed")
		}
		if high, ok := p["MaxValue"].(int); ok && n > high {
			complaints = append(complaints, name+": its default is not allowed")
		}
	}
	if allowed, ok := p["AllowedValues"].([]any); ok && has && !slices.Contains(allowed, byDefault) {
		complaints = append(complaints, name+": its default is not allowed")
	}
	return complaints
}
