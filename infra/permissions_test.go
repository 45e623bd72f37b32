package infra

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// permitted is everything that each function may do, beside writing its own
// log and its traces: an action, the resource, and the condition if there is
// one. It is written out a second time here so that a right is never widened
// by a change of the template alone.
var permitted = map[string]string{
	"alerts": `
dynamodb:BatchGetItem table/Ledger
dynamodb:BatchGetItem table/Tokens
dynamodb:BatchGetItem table/Workspaces
dynamodb:GetItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys hostkey#*,verify#budget
dynamodb:GetItem table/Tokens
dynamodb:PutItem table/Ledger
dynamodb:UpdateItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys hostkey#*,verify#budget
dynamodb:UpdateItem table/Tokens
secretsmanager:GetSecretValue secret:github
secretsmanager:GetSecretValue secret:tokenservice
secretsmanager:GetSecretValue secret:verify`,
	"authorizer": `
dynamodb:GetItem table/Tokens
dynamodb:UpdateItem table/Tokens if ForAllValues:StringEquals dynamodb:Attributes hash,last_used_on,last_used_at,last_used_ip,last_used_agent; StringEqualsIfExists dynamodb:ReturnValues NONE`,
	"connect": `
dynamodb:ConditionCheckItem table/Credentials
dynamodb:GetItem table/Credentials
dynamodb:PutItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys grant#*
dynamodb:PutItem table/Ledger
kms:Decrypt key/VaultKey if ` + sealed + `
kms:GetPublicKey key/GrantKey`,
	"credentials": `
dynamodb:BatchGetItem table/Credentials
dynamodb:DeleteItem table/Credentials
dynamodb:DeleteItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys lease#rotate#*
dynamodb:GetItem table/Credentials
dynamodb:GetItem table/Workspaces
dynamodb:PutItem table/Credentials
dynamodb:PutItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys lease#rotate#*
dynamodb:PutItem table/Ledger
dynamodb:Query table/Credentials
dynamodb:UpdateItem table/Credentials
kms:Decrypt key/VaultKey if ` + sealed + `
kms:GenerateDataKey key/VaultKey if ` + sealed + `
kms:GetPublicKey key/GrantKey
kms:Sign key/GrantKey if StringEquals kms:SigningAlgorithm ECDSA_SHA_256`,
	"introspect": `
dynamodb:GetItem table/Tokens
dynamodb:UpdateItem table/Tokens if ForAllValues:StringEquals dynamodb:Attributes hash,last_used_on,last_used_at,last_used_ip,last_used_agent; StringEqualsIfExists dynamodb:ReturnValues NONE`,
	"mfa": `
dynamodb:BatchGetItem table/Accounts
dynamodb:BatchGetItem table/Workspaces
dynamodb:DeleteItem table/Accounts
dynamodb:GetItem table/Workspaces
dynamodb:PutItem table/Accounts
dynamodb:PutItem table/Ledger
dynamodb:Query table/Accounts
dynamodb:Query table/Workspaces
dynamodb:Query table/Workspaces/index/by-user
dynamodb:UpdateItem table/Accounts
kms:Decrypt key/FactorKey if ` + personal + `
kms:Encrypt key/FactorKey if ` + personal + `
secretsmanager:GetSecretValue secret:sms
secretsmanager:GetSecretValue secret:twilio
sms-voice:SendTextMessage pool/pool-acme`,
	"notify": `
dynamodb:BatchGetItem table/Ledger
dynamodb:DescribeStream table/Ledger/stream/local
dynamodb:GetItem table/Accounts if ForAllValues:StringEquals dynamodb:Attributes user,item,email,email_before,email_since; StringEqualsIfExists dynamodb:Select SPECIFIC_ATTRIBUTES
dynamodb:GetItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys mail#*
dynamodb:GetRecords table/Ledger/stream/local
dynamodb:GetShardIterator table/Ledger/stream/local
dynamodb:ListStreams table/Ledger/stream/*
dynamodb:Query table/Ledger/index/owing
dynamodb:Query table/Workspaces
dynamodb:UpdateItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys mail#*
dynamodb:UpdateItem table/Ledger if ForAllValues:StringEquals dynamodb:Attributes workspace,seq,owes,mail; StringEqualsIfExists dynamodb:ReturnValues NONE,UPDATED_OLD,UPDATED_NEW
ses:SendEmail configuration-set/ConfigurationSet if StringEquals ses:FromAddress security@acme.example
ses:SendEmail identity/acme.example if StringEquals ses:FromAddress security@acme.example
sqs:SendMessage NotifyDeadLetters
sqs:SendMessage NotifyStreamDeadLetters`,
	"passwords": `
dynamodb:GetItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys pwned#*
dynamodb:GetItem table/Workspaces
dynamodb:PutItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys pwned#*`,
	"rotate": `
dynamodb:DeleteItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys lease#rotate#*
dynamodb:GetItem table/Credentials
dynamodb:GetItem table/Workspaces
dynamodb:PutItem table/Credentials
dynamodb:PutItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys lease#rotate#*
dynamodb:PutItem table/Ledger
dynamodb:Query table/Credentials
dynamodb:Scan table/Credentials
kms:Decrypt key/VaultKey if ` + sealed + `
kms:GenerateDataKey key/VaultKey if ` + sealed + `
sqs:SendMessage RotateDeadLetters`,
	"sweep": `
dynamodb:BatchGetItem table/Ledger
dynamodb:BatchGetItem table/Tokens
dynamodb:ConditionCheckItem table/Workspaces
dynamodb:GetItem table/Workspaces
dynamodb:PutItem table/Ledger
dynamodb:Query table/Ledger
dynamodb:Query table/Tokens/index/by-workspace
dynamodb:Query table/Workspaces
dynamodb:Scan table/Workspaces
dynamodb:UpdateItem table/Tokens if ForAllValues:StringEquals dynamodb:Attributes hash,version,orphaned_stage,orphaned_since,unused_stage,unused_since,swept_at,last_used_on; StringEqualsIfExists dynamodb:ReturnValues NONE
sqs:SendMessage SweepDeadLetters`,
	"tokens": `
dynamodb:BatchGetItem table/Ledger
dynamodb:BatchGetItem table/Tokens
dynamodb:GetItem table/Tokens
dynamodb:GetItem table/Workspaces
dynamodb:PutItem table/Ledger
dynamodb:PutItem table/Tokens
dynamodb:Query table/Tokens/index/by-workspace
dynamodb:Query table/Workspaces
dynamodb:UpdateItem table/Tokens`,
	"workspaces": `
dynamodb:GetItem table/Tokens
dynamodb:GetItem table/Workspaces
dynamodb:PutItem table/Ledger
dynamodb:PutItem table/Workspaces
dynamodb:Query table/Ledger
dynamodb:Query table/Tokens/index/by-workspace
dynamodb:Query table/Workspaces
dynamodb:UpdateItem table/Tokens`,
}

