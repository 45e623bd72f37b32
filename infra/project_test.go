package infra

import (
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// project is the repo's top folder, or a copy of it with one file changed.
type project struct{ files fs.FS }

var asWritten = project{os.DirFS("..")}

// patched is a folder in which one file reads differently.
type patched struct {
	fs.FS
	name, text string
}

func (p patched) Open(name string) (fs.File, error) {
	if name == p.name {
		return fstest.MapFS{name: {Data: []byte(p.text)}}.Open(name)
	}
	return p.FS.Open(name)
}

// with returns a copy of the project in which the first occurrence of old in
// file reads new.
func (p project) with(t *testing.T, file, old, new string) project {
	t.Helper()
	text, err := fs.ReadFile(p.files, file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s does not contain %q: the test must be brought up to date", file, old)
	}
	return project{patched{p.files, file, strings.Replace(string(text), old, new, 1)}}
}

// chosen is what a deployment must choose for itself, and the optional parts
// switched on, so that the checks see them too.
var chosen = map[string]string{
	"ProductName": "Acme", "MailFrom": "security@acme.example", "MailDomain": "acme.example",
	"SecurityContact":       "security-team@acme.example",
	"GitHubTokenSecretArn":  "arn:aws:secretsmanager:us-east-1:000000000000:secret:github",
	"VerifySecretArn":       "arn:aws:secretsmanager:us-east-1:000000000000:secret:verify",
	"TokenServiceUrl":       "https://tokens.acme.example/safekeep",
	"TokenServiceSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:tokenservice",
	"AlarmTopicArn":         "arn:aws:sns:us-east-1:000000000000:alarms",
}

// root evaluates template.yaml with chosen and the given pairs of a parameter
// and its value over it.
func (p project) root(more ...string) (*evaluator, error) {
	values := maps.Clone(chosen)
	for i := 0; i < len(more); i += 2 {
		values[more[i]] = more[i+1]
	}
	return newEvaluator(p.files, "template.yaml", "safekeep", values)
}

// inner evaluates a nested stack by its logical id.
func (p project) inner(id string, more ...string) (*evaluator, error) {
	e, err := p.root(more...)
	if err != nil {
		return nil, err
	}
	r, _ := e.resource(id)
	return e.nest(r)
}

// checks hold the templates against the code and against the rules of the
// house. Each returns what it has to complain about.
var checks = map[string]func(project) []string{
	"alarms":         checkAlarms,
	"caller URLs":    checkCallers,
	"dashboard":      checkDashboard,
	"dead letters":   checkDeadLetters,
	"environment":    checkEnvironment,
	"events":         checkEvents,
	"folders":        checkFolders,
	"function URLs":  checkURLs,
	"HTTP API":       checkHTTPAPI,
	"key policy":     checkKeyPolicy,
	"logs":           checkLogs,
	"parameters":     checkParameters,
	"permissions":    checkPermissions,
	"playbooks":      checkPlaybooks,
	"references":     checkReferences,
	"roles":          checkRoles,
	"samconfig":      checkSamconfig,
	"stateful parts": checkStateful,
	"tables":         checkTables,
}

func TestTemplatesHoldTheRules(t *testing.T) {
	t.Parallel()
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, complaint := range check(asWritten) {
				t.Error(complaint)
			}
		})
	}
}

