package infra

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The types of resources that mean something here; all others are only named.
const (
	functionType = "AWS::Serverless::Function"
	keyType      = "AWS::KMS::Key"
	machineType  = "AWS::Serverless::StateMachine"
	nestedType   = "AWS::Serverless::Application"
	tableType    = "AWS::DynamoDB::Table"
)

// pseudo are the parameters that CloudFormation sets, as they stand locally.
// The region and the account are part of made-up ARNs and nothing else. The
// stack's name is not among them, as each nested stack has its own.
var pseudo = map[string]string{
	"AWS::AccountId": "000000000000",
	"AWS::Partition": "aws",
	"AWS::Region":    "us-east-1",
	"AWS::URLSuffix": "amazonaws.com",
}

// attributes are the attributes of resources that the templates may ask for,
// with the values they have locally; {id} stands for the logical id. One that is
// missing here is an error, as a mistyped one would be when deploying.
var attributes = map[string]map[string]string{
	tableType: {
		"Arn":       "arn:aws:dynamodb:us-east-1:000000000000:table/{id}",
		"StreamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/{id}/stream/local",
	},
	functionType:             {"Arn": "arn:aws:lambda:us-east-1:000000000000:function:{id}"},
	machineType:              {"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:{id}"},
	"AWS::CloudWatch::Alarm": {"Arn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:{id}"},
	"AWS::IAM::Role":         {"Arn": "arn:aws:iam::000000000000:role/{id}"},
	keyType:                  {"Arn": "arn:aws:kms:us-east-1:000000000000:key/{id}"},
	"AWS::Lambda::Url":       {"FunctionUrl": "https://{id}.lambda-url.us-east-1.on.aws/"},
	"AWS::Logs::LogGroup":    {"Arn": "arn:aws:logs:us-east-1:000000000000:log-group:{id}:*"},
	"AWS::SQS::Queue": {
		"Arn":       "arn:aws:sqs:us-east-1:000000000000:{id}",
		"QueueName": "{id}",
	},
	"AWS::SES::EmailIdentity": {
		"DkimDNSTokenName1": "1.{id}", "DkimDNSTokenValue1": "1.dkim",
		"DkimDNSTokenName2": "2.{id}", "DkimDNSTokenValue2": "2.dkim",
		"DkimDNSTokenName3": "3.{id}", "DkimDNSTokenValue3": "3.dkim",
	},
}

// absent is what AWS::NoValue evaluates to: the property or the item of a list
// that holds it goes away, which is not the same as being empty.
type absent struct{}

// evaluator evaluates one template with its parameters' values. It works on
// demand: what nobody asks for may refer to whatever it likes, as a stack of
// alarms may refer to things that do not exist locally.
type evaluator struct {
	*template
	files  fs.FS
	stack  string                // its name
	values map[string]string     // of the parameters
	nests  map[string]*evaluator // of the nested stacks, by logical id
}

// newEvaluator reads a template and lays given over its parameters' defaults. A
// name that the template does not know is an error, and so is a parameter that
// ends up without a value: a local stack that guessed one would hide that the
// deployment has to be asked for it.
func newEvaluator(files fs.FS, file, stack string, given map[string]string) (*evaluator, error) {
	t, err := readTemplate(files, file)
	if err != nil {
		return nil, err
	}
	e := &evaluator{template: t, files: files, stack: stack, values: maps.Clone(given), nests: map[string]*evaluator{}}
	if e.values == nil {
		e.values = map[string]string{}
	}
	for name := range given {
		if t.Parameters[name] == nil {
			return nil, fmt.Errorf("%s has no parameter %s", file, name)
		}
	}
	var missing []string // all are named at once, so that nobody mends them one by one
	for name, p := range t.Parameters {
		if _, ok := given[name]; ok {
			continue
		}
		if byDefault, ok := p.(map[string]any)["Default"]; ok {
			e.values[name] = fmt.Sprint(byDefault)
		} else {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		return nil, fmt.Errorf("%s: no value for %s", file, strings.Join(missing, ", "))
	}
	return e, nil
}

// value evaluates whatever stands at a place of the template, down to the last
// intrinsic function in it. The result shares nothing with the template, so it
// may be changed. at names the place in errors, "Resources.X.Properties.Y[0]".
func (e *evaluator) value(v any, at string) (any, error) {
	if name, argument, ok := intrinsic(v); ok {
		result, err := e.call(name, argument, at)
		if err != nil {
			// Only the innermost call says where it stands, be it in this
			// template or in a nested one.
			if errors.As(err, new(*placed)) {
				return nil, err
			}
			return nil, &placed{fmt.Errorf("%s: %s: %s: %w", e.file, at, name, err)}
		}
		return result, nil
	}
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		// In order, so that of two mistakes the same one is always named.
		for _, key := range slices.Sorted(maps.Keys(v)) {
			item, err := e.value(v[key], at+"."+key)
			if err != nil {
				return nil, err
			}
			if item != (absent{}) {
				m[key] = item
			}
		}
		return m, nil
	case []any:
		list := make([]any, 0, len(v))
		for i, item := range v {
			item, err := e.value(item, fmt.Sprintf("%s[%d]", at, i))
			if err != nil {
				return nil, err
			}
			if item != (absent{}) {
				list = append(list, item)
			}
		}
		return list, nil
	}
	return v, nil // a plain value stands for itself
}