// others is the same for the roles that are no function's, by logical id, and
// who may assume them.
var others = map[string]string{
	"NotifyScheduleRole": `
lambda:InvokeFunction function:NotifyFunction
sqs:SendMessage NotifyScheduleDeadLetters
sts:AssumeRole scheduler.amazonaws.com if StringEquals aws:SourceAccount 000000000000`,
	"RotateScheduleRole": `
lambda:InvokeFunction function:RotateFunction
sqs:SendMessage RotateScheduleDeadLetters
sts:AssumeRole scheduler.amazonaws.com if StringEquals aws:SourceAccount 000000000000`,
	"SweepMachineRole": `
lambda:InvokeFunction function:SweepFunction
sts:AssumeRole states.amazonaws.com if StringEquals aws:SourceAccount 000000000000`,
	"SweepMachineScheduleRole": `
sqs:SendMessage SweepScheduleDeadLetters
states:StartExecution stateMachine:SweepMachine
sts:AssumeRole scheduler.amazonaws.com if StringEquals aws:SourceAccount 000000000000`,
	"SweepScheduleRole": `
lambda:InvokeFunction function:SweepFunction
sqs:SendMessage SweepScheduleDeadLetters
sts:AssumeRole scheduler.amazonaws.com if StringEquals aws:SourceAccount 000000000000`,
}

// statement is one of a policy, evaluated.
type statement struct {
	sid                string
	actions, resources []string
	condition          string // sorted, "" for none
	all                map[string]any
}