// A check that cannot fail checks nothing: each meets mistakes that somebody
// could really make.
func TestChecksFindMistakes(t *testing.T) {
	t.Parallel()
	const root, data, observability = "template.yaml", "infra/data.yaml", "infra/observability.yaml"
	for _, mistake := range []struct {
		check, file, old, new, complaint string
	}{
		{"folders", root, "CodeUri: functions/tokens/", "CodeUri: functions/token/", "no folder functions/token"},
		{"environment", root, "          DRY_RUN: !Ref DryRun\n", "", "alerts: the code reads DRY_RUN"},
		{"environment", root, "DOCS_URL: ", "DOC_URL: ", "notify: it does not read DOC_URL"},
		{"environment", root, "STACK_NAME: ", "STAK_NAME: ", "Globals: nobody reads STAK_NAME"},
		{"function URLs", root, "AuthType: NONE", "AuthType: !If [IsOpen, NONE, AWS_IAM]", "AlertsFunction: AuthType is not written out"},
		{"function URLs", root, "AuthType: AWS_IAM", "AuthType: NONE", "WorkspacesFunction: AuthType is NONE"},
		{"logs", root, "      RetentionInDays: !Ref LogDays\n", "", "AlertsLogs: its logs are kept for ever"},
		{"logs", root, "LogGroup: !Ref TokensLogs", "LogGroup: !Ref AlertsLogs", "TokensFunction: it does not log to TokensLogs"},
		{"events", root, "OmitName: true", "OmitName: false", "EveryMinute: without OmitName"},
		{"events", root, "            DeadLetterConfig:\n              Arn: !GetAtt NotifyScheduleDeadLetters.Arn\n", "", "EveryMinute: runs that cannot be handed over"},
		{"events", root, "            MaximumRecordAgeInSeconds: 3600\n", "", "Owed: a failing batch holds up"},
		{"references", root, "!Ref TokenPrefix", "!Ref TokenPrefiks", "TokenPrefiks is neither"},
		{"references", root, "!GetAtt Data.Outputs.TokensTable\n", "!GetAtt Data.Outputs.TokenTable\n", "puts out no TokenTable"},
		{"references", root, "${AWS::StackName}-alerts", "${AWS::Stackname}-alerts", "AWS::Stackname is neither"},
		{"references", root, "!GetAtt NotifyDeadLetters.Arn", "!GetAtt NotifyDeadLetters.ARN", "no attribute ARN"},
		{"references", root, "- HasGitHubToken", "- HasGithubToken", "there is no condition HasGithubToken"},
		{"references", data, "!If [IsProd, true", "!If [IsProduction, true", "there is no condition IsProduction"},
		{"parameters", root, "          SUPPORT_URL: !Ref SupportUrl\n", "", "SupportUrl is never used"},
		{"parameters", root, "    Default: skp\n", "    Default: s\n", "TokenPrefix: its default"},
		{"parameters", root, "        Stage: !Ref Stage\n", "", "Data: it is given no Stage"},
		{"permissions", root, "Resource: !Ref TokenServiceSecretArn", "Resource: !Ref GitHubTokenSecretArn", "alerts: missing secretsmanager:GetSecretValue secret:tokenservice"},
		{"roles", root, "Action: [logs:CreateLogStream, logs:PutLogEvents]", "Action: logs:*", "logs:* is a wildcard"},
		{"roles", root, "Role: !GetAtt TokensRole.Arn", "Role: !GetAtt AlertsRole.Arn", "TokensFunction: its role is not TokensRole"},
		{"roles", root, "      Role: !GetAtt TokensRole.Arn\n", "      Role: !GetAtt TokensRole.Arn\n      Policies: [DynamoDBCrudPolicy]\n", "TokensFunction: its rights stand beside its role"},
		{"permissions", root, `dynamodb:LeadingKeys: ["hostkey#*", "verify#budget"]`, `dynamodb:LeadingKeys: ["*"]`, "alerts: unexpected dynamodb:UpdateItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys *"},
		{"permissions", root, "dynamodb:Attributes: [workspace, seq, owes, mail]", "dynamodb:Attributes: [workspace, seq, owes, mail, detail]", "notify: unexpected dynamodb:UpdateItem"},
		{"permissions", root, "Action: [dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem]\n                Resource: !GetAtt Data.Outputs.TokensTableArn",
			"Action: [dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem]\n                Resource: !GetAtt Data.Outputs.EphemeraTableArn", "tokens: unexpected dynamodb:PutItem table/Ephemera"},
		{"key policy", data, "              - kms:CancelKeyDeletion\n", "              - kms:Decrypt\n", "Administer lets kms:Decrypt through outside DynamoDB"},
		{"key policy", data, "role/${RootStack}-notify", "role/${RootStack}-*", "the key is not for the functions"},
		{"caller URLs", root, "lambda:InvokedViaFunctionUrl: \"true\"", "lambda:InvokedViaFunctionUrl: \"false\"", "ControlCallers: lambda:InvokeFunction"},
		{"tables", data, "AttributeName: purge_at", "AttributeName: purged_at", "Tokens"},
		{"tables", data, "StreamViewType: NEW_IMAGE", "StreamViewType: KEYS_ONLY", "Ledger"},
		{"stateful parts", data, "    DeletionPolicy: Retain\n", "", "TablesKey"},
		{"stateful parts", data, "        PointInTimeRecoveryEnabled: true", "        PointInTimeRecoveryEnabled: false", "Tokens: it cannot be restored"},
		{"stateful parts", data, "!If [IsProd, true, false]", "false", "Tokens: prod does not protect it"},
		{"alarms", observability, "TreatMissingData: breaching", "TreatMissingData: notBreaching", "MailOverdue"},
		{"alarms", observability, "MetricName: ReportsUndecided", "MetricName: ReportUndecided", "AlertUndecided: no code writes ReportUndecided"},
		{"alarms", observability, "{Name: Stack, Value: !Ref RootStack}", "{Name: Stack, Value: !Ref AWS::StackName}", "where nothing is written"},
		{"dashboard", observability, `[".", "TokensReportedOnly", ".", "."]`, `[".", "TokensReported", ".", "."]`, "no code writes TokensReported"},
		{"dashboard", observability, `"widgets": [`, `"widgets": `, "not JSON"},
		{"playbooks", observability, "  ReportUnreadable:\n", "  ReportGarbled:\n", "no page infra/playbooks/ReportGarbled.md"},
		{"dead letters", root, "NotifyDeadLetters: !GetAtt NotifyDeadLetters.QueueName", "NotifyDeadLetters: !GetAtt NotifyStreamDeadLetters.QueueName", "nobody watches NotifyDeadLetters"},
		{"HTTP API", httpAPI, "AuthorizerResultTtlInSeconds: 0", "AuthorizerResultTtlInSeconds: 300", "remember a revoked token for 300 seconds"},
		{"HTTP API", httpAPI, "      AuthorizerResultTtlInSeconds: 0\n", "", "remember a revoked token for <nil> seconds"},
		{"HTTP API", httpAPI, "${Api}/authorizers/${Authorizer}", "${Api}/*", "others than this API's authorizer may invoke"},
		{"HTTP API", httpAPI, "authorizer.token_id", "authorizer.token", "says nothing called $context.authorizer.token"},
		{"samconfig", "samconfig.toml", "CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM", "default.deploy"},
	} {
		t.Run(mistake.check+"/"+mistake.complaint, func(t *testing.T) {
			t.Parallel()
			found := checks[mistake.check](asWritten.with(t, mistake.file, mistake.old, mistake.new))
			if all := strings.Join(found, "\n"); len(found) == 0 || !strings.Contains(all, mistake.complaint) {
				t.Errorf("the check %q says\n%s\nwanted a complaint with %q", mistake.check, all, mistake.complaint)
			}
		})
	}
}
