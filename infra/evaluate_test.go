package infra

import (
	"strings"
	"testing"
	"testing/fstest"
)

// small is a template and its nested stack, with one of everything.
var small = fstest.MapFS{
	"template.yaml": {Data: []byte(`
Parameters:
  Colour: {Type: String, Default: red}
  Size: {Type: Number, Default: 3}
Conditions:
  IsRed: !Equals [!Ref Colour, red]
  IsBig: !Not [!Equals [!Ref Size, "3"]]
  IsBoth: !And [!Condition IsRed, !Condition IsBig]
  IsEither: !Or [!Condition IsRed, !Condition IsBig]
Resources:
  Box: {Type: AWS::SQS::Queue}
  Inner:
    Type: AWS::Serverless::Application
    Properties:
      Location: infra/inner.yaml
      Parameters: {Colour: !Sub "dark ${Colour}"}
`)},
	"infra/inner.yaml": {Data: []byte(`
Parameters:
  Colour: {Type: String}
Conditions:
  IsNever: !Equals [a, b]
Resources:
  Jar: {Type: AWS::DynamoDB::Table}
Outputs:
  Jar: {Value: !GetAtt Jar.Arn}
  Colour: {Value: !Ref Colour}
  Stack: {Value: !Ref AWS::StackName}
  Never: {Condition: IsNever, Value: x}
`)},
}

// evaluate evaluates one expression, as a resource's property would hold it.
func evaluate(t *testing.T, expression string, parameters map[string]string) (any, error) {
	t.Helper()
	files := fstest.MapFS{"infra/inner.yaml": small["infra/inner.yaml"]}
	text := string(small["template.yaml"].Data) + "  Here:\n    Type: AWS::SQS::Queue\n    Properties: {It: " + expression + "}\n"
	files["template.yaml"] = &fstest.MapFile{Data: []byte(text)}
	e, err := newEvaluator(files, "template.yaml", "safekeep", parameters)
	if err != nil {
		return nil, err
	}
	r, _ := e.resource("Here")
	value, err := e.value(r.Properties, "Resources.Here")
	if err != nil {
		return nil, err
	}
	return value.(map[string]any)["It"], nil
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	blue := map[string]string{"Colour": "blue", "Size": "4"}
	for _, test := range []struct {
		expression string
		parameters map[string]string
		want       any
	}{
		{"plain", nil, "plain"},
		{"7", nil, 7},
		{"!Ref Colour", nil, "red"},
		{"!Ref Colour", blue, "blue"},
		{"!Ref Size", nil, "3"},
		{"!Ref Box", nil, "Box"},
		{"{Ref: Box}", nil, "Box"},
		{"!Ref AWS::AccountId", nil, "000000000000"},
		{"!GetAtt Box.QueueName", nil, "Box"},
		{"!GetAtt [Box, QueueName]", nil, "Box"},
		{"!GetAtt Inner.Outputs.Jar", nil, "arn:aws:dynamodb:us-east-1:000000000000:table/Jar"},
		{"!GetAtt Inner.Outputs.Colour", blue, "dark blue"},
		{"!GetAtt Inner.Outputs.Stack", nil, "safekeep-Inner"},
		{`!Sub "${Colour}/${Box.QueueName}/${!Colour}/${AWS::StackName}"`, nil, "red/Box/${Colour}/safekeep"},
		{`!Sub ["${Colour}/${Box}/${Taste}", {Taste: sweet, Box: !If [IsRed, "${Colour}", ""]}]`, nil, "red/${Colour}/sweet"},
		{"!If [IsRed, yes, no]", nil, "yes"},
		{"!If [IsRed, yes, no]", blue, "no"},
		{"!If [IsBig, yes, no]", blue, "yes"},
		{"!If [IsBoth, yes, no]", nil, "no"},
		{"!If [IsBoth, yes, no]", map[string]string{"Size": "4"}, "yes"},
		{"!If [IsEither, yes, no]", blue, "yes"},
		{"!If [IsBig, yes, !Ref AWS::NoValue]", nil, nil},
		{`!Join ["-", [a, !Ref Colour, 1]]`, nil, "a-red-1"},
		{`!Select [1, [a, !Ref Colour]]`, nil, "red"},
	} {
		got, err := evaluate(t, test.expression, test.parameters)
		if err != nil || got != test.want {
			t.Errorf("%s with %v is %v (%v), want %v", test.expression, test.parameters, got, err, test.want)
		}
	}
}

func TestEvaluateSaysWhereItCannot(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"!Ref Color":                     "template.yaml: Resources.Here.It: Ref: Color is neither a parameter nor a resource",
		"[a, !Ref Color]":                "template.yaml: Resources.Here.It[1]: Ref: Color is neither",
		"!Join [x, [!Ref Color]]":        "Resources.Here.It[0]: Ref: Color",
		"!GetAtt Bux.Arn":                "Fn::GetAtt: there is no resource Bux",
		"!GetAtt Box.Urn":                "Box (AWS::SQS::Queue) has no attribute Urn",
		"!GetAtt Box.Outputs.It":         "has no attribute Outputs.It",
		"!GetAtt Inner.Outputs.Jur":      "infra/inner.yaml puts out no Jur",
		"!GetAtt Inner.Outputs.Never":    "puts out no Never under its condition",
		`!Sub "${Color}"`:                "Fn::Sub: Color is neither",
		`!Sub ["${x}", {y: 1}]`:          "Fn::Sub: x is neither",
		`!Sub ["${x}", {x: [1]}]`:        "wants a text",
		`!Sub ["${x}", x]`:               "wants a mapping",
		`!Sub ["${Colour}"]`:             "wants a text",
		`!Sub ["${x}", {x: !Ref Color}]`: "Resources.Here.It.x: Ref: Color is neither",
		"!If [IsGreen, a, b]":            "there is no condition IsGreen",
		"!If [IsRed, a]":                 "wants a condition and two values",
		"!Select [2, [a, b]]":            "has no item 2 of 2",
		"!ImportValue elsewhere":         "Fn::ImportValue: is not evaluated here",
		"!Equals [!Ref Colour, [a, b]]":  "wants a text",
		"{Fn::FindInMap: [a, b, c]}":     "Fn::FindInMap: is not evaluated here",
		"{a: 1, a: 2}":                   "a stands here twice",
		"!Ref [Colour]":                  "wants a name",
		"!Join [only]":                   "wants a separator and a list",
		"!Not [!Condition IsUnheardOf]":  "there is no condition IsUnheardOf",
		"!And [!Ref Colour, !Ref Size ]": "is not a condition",
	} {
		if got, err := evaluate(t, expression, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %v (%v), want the error %q", expression, got, err, want)
		}
	}
}

func TestLoadWantsTheRightParameters(t *testing.T) {
	t.Parallel()
	if _, err := load(asWritten.files, nil); err == nil || !strings.Contains(err.Error(), "SecurityContact") {
		t.Errorf("without a required parameter: %v", err)
	}
	if _, err := load(asWritten.files, map[string]string{"SecurityContakt": "x"}); err == nil || !strings.Contains(err.Error(), "no parameter SecurityContakt") {
		t.Errorf("with a parameter that does not exist: %v", err)
	}
}
