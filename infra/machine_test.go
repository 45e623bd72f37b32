package infra

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// machine is a state machine in the Amazon States Language (JSONPath), as far
// as the one here goes. What it does not know is an error.
//
// Source: https://states-language.net/spec.html
type machine struct {
	Comment, StartAt string
	TimeoutSeconds   int
	States           map[string]state
	ProcessorConfig  struct{ Mode string } // only within a map
}

type state struct {
	Comment, Type, Next, Default                          string
	End                                                   bool
	Resource, ItemsPath, OutputPath, Result, Error, Cause string
	Parameters, ItemSelector, ResultSelector              map[string]any
	ResultPath                                            json.RawMessage
	MaxConcurrency, TimeoutSeconds                        int
	ItemProcessor                                         *machine
	Choices                                               []choice
	Retry                                                 []retry
	Catch                                                 []catch
}

type choice struct {
	Variable, Next string
	BooleanEquals  *bool
}

type retry struct {
	ErrorEquals                  []string
	IntervalSeconds, MaxAttempts int
	BackoffRate                  float64
	JitterStrategy               string
}

type catch struct {
	ErrorEquals []string
	ResultPath  json.RawMessage
	Next        string
}

// matches says whether an error is one of those that a retrier or a catcher
// names.
func matches(names []string, failure string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return name == failure || name == "States.ALL" || name == "States.TaskFailed" && failure != "States.Timeout"
	})
}

// runner runs a machine, one thing after the other.
type runner struct {
	reached map[string]bool // the states that were entered
	// invoke stands for the Lambda; it returns the name of an error, or "".
	invoke func(function string, payload any) (failure string, err error)
}

// run returns the output of a machine, or the name of the error that it fails
// with. err is for a definition that Step Functions would refuse or end on.
func (r runner) run(m machine, input, item any) (output any, failure string, err error) {
	for name := m.StartAt; ; {
		s, ok := m.States[name]
		if !ok {
			return nil, "", fmt.Errorf("there is no state %q", name)
		}
		r.reached[name] = true
		output, next, failure, err := r.enter(s, input, item)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
		if failure != "" || s.Type == "Succeed" || next == "" && s.End {
			return output, failure, nil
		}
		input, name = output, next
	}
}

// enter runs one state.
func (r runner) enter(s state, input, item any) (output any, next, failure string, err error) {
	output, next = input, s.Next
	switch s.Type {
	case "Pass":
		if s.Result != "" {
			output = s.Result
		} else if s.Parameters != nil {
			output, err = payload(s.Parameters, input, item)
		}
	case "Choice":
		next = s.Default
		for _, c := range s.Choices {
			value, err := evaluated(c.Variable, input, item)
			if err != nil || c.BooleanEquals == nil {
				return nil, "", "", errors.Join(err, errors.New("only BooleanEquals is known here"))
			}
			if value == *c.BooleanEquals {
				next = c.Next
				break
			}
		}
	case "Task":
		output, failure, err = r.task(s, input, item)
	case "Map":
		output, failure, err = r.each(s, input)
	case "Fail":
		failure = s.Error
	case "Succeed":
	default:
		err = fmt.Errorf("the type %q is not known here", s.Type)
	}
	if err != nil || s.Type == "Fail" {
		return nil, "", failure, err
	}
	if failure != "" {
		for _, c := range s.Catch {
			if matches(c.ErrorEquals, failure) {
				if string(c.ResultPath) != "null" {
					return nil, "", "", errors.New("the error would go into the state, and it may be large")
				}
				return input, c.Next, "", nil // not filtered by OutputPath
			}
		}
		return nil, "", failure, nil
	}
	if s.ResultSelector != nil {
		output, err = payload(s.ResultSelector, output, item)
	}
	if err == nil && s.OutputPath != "" {
		output, err = evaluated(s.OutputPath, output, item)
	}
	return output, next, "", err
}

// task invokes the function until it succeeds or no retrier is left.
func (r runner) task(s state, input, item any) (output any, failure string, err error) {
	parameters, err := payload(s.Parameters, input, item)
	if err != nil {
		return nil, "", err
	}
	if s.Resource != "arn:aws:states:::lambda:invoke" || s.ResultPath != nil {
		return nil, "", fmt.Errorf("%s is not known here, nor a ResultPath", s.Resource)
	}
	for used := make([]int, len(s.Retry)); ; {
		given, _ := parameters.(map[string]any)
		failure, err := r.invoke(fmt.Sprint(given["FunctionName"]), given["Payload"])
		if err != nil || failure == "" {
			return map[string]any{"Payload": nil}, "", err
		}
		// The first retrier that names the error decides alone.
		i := slices.IndexFunc(s.Retry, func(one retry) bool { return matches(one.ErrorEquals, failure) })
		if i < 0 || used[i] == s.Retry[i].MaxAttempts {
			return nil, failure, nil
		}
		used[i]++
	}
}