// placed is an error that already says where it happened.
type placed struct{ error }

func (p *placed) Unwrap() error { return p.error }

// text evaluates to a text; numbers and booleans are written out, as
// CloudFormation does wherever it wants a text. Lists and mappings are errors.
func (e *evaluator) text(v any, at string) (string, error) {
	result, err := e.value(v, at)
	if err != nil {
		return "", err
	}
	switch result.(type) {
	case string, int, float64, bool:
		return fmt.Sprint(result), nil
	}
	return "", fmt.Errorf("wants a text and got %v", result)
}

// ref is the value of a parameter, or a resource's name, which locally is its
// logical id: nothing here is made by CloudFormation, so nothing needs the
// random end by which it keeps two stacks apart.
func (e *evaluator) ref(name string) (any, error) {
	switch name {
	case "AWS::NoValue":
		return absent{}, nil
	case "AWS::StackName":
		return e.stack, nil
	}
	if value, ok := pseudo[name]; ok {
		return value, nil
	}
	if value, ok := e.values[name]; ok {
		return value, nil
	}
	if _, ok := e.resource(name); ok {
		return name, nil
	}
	return nil, fmt.Errorf("%s is neither a parameter nor a resource", name)
}

// attribute is an output of a nested stack, or what attributes lists. An output
// whose condition does not hold is an error: CloudFormation would fail on it
// too, in the middle of a deployment.
func (e *evaluator) attribute(id, attribute string) (any, error) {
	r, ok := e.resource(id)
	if !ok {
		return nil, fmt.Errorf("there is no resource %s", id)
	}
	if output, ok := strings.CutPrefix(attribute, "Outputs."); ok && r.Type == nestedType {
		inner, err := e.nest(r)
		if err != nil {
			return nil, err
		}
		o, ok := inner.Outputs[output].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s puts out no %s", inner.file, output)
		}
		if made, err := inner.exists(o, "Outputs."+output); err != nil || !made {
			return nil, errors.Join(err, fmt.Errorf("%s puts out no %s under its condition", inner.file, output))
		}
		return inner.value(o["Value"], "Outputs."+output)
	}
	pattern, ok := attributes[r.Type][attribute]
	if !ok {
		return nil, fmt.Errorf("%s (%s) has no attribute %s that is known here", id, r.Type, attribute)
	}
	return strings.ReplaceAll(pattern, "{id}", id), nil
}

// nest evaluates a nested stack, once. Its parameters are evaluated here and
// not when they are asked for, as CloudFormation does it: a nested stack gets
// values, never expressions.
func (e *evaluator) nest(r resource) (*evaluator, error) {
	if inner := e.nests[r.ID]; inner != nil {
		return inner, nil
	}
	file, ok := e.nested(r)
	if !ok {
		return nil, fmt.Errorf("%s has no Location of its own file", r.ID)
	}
	given := map[string]string{}
	parameters, _ := r.Properties["Parameters"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		value, err := e.text(parameters[name], "Resources."+r.ID+".Properties.Parameters."+name)
		if err != nil {
			return nil, err
		}
		given[name] = value
	}
	// CloudFormation adds a random end, so nobody may count on this name.
	inner, err := newEvaluator(e.files, file, e.stack+"-"+r.ID, given)
	if err != nil {
		return nil, err
	}
	e.nests[r.ID] = inner
	return inner, nil
}

// exists says whether a resource or an output is made at all, given everything
// that the template says about it.
func (e *evaluator) exists(all map[string]any, at string) (bool, error) {
	name, ok := all["Condition"].(string)
	if !ok {
		return true, nil
	}
	return e.condition(map[string]any{"Condition": name}, at)
}

// placeholder is a ${name} or ${id.attribute} in a text; ${!name} is none.
var placeholder = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)