// list reads what a policy lets be one text or several.
func list(v any) []string {
	if many, ok := v.([]any); ok {
		texts := make([]string, len(many))
		for i, one := range many {
			texts[i] = fmt.Sprint(one)
		}
		return texts
	}
	return []string{fmt.Sprint(v)}
}

func statements(document any) (all []statement) {
	d, _ := document.(map[string]any)
	written, _ := d["Statement"].([]any)
	for _, w := range written {
		s := statement{all: w.(map[string]any)}
		s.sid, _ = s.all["Sid"].(string)
		s.actions, s.resources = list(s.all["Action"]), list(s.all["Resource"])
		conditions, _ := s.all["Condition"].(map[string]any)
		var parts []string
		for _, operator := range slices.Sorted(maps.Keys(conditions)) {
			keys := conditions[operator].(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				parts = append(parts, operator+" "+key+" "+strings.Join(list(keys[key]), ","))
			}
		}
		s.condition = strings.Join(parts, "; ")
		all = append(all, s)
	}
	return all
}

// trusted returns who may assume a role, as lines writes it.
func trusted(e *evaluator, r resource) ([]string, error) {
	document, err := e.value(r.Properties["AssumeRolePolicyDocument"], r.ID)
	if err != nil {
		return nil, err
	}
	all := statements(document)
	for i, s := range all {
		principal, _ := s.all["Principal"].(map[string]any)
		all[i].resources = []string{fmt.Sprint(principal)}
		if services := principal["Service"]; services != nil && len(principal) == 1 {
			all[i].resources = list(services)
		}
	}
	return lines(all), nil
}

// policies returns all statements of a role's own policies.
func policies(e *evaluator, r resource) ([]statement, error) {
	value, err := e.value(r.Properties["Policies"], r.ID)
	if err != nil {
		return nil, err
	}
	var all []statement
	written, _ := value.([]any)
	for _, policy := range written {
		all = append(all, statements(policy.(map[string]any)["PolicyDocument"])...)
	}
	return all, nil
}

// lines writes statements out one action and one resource at a time.
func lines(all []statement) []string {
	var out []string
	for _, s := range all {
		for _, action := range s.actions {
			for _, arn := range s.resources {
				parts := strings.SplitN(arn, ":", 6)
				line := action + " " + parts[len(parts)-1]
				if s.condition != "" {
					line += " if " + s.condition
				}
				out = append(out, line)
			}
		}
	}
	slices.Sort(out)
	return out
}

// checkPermissions compares each role with permitted or others, line by line.
func checkPermissions(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	owners := map[string]string{} // the functions, by their roles
	for name, f := range functions(e) {
		owners[strings.TrimSuffix(f.ID, "Function")+"Role"] = name
	}
	for id := range e.Resources {
		role, _ := e.resource(id)
		if role.Type != "AWS::IAM::Role" {
			continue
		}
		all, err := policies(e, role)
		if err != nil {
			return []string{err.Error()}
		}
		trust, err := trusted(e, role)
		if err != nil {
			return []string{err.Error()}
		}
		got := append(lines(all), trust...)
		if _, known := others[id]; !known && owners[id] == "" {
			complaints = append(complaints, "the test does not know what "+id+" is for")
		}
		name, want := id, strings.Split(strings.TrimSpace(others[id]), "\n")
		if owner, ok := owners[id]; ok {
			logs := "log-group:" + strings.TrimSuffix(id, "Role") + "Logs:*"
			name, want = owner, append(strings.Split(strings.TrimSpace(permitted[owner]), "\n"),
				"logs:CreateLogStream "+logs, "logs:PutLogEvents "+logs, "sts:AssumeRole lambda.amazonaws.com",
				"xray:PutTelemetryRecords *", "xray:PutTraceSegments *")
		}
		for _, line := range got {
			if !slices.Contains(want, line) {
				complaints = append(complaints, name+": unexpected "+line)
			}
		}
		for _, line := range want {
			if !slices.Contains(got, line) {
				complaints = append(complaints, name+": missing "+line)
			}
		}
	}
	return complaints
}

