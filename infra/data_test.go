package infra

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

// tables is what the code relies on: keys, indexes with what they hold, the
// attribute by which items end, the stream.
var tables = map[string]string{
	"Accounts":    "user, item; ttl purge_at",
	"Credentials": "workspace, credential; ttl purge_at",
	"Ephemera":    "key; ttl expires_at",
	"Ledger":      "workspace, seq; owing (owes, seq: KEYS_ONLY); ttl purge_at; stream NEW_IMAGE",
	"Tokens":      "hash; by-workspace (workspace, id: ALL); by-creator (creator, id: KEYS_ONLY); ttl purge_at",
	"Workspaces":  "workspace, item; by-user (user, workspace: ALL)",
}

// describe writes a table as tables above does.
func describe(t Table) string {
	in := t.CreateInput()
	types := map[string]string{}
	for _, a := range in.AttributeDefinitions {
		types[aws.ToString(a.AttributeName)] = string(a.AttributeType)
	}
	name := func(attribute *string) string {
		if types[*attribute] == "S" {
			return *attribute
		}
		return *attribute + " of type " + types[*attribute]
	}
	var keys []string
	for _, k := range in.KeySchema {
		keys = append(keys, name(k.AttributeName))
	}
	parts := []string{strings.Join(keys, ", ")}
	for _, index := range in.GlobalSecondaryIndexes {
		var keys []string
		for _, k := range index.KeySchema {
			keys = append(keys, name(k.AttributeName))
		}
		parts = append(parts, fmt.Sprintf("%s (%s: %s)", *index.IndexName, strings.Join(keys, ", "), index.Projection.ProjectionType))
	}
	if t.TTLAttribute != "" {
		parts = append(parts, "ttl "+t.TTLAttribute)
	}
	if s := in.StreamSpecification; s != nil && *s.StreamEnabled {
		parts = append(parts, "stream "+string(s.StreamViewType))
	}
	return strings.Join(parts, "; ")
}

func checkTables(p project) (complaints []string) {
	stack, err := load(p.files, chosen)
	if err != nil {
		return []string{err.Error()}
	}
	got := map[string]string{}
	for _, t := range stack.Tables {
		got[t.Name] = describe(t)
	}
	if diff := cmp.Diff(tables, got); diff != "" {
		complaints = append(complaints, "the tables are not those that the code expects (-want +got):\n"+diff)
	}
	return complaints
}

// lasting are the types whose content must outlive the stack, and fleeting
// those that hold something and say so when they drop it.
var (
	lasting  = map[string]bool{tableType: true, keyType: true, "AWS::SES::EmailIdentity": true}
	fleeting = map[string]bool{"AWS::Logs::LogGroup": true, "AWS::SQS::Queue": true, nestedType: true}
)

func checkStateful(p project) (complaints []string) {
	all, err := p.templates()
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range all {
		for id := range e.Resources {
			r, _ := e.resource(id)
			want := ""
			switch {
			case lasting[r.Type]:
				want = "Retain"
			case fleeting[r.Type]:
				want = "Delete"
			default:
				continue
			}
			if r.All["DeletionPolicy"] != want || r.All["UpdateReplacePolicy"] != want {
				complaints = append(complaints, fmt.Sprintf("%s: %s: deleted or replaced, its policy is not %s", e.file, id, want))
			}
		}
	}
	for stage, protected := range map[string]bool{"prod": true, "dev": false} {
		e, err := p.inner("Data", "Stage", stage)
		if err != nil {
			return append(complaints, err.Error())
		}
		for id := range tables {
			complaints = append(complaints, checkTable(e, id, stage, protected)...)
		}
	}
	return complaints
}

func checkTable(e *evaluator, id, stage string, protected bool) (complaints []string) {
	var t struct {
		BillingMode                      string
		DeletionProtectionEnabled        bool
		PointInTimeRecoverySpecification struct{ PointInTimeRecoveryEnabled bool }
		SSESpecification                 struct {
			SSEEnabled              bool
			SSEType, KMSMasterKeyID string
		}
	}
	r, _ := e.resource(id)
	if err := e.properties(r, &t); err != nil {
		return []string{err.Error()}
	}
	if t.BillingMode != "PAY_PER_REQUEST" {
		complaints = append(complaints, id+": it is not on demand")
	}
	if !t.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled {
		complaints = append(complaints, id+": it cannot be restored")
	}
	if sse := t.SSESpecification; !sse.SSEEnabled || sse.SSEType != "KMS" || !strings.HasSuffix(sse.KMSMasterKeyID, "key/TablesKey") {
		complaints = append(complaints, id+": it is not encrypted with the tables' key")
	}
	if t.DeletionProtectionEnabled != protected {
		complaints = append(complaints, fmt.Sprintf("%s: %s does %sprotect it from deletion", id, stage, map[bool]string{true: "not "}[protected]))
	}
	return complaints
}