// each runs a map. The first item that fails ends it, and those after it are
// never begun; Step Functions stops those that are under way.
func (r runner) each(s state, input any) (output any, failure string, err error) {
	items, err := evaluated(s.ItemsPath, input, nil)
	if err != nil {
		return nil, "", err
	}
	list, ok := items.([]any)
	if !ok || s.ItemProcessor == nil {
		return nil, "", fmt.Errorf("%v is no list", items)
	}
	results := make([]any, len(list))
	for i, item := range list {
		given, err := payload(s.ItemSelector, input, item)
		if err != nil {
			return nil, "", err
		}
		if results[i], failure, err = r.run(*s.ItemProcessor, given, nil); err != nil || failure != "" {
			return nil, failure, err
		}
	}
	return results, "", nil
}

// unreached names the states that nothing led to.
func (r runner) unreached(m machine) (complaints []string) {
	for _, name := range slices.Sorted(maps.Keys(m.States)) {
		s := m.States[name]
		if !r.reached[name] && s.Type != "Succeed" {
			complaints = append(complaints, "nothing leads to the state "+name)
		}
		if s.ItemProcessor != nil {
			complaints = append(complaints, r.unreached(*s.ItemProcessor)...)
		}
	}
	return complaints
}

// payload fills a payload template: keys that end in ".$" are evaluated.
func payload(template map[string]any, input, item any) (any, error) {
	filled := map[string]any{}
	for key, v := range template {
		name, dynamic := strings.CutSuffix(key, ".$")
		text, isText := v.(string)
		switch inner, isMap := v.(map[string]any); {
		case dynamic && isText:
			value, err := evaluated(text, input, item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			filled[name] = value
		case dynamic || isText && (strings.HasPrefix(text, "$") || strings.HasPrefix(text, "States.")):
			return nil, fmt.Errorf("%s: %v would be taken as it stands, or not at all", key, v)
		case isMap:
			value, err := payload(inner, input, item)
			if err != nil {
				return nil, err
			}
			filled[name] = value
		default:
			filled[name] = v
		}
	}
	return filled, nil
}

// evaluated evaluates a path, an intrinsic function, or one of its arguments.
func evaluated(text string, input, item any) (any, error) {
	text = strings.TrimSpace(text)
	if name, rest, ok := strings.Cut(text, "("); ok && strings.HasPrefix(name, "States.") && strings.HasSuffix(rest, ")") {
		var arguments []any
		for _, argument := range split(strings.TrimSuffix(rest, ")")) {
			value, err := evaluated(argument, input, item)
			if err != nil {
				return nil, err
			}
			arguments = append(arguments, value)
		}
		return intrinsicFunction(name, arguments)
	}
	if text == "$" {
		return input, nil
	}
	if text == "$$.Map.Item.Value" && item != nil {
		return item, nil
	}
	if name, ok := strings.CutPrefix(text, "$."); ok {
		fields, _ := input.(map[string]any)
		value, ok := fields[name]
		if !ok {
			return nil, fmt.Errorf("there is no %s in %v", text, input)
		}
		return value, nil
	}
	if quoted, ok := strings.CutPrefix(text, "'"); ok && strings.HasSuffix(quoted, "'") {
		return strings.TrimSuffix(quoted, "'"), nil
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err
}

// split divides arguments at the commas that stand in no brackets.
func split(text string) (all []string) {
	depth, from := 0, 0
	for i, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				all, from = append(all, text[from:i]), i+1
			}
		}
	}
	return append(all, text[from:])
}

// intrinsicFunction knows those functions that are in use. Their names and what
// they take are in "Intrinsic functions for JSONPath states" of the Step
// Functions developer guide.
func intrinsicFunction(name string, arguments []any) (any, error) {
	numbers := make([]float64, len(arguments))
	whole := true
	for i, argument := range arguments {
		n, ok := argument.(float64)
		numbers[i], whole = n, whole && ok && n == float64(int(n))
	}
	switch {
	case name == "States.MathAdd" && len(arguments) == 2 && whole:
		return numbers[0] + numbers[1], nil
	case name == "States.ArrayRange" && len(arguments) == 3 && whole && numbers[2] > 0:
		var list []any
		for n := numbers[0]; n <= numbers[1]; n += numbers[2] {
			list = append(list, n)
		}
		if len(list) > 1000 {
			return nil, fmt.Errorf("%s makes %d items, and may make 1000", name, len(list))
		}
		return list, nil
	case name == "States.ArrayContains" && len(arguments) == 2:
		list, ok := arguments[0].([]any)
		if !ok {
			return nil, fmt.Errorf("%s looks into %v, which is no list", name, arguments[0])
		}
		return slices.ContainsFunc(list, func(one any) bool { return reflect.DeepEqual(one, arguments[1]) }), nil
	}
	return nil, fmt.Errorf("there is no %s that takes %v", name, arguments)
}
