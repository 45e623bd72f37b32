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
	"SmsSecretArn":          "arn:aws:secretsmanager:us-east-1:000000000000:secret:sms",
	"SmsOriginationArn":     "arn:aws:sms-voice:us-east-1:000000000000:pool/pool-acme",
	"TwilioSecretArn":       "arn:aws:secretsmanager:us-east-1:000000000000:secret:twilio",
	"AlarmTopicArn":         "arn:aws:sns:us-east-1:000000000000:alarms",
	"SweepSegments":         "8",
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
	"keys":           checkKeys,
	"logs":           checkLogs,
	"second factors": checkSecondFactors,
	"parameters":     checkParameters,
	"passwords":      checkPasswords,
	"permissions":    checkPermissions,
	"playbooks":      checkPlaybooks,
	"references":     checkReferences,
	"roles":          checkRoles,
	"rotation":       checkRotation,
	"samconfig":      checkSamconfig,
	"Snowflake":      checkSnowflake,
	"schedules":      checkSchedules,
	"state machine":  checkMachine,
	"stateful parts": checkStateful,
	"tables":         checkTables,
	"time travel":    checkTimeTravel,
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
	const root, data, observability, machine = "template.yaml", "infra/data.yaml", "infra/observability.yaml", "infra/sweep.asl.json"
	const envelope = "shared/envelope/envelope.go"
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
		{"events", root, "            RoleArn: !GetAtt SweepMachineScheduleRole.Arn\n", "", "SweepMachine: Daily: SAM makes a role for it"},
		{"references", root, "!Ref TokenPrefix", "!Ref TokenPrefiks", "TokenPrefiks is neither"},
		{"references", root, "!GetAtt Data.Outputs.TokensTable\n", "!GetAtt Data.Outputs.TokenTable\n", "puts out no TokenTable"},
		{"references", root, "${AWS::StackName}-alerts", "${AWS::Stackname}-alerts", "AWS::Stackname is neither"},
		{"references", root, "!GetAtt NotifyDeadLetters.Arn", "!GetAtt NotifyDeadLetters.ARN", "no attribute ARN"},
		{"references", root, "- HasGitHubToken", "- HasGithubToken", "there is no condition HasGithubToken"},
		{"references", observability, "          SweepMachineAlarm: !If", "          SweepMachineAlarms: !If", "the variable SweepMachineAlarms is never used"},
		{"references", data, "!If [IsProd, true", "!If [IsProduction, true", "there is no condition IsProduction"},
		{"parameters", root, "          SUPPORT_URL: !Ref SupportUrl\n", "", "SupportUrl is never used"},
		{"parameters", root, "    Default: skp\n", "    Default: s\n", "TokenPrefix: its default"},
		{"parameters", root, "    MaxValue: 3650\n    Default: 90\n", "    MaxValue: 3650\n    Default: 0\n", "UnusedDays: its default"},
		{"parameters", root, "    MaxValue: 23\n    Default: 6\n", "    MaxValue: 23\n    Default: 24\n", "SweepHour: its default"},
		{"parameters", root, "    MaxValue: 720\n    Default: 24\n", "    MaxValue: 720\n    Default: 721\n", "CredentialGraceHours: its default"},
		{"environment", root, "          GRACE_HOURS: !Ref CredentialGraceHours\n", "", "credentials: the code reads GRACE_HOURS"},
		{"parameters", root, "    MaxValue: 23\n    Default: 5\n", "    MaxValue: 23\n    Default: 24\n", "RotateHour: its default"},
		{"environment", root, "          ROTATION_DAYS: !Ref RotationDays\n          OVERLAP_HOURS: !Ref RotationOverlapHours\n          #", "          #", "rotate: the code reads OVERLAP_HOURS"},
		{"parameters", root, "    MinValue: 1\n    MaxValue: 720\n", "    MinValue: 25\n    MaxValue: 720\n", "RotationOverlapHours: its default"},
		{"parameters", root, "        Stage: !Ref Stage\n", "", "Data: it is given no Stage"},
		{"permissions", root, "Resource: !Ref TokenServiceSecretArn", "Resource: !Ref GitHubTokenSecretArn", "alerts: missing secretsmanager:GetSecretValue secret:tokenservice"},
		{"roles", root, "Action: [logs:CreateLogStream, logs:PutLogEvents]", "Action: logs:*", "logs:* is a wildcard"},
		{"roles", root, "Role: !GetAtt TokensRole.Arn", "Role: !GetAtt AlertsRole.Arn", "TokensFunction: its role is not TokensRole"},
		{"roles", root, "      Role: !GetAtt TokensRole.Arn\n", "      Role: !GetAtt TokensRole.Arn\n      Policies: [DynamoDBCrudPolicy]\n", "TokensFunction: its rights stand beside its role"},
		{"permissions", root, `dynamodb:LeadingKeys: ["hostkey#*", "verify#budget"]`, `dynamodb:LeadingKeys: ["*"]`, "alerts: unexpected dynamodb:UpdateItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys *"},
		{"permissions", root, "dynamodb:Attributes: [workspace, seq, owes, mail]", "dynamodb:Attributes: [workspace, seq, owes, mail, detail]", "notify: unexpected dynamodb:UpdateItem"},
		{"permissions", root, "Action: [dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem]\n                Resource: !GetAtt Data.Outputs.TokensTableArn",
			"Action: [dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem]\n                Resource: !GetAtt Data.Outputs.EphemeraTableArn", "tokens: unexpected dynamodb:PutItem table/Ephemera"},
		{"permissions", root, "                      - unused_since\n", "                      - unused_since\n                      - status\n", "sweep: unexpected dynamodb:UpdateItem table/Tokens"},
		{"permissions", root, "Action: dynamodb:Scan", "Action: [dynamodb:Scan, dynamodb:UpdateItem]", "sweep: unexpected dynamodb:UpdateItem table/Workspaces"},
		{"permissions", root, "Action: [kms:Decrypt, kms:GenerateDataKey]\n                Resource: !GetAtt Data.Outputs.VaultKeyArn", "Action: [kms:Decrypt, kms:GenerateDataKey]\n                Resource: !GetAtt Data.Outputs.GrantKeyArn", "credentials: unexpected kms:Decrypt key/GrantKey"},
		{"permissions", root, "                    kms:EncryptionContext:kind: warehouse-credential\n", "                    kms:EncryptionContext:type: warehouse-credential\n", "credentials: missing kms:Decrypt key/VaultKey"},
		{"permissions", root, "Action: kms:Decrypt\n", "Action: [kms:Decrypt, kms:GenerateDataKey]\n", "connect: unexpected kms:GenerateDataKey key/VaultKey"},
		{"permissions", root, "                    kms:SigningAlgorithm: ECDSA_SHA_256\n", "                    kms:SigningAlgorithm: ECDSA_SHA_384\n", "credentials: missing kms:Sign key/GrantKey"},
		{"permissions", root, `dynamodb:LeadingKeys: ["lease#rotate#*"]`, `dynamodb:LeadingKeys: ["lease#*"]`, "credentials: unexpected dynamodb:DeleteItem table/Ephemera if ForAllValues:StringLike dynamodb:LeadingKeys lease#*"},
		{"permissions", root, "Action: [dynamodb:GetItem, dynamodb:PutItem]\n                Resource: !GetAtt Data.Outputs.CredentialsTableArn", "Action: [dynamodb:DeleteItem, dynamodb:GetItem, dynamodb:PutItem]\n                Resource: !GetAtt Data.Outputs.CredentialsTableArn", "rotate: unexpected dynamodb:DeleteItem table/Credentials"},
		{"permissions", root, "Resource: !GetAtt RotateFunction.Arn", "Resource: !GetAtt SweepFunction.Arn", "RotateScheduleRole: unexpected lambda:InvokeFunction function:SweepFunction"},
		{"permissions", root, `dynamodb:LeadingKeys: ["grant#*"]`, `dynamodb:LeadingKeys: ["grant#*", "hostkey#*"]`, "connect: unexpected dynamodb:PutItem table/Ephemera"},
		{"permissions", root, "Action: [dynamodb:ConditionCheckItem, dynamodb:GetItem]\n                Resource: !GetAtt Data.Outputs.CredentialsTableArn", "Action: [dynamodb:GetItem, dynamodb:Query]\n                Resource: !GetAtt Data.Outputs.CredentialsTableArn", "connect: unexpected dynamodb:Query table/Credentials"},
		{"permissions", root, "Action: states:StartExecution\n                Resource: !GetAtt SweepMachine.Arn", "Action: states:StartExecution\n                Resource: \"*\"", "SweepMachineScheduleRole: unexpected states:StartExecution *"},
		{"permissions", root, "Principal: {Service: states.amazonaws.com}", "Principal: {AWS: \"*\"}", "SweepMachineRole: unexpected sts:AssumeRole"},
		{"permissions", root, "  SweepScheduleRole:\n", "  SweepTimerRole:\n", "does not know what SweepTimerRole is for"},
		{"key policy", data, "role/${RootStack}-sweep", "role/${RootStack}-swep", "TablesKey: unexpected kms:Decrypt * if ArnEquals aws:PrincipalArn alerts,authorizer,connect,credentials,introspect,mfa,notify,passwords,rotate,swep,"},
		{"key policy", data, "              - kms:CancelKeyDeletion\n", "              - kms:Decrypt\n", "TablesKey: unexpected kms:Decrypt root"},
		{"key policy", data, "              - kms:PutKeyPolicy\n", "", "TablesKey: nobody could ever change its policy"},
		{"key policy", data, "role/${RootStack}-notify", "role/${RootStack}-*", "TablesKey: unexpected kms:Decrypt * if ArnEquals aws:PrincipalArn alerts,authorizer,connect,credentials,introspect,mfa,*,passwords,rotate,sweep,"},
		{"key policy", data, "Action: kms:GenerateDataKey\n", "Action: [kms:CreateGrant, kms:GenerateDataKey]\n", "VaultKey: unexpected kms:CreateGrant *"},
		{"key policy", data, "Action: kms:Decrypt\n", "Action: kms:*\n", "VaultKey: unexpected kms:* *"},
		{"key policy", data, "                  - !Sub \"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${RootStack}-rotate\"\n              \"Null\"",
			"                  - !Sub \"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${RootStack}-tokens\"\n              \"Null\"", "VaultKey: unexpected kms:GenerateDataKey * if ArnEquals aws:PrincipalArn credentials,tokens; "},
		{"key policy", data, "                aws:PrincipalArn:\n                  - !Sub \"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${RootStack}-connect\"\n",
			"                aws:PrincipalArn:\n                  - !Sub \"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${RootStack}-sweep\"\n", "VaultKey: unexpected kms:Decrypt * if ArnEquals aws:PrincipalArn sweep,credentials,rotate; "},
		{"key policy", data, "kms:EncryptionContext:kind: warehouse-credential", "kms:EncryptionContext:kind: mfa-secret", "VaultKey: unexpected kms:GenerateDataKey"},
		{"key policy", data, "                kms:EncryptionContext:workspace: \"false\"\n", "", "VaultKey: missing kms:GenerateDataKey"},
		{"key policy", data, "[credential, kind, version, workspace]", "[credential, kind, role, version, workspace]", "VaultKey: missing kms:GenerateDataKey"},
		{"key policy", data, "ForAllValues:StringEquals", "ForAnyValue:StringEquals", "VaultKey: missing kms:GenerateDataKey"},
		{"key policy", data, "                kms:SigningAlgorithm: ECDSA_SHA_256\n", "", "GrantKey: unexpected kms:Sign *"},
		{"key policy", data, "Action: kms:GetPublicKey\n", "Action: [kms:GetPublicKey, kms:Sign]\n", "GrantKey: unexpected kms:Sign * if ArnEquals aws:PrincipalArn connect,credentials"},
		{"key policy", envelope, `keyVersion    = "version"`, `keyVersion    = "number"`, "sends what the key's policy refuses: kms:EncryptionContextKeys credential,kind,number,workspace"},
		{"key policy", envelope, `Kind = "warehouse-credential"`, `Kind = "credential"`, "sends what the key's policy refuses: kms:EncryptionContext:kind credential"},
		{"keys", data, "EnableKeyRotation: true", "EnableKeyRotation: false", "TablesKey"},
		{"keys", data, "KeySpec: ECC_NIST_P256", "KeySpec: ECC_NIST_P384", "GrantKey"},
		{"keys", data, "      KeyUsage: SIGN_VERIFY\n", "", "GrantKey"},
		{"keys", data, "      PendingWindowInDays: 30\n", "      PendingWindowInDays: 7\n", "TablesKey: a deletion by mistake"},
		{"caller URLs", root, "lambda:InvokedViaFunctionUrl: \"true\"", "lambda:InvokedViaFunctionUrl: \"false\"", "ControlCallers: lambda:InvokeFunction"},
		{"caller URLs", root, "              - !GetAtt ConnectFunction.Arn\n", "              - !GetAtt ConnectFunction.Arn\n              - !GetAtt CredentialsFunction.Arn\n", "ConnectorCallers: lambda:InvokeFunctionUrl reaches [connect credentials]"},
		{"caller URLs", root, "              - !GetAtt CredentialsFunction.Arn\n", "              - !GetAtt ConnectFunction.Arn\n", "ControlCallers: lambda:InvokeFunctionUrl reaches [connect mfa passwords tokens workspaces]"},
		{"caller URLs", root, "  ConnectorCallers:\n", "  Connectors:\n", "Connectors: lambda:InvokeFunction reaches [connect] and should reach []"},
		{"tables", data, "AttributeName: purge_at", "AttributeName: purged_at", "Tokens"},
		{"tables", data, "StreamViewType: NEW_IMAGE", "StreamViewType: KEYS_ONLY", "Ledger"},
		{"stateful parts", data, "    DeletionPolicy: Retain\n", "", "TablesKey"},
		{"stateful parts", data, "        PointInTimeRecoveryEnabled: true", "        PointInTimeRecoveryEnabled: false", "Tokens: it cannot be restored"},
		{"tables", data, "        - {AttributeName: credential, KeyType: RANGE}\n", "", "Credentials"},
		{"stateful parts", data, "!If [IsProd, true, false]", "false", "Tokens: prod does not protect it"},
		{"alarms", observability, "TreatMissingData: breaching", "TreatMissingData: notBreaching", "MailOverdue"},
		{"alarms", observability, "MetricName: ReportsUndecided", "MetricName: ReportUndecided", "AlertUndecided: no code writes ReportUndecided"},
		{"alarms", observability, "{Name: Stack, Value: !Ref RootStack}", "{Name: Stack, Value: !Ref AWS::StackName}", "where nothing is written"},
		{"dashboard", observability, `[".", "TokensReportedOnly", ".", "."]`, `[".", "TokensReported", ".", "."]`, "no code writes TokensReported"},
		{"alarms", observability, "      EvaluationPeriods: 26\n", "      EvaluationPeriods: 24\n", "SweepMissing: looks back 24 times 3600 s"},
		{"alarms", observability, "      Period: 3600\n      EvaluationPeriods: 26\n", "      Period: 86400\n      EvaluationPeriods: 1\n", "SweepMissing: looks back 1 times 86400 s"},
		{"alarms", observability, "      Period: 300\n      EvaluationPeriods: 1\n", "      Period: 300\n      EvaluationPeriods: 300\n", "which CloudWatch refuses"},
		{"alarms", observability, "RotateHeartbeat\n      Dimensions:\n        - {Name: Stack, Value: !Ref RootStack}\n      Statistic: Sum\n      Period: 3600\n      EvaluationPeriods: 26\n", "RotateHeartbeat\n      Dimensions:\n        - {Name: Stack, Value: !Ref RootStack}\n      Statistic: Sum\n      Period: 3600\n      EvaluationPeriods: 24\n", "RotationMissing: looks back 24 times 3600 s"},
		{"alarms", observability, "      Period: 86400\n      EvaluationPeriods: 2\n", "      Period: 3600\n      EvaluationPeriods: 2\n", "RotationsFailing: looks back 2 times 3600 s, and not at two days"},
		{"alarms", observability, "      DatapointsToAlarm: 1\n      Threshold: 1\n      ComparisonOperator: GreaterThanOrEqualToThreshold\n      TreatMissingData: notBreaching\n", "      DatapointsToAlarm: 1\n      Threshold: 1\n      ComparisonOperator: GreaterThanOrEqualToThreshold\n      TreatMissingData: breaching\n", "RotationsStuck: silence is taken as"},
		{"dashboard", observability, "FILL(removedFirst, 0) / warned", "FILL(removedFirst, 0) / found", "there is no row found"},
		{"dashboard", observability, `"view": "singleValue", "setPeriodToTimeRange": true`, `"view": "singleValue"`, "shows the last period"},
		{"dashboard", observability, `"Reason", "unused"`, `"Reason", "idle"`, "looks at [Stack safekeep Reason idle]"},
		{"dashboard", observability, `["...", "unused", {"label": "unused"}]`, `["...", "idle", {"label": "unused"}]`, "looks at [Stack safekeep Reason idle]"},
		{"dashboard", observability, `"x": 12, "y": 22`, `"x": 11, "y": 22`, `"How findings end" lies over "Removed`},
		{"alarms", observability, "MetricName: OpensRefused", "MetricName: OpenRefused", "OpensRefused: no code writes OpenRefused"},
		{"dashboard", observability, `"${CredentialErrors.Arn}", `, "", "CredentialErrors is made or shown"},
		{"dashboard", observability, `"x": 12, "y": 37`, `"x": 12, "y": 36`, `"Time to open a credential" lies over "What`},
		{"dashboard", observability, `"${SweepMissing.Arn}", `, "", "SweepMissing is made or shown"},
		{"dashboard", observability, `"${RotationsStuck.Arn}",`, "", "RotationsStuck is made or shown"},
		{"dashboard", observability, `"x": 12, "y": 43`, `"x": 11, "y": 43`, `"Key pairs rotated" lies over "Key pairs to rotate"`},
		{"dashboard", observability, "!If [HasSweepMachine, !Sub", "!If [HasTopic, !Sub", "with 1 segments SweepExecutionsFailed is made or shown"},
		{"dashboard", observability, `"widgets": [`, `"widgets": `, "not JSON"},
		{"playbooks", observability, "  ReportUnreadable:\n", "  ReportGarbled:\n", "no page infra/playbooks/ReportGarbled.md"},
		{"permissions", root, `dynamodb:LeadingKeys: ["pwned#*"]`, `dynamodb:LeadingKeys: ["pwned#*", "grant#*"]`, "passwords: unexpected dynamodb:PutItem table/Ephemera"},
		{"permissions", root, "Action: [dynamodb:GetItem, dynamodb:PutItem]\n                Resource: !GetAtt Data.Outputs.EphemeraTableArn", "Action: [dynamodb:GetItem, dynamodb:PutItem]\n                Resource: !GetAtt Data.Outputs.WorkspacesTableArn", "passwords: unexpected dynamodb:PutItem table/Workspaces"},
		{"passwords", root, "MIN_LENGTH: !Ref PasswordMinLength\n", "MIN_LENGTH: !Ref PasswordMinLengthWithMfa\n", "MIN_LENGTH is 8 and should be 15"},
		{"passwords", root, "HIBP_URL: !Ref PwnedPasswordsUrl", "HIBP_URL: !Ref TokenServiceUrl", "HIBP_URL is https://tokens.acme.example/safekeep"},
		{"passwords", root, "    Default: 15\n", "    Default: 8\n", "MIN_LENGTH is 8 and should be 15"},
		{"parameters", root, "    MaxValue: 100\n    Default: 100\n", "    MaxValue: 100\n    Default: 101\n", "GuidancePercent: its default"},
		{"alarms", observability, "IF(unknown >= 3, 100 * share, 0)", "IF(missing >= 3, 100 * share, 0)", "BreachCheckDown: there is no metric missing"},
		{"alarms", observability, "MetricName: PasswordsBreachUnknown", "MetricName: PasswordsUnknown", "BreachCheckDown: no code writes PasswordsUnknown"},
		{"dashboard", observability, `"Event", "signup", "Variant", "guidance"`, `"Event", "sign-up", "Variant", "guidance"`, "looks at [Stack safekeep Event sign-up Variant guidance]"},
		{"dashboard", observability, `"Event", "signup", "Variant", "guidance"`, `"Variant", "guidance", "Event", "signup"`, "looks at [Stack safekeep Variant guidance Event signup]"},
		{"dashboard", observability, `, "${BreachCheckDown.Arn}"`, "", "BreachCheckDown is made or shown"},
		{"permissions", root, "dynamodb:Attributes: [user, item, email, email_before, email_since]", "dynamodb:Attributes: [user, item, email, email_before, email_since, sealed]", "notify: unexpected dynamodb:GetItem table/Accounts"},
		{"permissions", root, "                  StringEqualsIfExists:\n                    dynamodb:Select: SPECIFIC_ATTRIBUTES\n", "", "notify: unexpected dynamodb:GetItem table/Accounts"},
		{"permissions", root, "Action: [dynamodb:BatchGetItem, dynamodb:DeleteItem, dynamodb:PutItem, dynamodb:Query, dynamodb:UpdateItem]", "Action: [dynamodb:DeleteItem, dynamodb:PutItem, dynamodb:Query, dynamodb:Scan, dynamodb:UpdateItem]", "mfa: unexpected dynamodb:Scan table/Accounts"},
		{"permissions", root, "Action: [kms:Decrypt, kms:Encrypt]", "Action: [kms:Decrypt, kms:Encrypt, kms:GenerateDataKey]", "mfa: unexpected kms:GenerateDataKey key/FactorKey"},
		{"permissions", root, "kms:EncryptionContextKeys: [purpose, user]", "kms:EncryptionContextKeys: [purpose, user, workspace]", "mfa: missing kms:Decrypt key/FactorKey"},
		{"permissions", root, "Resource: !Ref SmsOriginationArn", `Resource: "*"`, "mfa: unexpected sms-voice:SendTextMessage *"},
		{"roles", root, "Resource: !Ref SmsOriginationArn", `Resource: "*"`, "MfaRole: sms-voice:SendTextMessage on everything"},
		{"permissions", root, "Resource: !Ref TwilioSecretArn", "Resource: !Ref VerifySecretArn", "mfa: missing secretsmanager:GetSecretValue secret:twilio"},
		{"key policy", data, "role/${RootStack}-mfa\"\n              \"Null\"", "role/${RootStack}-notify\"\n              \"Null\"", "FactorKey: unexpected kms:Decrypt * if ArnEquals aws:PrincipalArn notify"},
		{"key policy", data, "Action: [kms:Decrypt, kms:Encrypt]", "Action: [kms:Decrypt, kms:Encrypt, kms:ReEncryptFrom]", "FactorKey: unexpected kms:ReEncryptFrom *"},
		{"key policy", data, "                kms:EncryptionContext:purpose: [sms, totp]\n", "", "FactorKey: missing kms:Encrypt *"},
		{"key policy", "shared/mfa/kms.go", `keyPurpose = "purpose"`, `keyPurpose = "kind"`, "shared/mfa/kms.go sends what the key's policy refuses: kms:EncryptionContextKeys kind,user;"},
		{"key policy", "shared/mfa/mfa.go", `= "totp"`, `= "app"`, "shared/mfa/kms.go sends what the key's policy refuses: kms:EncryptionContext:purpose sms,app"},
		{"second factors", root, "TWILIO_URL: https://verify.twilio.com/v2", "TWILIO_URL: !Ref TokenServiceUrl", "MfaFunction: Twilio is at map["},
		{"second factors", root, "WATCH_FAILURES: !Ref MfaWatchFailures", "WATCH_FAILURES: !Ref MfaTries", "WATCH_FAILURES is 7 and should be 3"},
		{"second factors", root, "MFA_ISSUER: !If [HasMfaIssuer, !Ref MfaIssuer, !Ref ProductName]", "MFA_ISSUER: !Ref MfaIssuer", "MFA_ISSUER is  and should be Acme"},
		{"second factors", root, "    Default: US,CA\n", "    Default: US,CA,PR\n", "SMS_REGIONS is US,CA,PR and should be US,CA"},
		{"second factors", root, "ACCOUNT_URL: !Ref AccountUrl", "ACCOUNT_URL: !Ref SupportUrl", "NotifyFunction: with"},
		{"parameters", root, "          ACCOUNT_URL: !Ref AccountUrl\n", "", "AccountUrl is never used"},
		{"tables", data, "        - {AttributeName: item, AttributeType: S}\n      KeySchema:\n", "        - {AttributeName: item, AttributeType: N}\n      KeySchema:\n", "Accounts"},
		{"alarms", observability, "{Name: Reason, Value: limit_stack}", "{Name: Reason, Value: limit_day}", "SmsLimitReached: looks at [Stack safekeep Reason limit_day]"},
		{"alarms", observability, "                - {Name: Reason, Value: quota}\n", "                - {Name: Sender, Value: quota}\n", "SmsLimitReached: looks at [Stack safekeep Sender quota]"},
		{"dashboard", observability, `"${MfaMailless.Arn}",`, `"${MfaFailing.Arn}",`, "MfaMailless is made or shown"},
		{"dashboard", observability, `["...", "recovery", ".", "ok", `, `["...", "recovery", ".", "good", `, "looks at [Stack safekeep Method recovery Result good]"},
		{"dead letters", root, "NotifyDeadLetters: !GetAtt NotifyDeadLetters.QueueName", "NotifyDeadLetters: !GetAtt NotifyStreamDeadLetters.QueueName", "nobody watches NotifyDeadLetters"},
		{"dead letters", root, "SweepDeadLetters: !GetAtt SweepDeadLetters.QueueName", "SweepDeadLetters: !GetAtt NotifyDeadLetters.QueueName", "nobody watches SweepDeadLetters"},
		{"dead letters", root, "RotateDeadLetters: !GetAtt RotateDeadLetters.QueueName", "RotateDeadLetters: !GetAtt NotifyDeadLetters.QueueName", "nobody watches RotateDeadLetters"},
		{"rotation", root, "cron(0 ${RotateHour} * * ? *)", "cron(0 ${SweepHour} * * ? *)", "with [] key pairs are rotated by [{RotateFunction cron(0 6"},
		{"rotation", "events/rotate-schedule.json", `"scheduled"`, `"at"`, "with [] key pairs are rotated by"},
		{"rotation", root, "          ROTATION_DAYS: !Ref RotationDays\n", "          ROTATION_DAYS: !Ref UnusedDays\n", "CredentialsFunction: with [RotateHour"},
		{"rotation", root, "          OVERLAP_HOURS: !Ref RotationOverlapHours\n          #", "          OVERLAP_HOURS: !Ref CredentialGraceHours\n          #", "RotateFunction: with [RotateHour"},
		{"Snowflake", root, `SNOWFLAKE_URL: "https://{account}.snowflakecomputing.com"`, `SNOWFLAKE_URL: !Sub "https://{account}.${TokenServiceUrl}"`, "CredentialsFunction: Snowflake is at map["},
		{"Snowflake", root, `SNOWFLAKE_URL: "https://{account}.snowflakecomputing.com"`, `SNOWFLAKE_URL: "https://account.snowflakecomputing.com"`, "CredentialsFunction: Snowflake is at https://account."},
		{"Snowflake", root, "          SNOWFLAKE_URL: \"https://{account}.snowflakecomputing.com\"\n\n", "\n", "ConnectFunction: is told where Snowflake is: false"},
		{"schedules", root, "            State: !If [SweepsInSegments, DISABLED, ENABLED]\n", "", "with [SweepSegments 8] the sweep is started by [{SweepFunction"},
		{"schedules", root, "!If [SweepsInSegments, DISABLED, ENABLED]", "!If [SweepsInSegments, ENABLED, DISABLED]", "with [SweepSegments 1] the sweep is started by []"},
		{"schedules", root, "    Condition: SweepsInSegments\n", "", "with [SweepSegments 1] the sweep is started by [{SweepFunction"},
		{"schedules", root, `"segment":0,"segments":1}`, `"segment":1,"segments":1}`, "with [SweepSegments 1] the sweep"},
		{"schedules", root, `"segments":${SweepSegments}}`, `"segments":8}`, "with [SweepSegments 2] the sweep"},
		{"schedules", root, "            ScheduleExpressionTimezone: !Ref TimeZone\n", "", "TimeZone Europe/Berlin] the sweep"},
		{"time travel", root, `TIME_TRAVEL: "false"`, `TIME_TRAVEL: !Ref DryRun`, "SweepFunction: TIME_TRAVEL is map[Ref:DryRun]"},
		{"time travel", root, `TIME_TRAVEL: "false"`, `TIME_TRAVEL: "true"`, "SweepFunction: TIME_TRAVEL is true"},
		{"time travel", root, "sign in with.\n          TIME_TRAVEL: \"false\"\n", "sign in with.\n", "RotateFunction: TIME_TRAVEL is <nil>"},
		{"state machine", root, "        Partition: !Ref AWS::Partition\n", "        Part: !Ref AWS::Partition\n", "the template gives no ${Partition}"},
		{"state machine", root, "        Partition: !Ref AWS::Partition\n", "        Partition: !Ref AWS::Partition\n        Map: x\n", "the substitution Map is never used"},
		{"state machine", root, "SweepFunction: !GetAtt SweepFunction.Arn", "SweepFunction: !GetAtt NotifyFunction.Arn", "function:NotifyFunction is invoked"},
		{"state machine", root, "    MaxValue: 1000\n", "    MaxValue: 2000\n", "ArrayRange does not make 2000"},
		{"state machine", machine, `"TimeoutSeconds": 960`, `"TimeoutSeconds": 900`, "while the first may still be running"},
		{"state machine", machine, `"TimeoutSeconds": 72000`, `"TimeoutSeconds": 3600`, "is ended after 3600"},
		{"state machine", machine, `"TimeoutSeconds": 72000`, `"TimeoutSeconds": 90000`, "may meet the next day's"},
		{"state machine", machine, `"MaxConcurrency": 40`, `"MaxConcurrency": 100`, "does not run 100 at once"},
		{"state machine", machine, `"segment.$": "$$.Map.Item.Value"`, `"segment.$": "$$.Map.Item.Index"`, "$$.Map.Item.Index"},
		{"state machine", machine, "\"scheduled.$\": \"$.scheduled\",\n        \"segment.$\"", "\"segment.$\"", "a segment is given"},
		{"state machine", machine, `"Payload.$": "$"`, `"Payload": "$"`, "would be taken as it stands"},
		{"state machine", machine, "States.MathAdd($.segments, -1)", "States.MathSub($.segments, 1)", "there is no States.MathSub"},
		{"state machine", machine, "States.MathAdd($.segments, -1)", "$.segments", "is invoked with"},
		{"state machine", machine, `"ErrorEquals": ["States.ALL"]`, `"ErrorEquals": ["States.TaskFailed"]`, "answers that never come: the execution ends with \"States.Timeout\""},
		{"state machine", machine, `"ErrorEquals": ["States.ALL"]`, `"ErrorEquals": ["States.Timeout"]`, "a function that always fails: segment 4 is not swept"},
		{"state machine", machine, `"ResultPath": null`, `"ResultPath": "$.error"`, "the error would go into the state"},
		{"state machine", machine, `"Result": "failed"`, `"Result": "lost"`, "the execution ends with \"\" and should with \"SegmentsFailed\""},
		{"state machine", machine, `"ErrorEquals": ["States.Timeout", "States.TaskFailed"]`, `"ErrorEquals": ["States.Timeout"]`, "a function that failed twice: the execution ends with \"SegmentsFailed\""},
		{"state machine", machine, `"MaxAttempts": 3`, `"MaxAttempts": 8`, "leave 39020 events"},
		{"state machine", machine, `"MaxAttempts": 3`, `"MaxAttempt": 3`, "unknown field"},
		{"state machine", machine, `"JitterStrategy": "FULL"`, `"JitterStrategy": "NONE"`, "would all try again at once"},
		{"state machine", machine, `"Default": "Done"`, `"Default": "Finished"`, "there is no state \"Finished\""},
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