func TestLoadDescribesTheStack(t *testing.T) {
	t.Parallel()
	stack, err := Load("..", map[string]string{
		"ProductName": "Acme", "MailFrom": "a@acme.example", "MailDomain": "acme.example",
		"SecurityContact": "b@acme.example", "GitHubKeysUrl": "http://127.0.0.1:1/keys",
	})
	if err != nil {
		t.Fatal(err)
	}
	alerts, ok := stack.Function("alerts")
	if !ok || alerts.Timeout.Seconds() != 28 || alerts.MemoryMB != 512 || alerts.URLAuth != "NONE" {
		t.Errorf("alerts came out as %+v", alerts)
	}
	for name, want := range map[string]string{
		"STACK_NAME": "safekeep", "TOKENS_TABLE": "Tokens", "EPHEMERA_TABLE": "Ephemera", "TOKEN_PREFIX": "skp",
		"GITHUB_KEYS_URL": "http://127.0.0.1:1/keys", "GITLAB_KEYS_URL": "", "LEDGER_DAYS": "730", "DRY_RUN": "false",
	} {
		if got := alerts.Environment[name]; got != want {
			t.Errorf("alerts' %s is %q, want %q", name, got, want)
		}
	}
	notify, _ := stack.Function("notify")
	owed := Stream{Table: "Ledger", BatchSize: 100, MaxAttempts: 4, StartingPosition: "TRIM_HORIZON"}
	digested := owed
	digested.Filters = []string{`{"eventName":["INSERT"],"dynamodb":{"NewImage":{"owes":{"S":[{"exists":true}]},"kind":{"S":["hygiene.digested"]}}}}`}
	owed.Filters = []string{`{"eventName":["INSERT"],"dynamodb":{"NewImage":{"owes":{"S":[{"exists":true}]},"kind":{"S":[{"anything-but":["hygiene.digested"]}]}}}}`}
	wantStreams := []Stream{digested, owed}
	if diff := cmp.Diff(wantStreams, notify.Streams); diff != "" {
		t.Errorf("notify's streams (-want +got):\n%s", diff)
	}
	sweep, _ := stack.Function("sweep")
	if sweep.Timeout.Minutes() != 15 || sweep.Environment["TIME_TRAVEL"] != "false" || sweep.Environment["UNUSED_DAYS"] != "90" || sweep.Environment["FOLLOW_UP_DAYS"] != "7" {
		t.Errorf("sweep came out as %+v", sweep)
	}
	wantDaily := []Schedule{{
		Name: "Daily", Expression: "cron(0 6 * * ? *)", TimeZone: "UTC",
		Input: `{"scheduled":"<aws.scheduler.scheduled-time>","segment":0,"segments":1}`,
	}}
	if diff := cmp.Diff(wantDaily, sweep.Schedules); diff != "" {
		t.Errorf("sweep's schedules (-want +got):\n%s", diff)
	}
	rotate, _ := stack.Function("rotate")
	if rotate.Timeout.Minutes() != 15 || rotate.MemoryMB != 1769 || rotate.URLAuth != "" || rotate.Environment["SNOWFLAKE_URL"] != "https://{account}.snowflakecomputing.com" {
		t.Errorf("rotate came out as %+v", rotate)
	}
	wantRotations := []Schedule{{Name: "Daily", Expression: "cron(0 5 * * ? *)", TimeZone: "UTC", Input: `{"scheduled":"<aws.scheduler.scheduled-time>"}`}}
	if diff := cmp.Diff(wantRotations, rotate.Schedules); diff != "" {
		t.Errorf("rotate's schedules (-want +got):\n%s", diff)
	}
	divided, err := load(asWritten.files, chosen)
	if err != nil {
		t.Fatal(err)
	}
	if sweep, _ := divided.Function("sweep"); len(sweep.Schedules) != 0 {
		t.Errorf("a schedule that is switched off came out as %v", sweep.Schedules)
	}
	unclear := asWritten.with(t, "template.yaml", "[SweepsInSegments, DISABLED, ENABLED]", "[SweepsInSegments, OFF, ENABLED]")
	if _, err := load(unclear.files, chosen); err == nil || !strings.Contains(err.Error(), `Daily: the state "OFF" is not known here`) {
		t.Errorf("a schedule in a state that there is not: %v", err)
	}
	wantSchedules := []Schedule{{Name: "EveryMinute", Expression: "rate(1 minute)", Input: `{"scheduled":"<aws.scheduler.scheduled-time>"}`}}
	if diff := cmp.Diff(wantSchedules, notify.Schedules); diff != "" {
		t.Errorf("notify's schedules (-want +got):\n%s", diff)
	}
	for _, pattern := range notify.Streams[0].Filters {
		if !json.Valid([]byte(pattern)) {
			t.Errorf("%s is not JSON: Lambda would refuse the filter", pattern)
		}
	}
	if _, ok := stack.Table("Tokens"); !ok {
		t.Error("there is no table Tokens")
	}
	credentials, _ := stack.Function("credentials")
	for name, want := range map[string]string{
		"VAULT_KEY": "arn:aws:kms:us-east-1:000000000000:key/VaultKey", "GRANT_KEY": "arn:aws:kms:us-east-1:000000000000:key/GrantKey", "GRACE_HOURS": "24",
	} {
		if got := credentials.Environment[name]; got != want {
			t.Errorf("credentials' %s is %q, want %q", name, got, want)
		}
	}
	mfa, _ := stack.Function("mfa")
	if mfa.URLAuth != "AWS_IAM" || mfa.Environment["FACTOR_KEY"] != "arn:aws:kms:us-east-1:000000000000:key/FactorKey" || mfa.Environment["SMS_SENDER"] != "" {
		t.Errorf("mfa came out as %+v", mfa)
	}
	// The functions must find a key where the local stack makes it.
	if i := slices.IndexFunc(stack.Keys, func(k Key) bool { return k.ARN == credentials.Environment["VAULT_KEY"] }); i < 0 {
		t.Errorf("there is no key of that ARN among %v", stack.Keys)
	}
}