// checkRoles looks at all roles alike: one each, nothing granted by wildcard,
// and nothing from outside what permitted sees.
func checkRoles(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	for name, f := range functions(e) {
		own := strings.TrimSuffix(f.ID, "Function") + "Role"
		if !reflect.DeepEqual(f.Properties["Role"], map[string]any{"Fn::GetAtt": []any{own, "Arn"}}) {
			complaints = append(complaints, f.ID+": its role is not "+own)
		}
		if f.Properties["Policies"] != nil {
			complaints = append(complaints, f.ID+": its rights stand beside its role")
		}
		role, _ := e.resource(own)
		if got, err := e.text(role.Properties["RoleName"], own); err != nil || got != "safekeep-"+name {
			complaints = append(complaints, fmt.Sprintf("%s: is named %q, which the key policy does not know (%v)", own, got, err))
		}
	}
	for id := range e.Resources {
		r, _ := e.resource(id)
		if r.Type != "AWS::IAM::Role" {
			continue
		}
		if r.Properties["ManagedPolicyArns"] != nil {
			complaints = append(complaints, id+": takes rights from a policy that others may change")
		}
		all, err := policies(e, r)
		if err != nil {
			return []string{err.Error()}
		}
		for _, s := range all {
			for _, action := range s.actions {
				if strings.ContainsAny(action, "*?") {
					complaints = append(complaints, id+": "+action+" is a wildcard")
				}
				// Traces are the only thing here that has no resource of its own.
				if slices.Contains(s.resources, "*") && !strings.HasPrefix(action, "xray:") {
					complaints = append(complaints, id+": "+action+" on everything")
				}
			}
			if s.all["Effect"] != "Allow" || s.all["NotAction"] != nil || s.all["NotResource"] != nil {
				complaints = append(complaints, id+": "+s.sid+" is not a plain permission")
			}
		}
	}
	return complaints
}

// callers is whom each caller policy lets a role call. A new private function
// must be entered here: a connector's role must reach connect and nothing else.
var callers = map[string][]string{
	"ConnectorCallers":     {"connect"},
	"ControlCallers":       {"credentials", "mfa", "passwords", "tokens", "workspaces"},
	"IntrospectionCallers": {"introspect"},
}

// checkCallers sees that every private URL is in its caller policy, and that
// none of them lets a caller invoke past the URL, which would let it write the
// event, and with it the identity, itself.
func checkCallers(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	ids := map[string]string{} // the functions' names by their logical ids
	var private []string
	for name, r := range functions(e) {
		ids[r.ID] = name
		if urls[name] == "AWS_IAM" {
			private = append(private, name)
		}
	}
	for id := range e.Resources {
		r, _ := e.resource(id)
		if r.Type != "AWS::IAM::ManagedPolicy" {
			continue
		}
		document, err := e.value(r.Properties["PolicyDocument"], id)
		if err != nil {
			return []string{err.Error()}
		}
		reached := map[string][]string{} // by action
		for _, line := range lines(statements(document)) {
			action, rest, _ := strings.Cut(line, " ")
			function, condition, _ := strings.Cut(rest, " if ")
			want := map[string]string{
				"lambda:InvokeFunctionUrl": "StringEquals lambda:FunctionUrlAuthType AWS_IAM",
				"lambda:InvokeFunction":    "Bool lambda:InvokedViaFunctionUrl true",
			}[action]
			if want == "" || condition != want {
				complaints = append(complaints, fmt.Sprintf("%s: %s under the condition %q", id, action, condition))
			}
			name, known := ids[strings.TrimPrefix(function, "function:")]
			if !known {
				name = function
			}
			reached[action] = append(reached[action], name)
		}
		for _, action := range []string{"lambda:InvokeFunction", "lambda:InvokeFunctionUrl"} {
			if slices.Sort(reached[action]); !slices.Equal(reached[action], callers[id]) {
				complaints = append(complaints, fmt.Sprintf("%s: %s reaches %v and should reach %v", id, action, reached[action], callers[id]))
			}
		}
	}
	var reached []string
	for id, names := range callers {
		if _, made := e.resource(id); made {
			reached = append(reached, names...)
		}
	}
	slices.Sort(reached)
	if slices.Sort(private); !slices.Equal(reached, private) {
		complaints = append(complaints, fmt.Sprintf("caller policies reach %v, and the private functions are %v", reached, private))
	}
	return complaints
}
