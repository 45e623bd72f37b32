package mfa_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo/dynamotest"
)

// texts are all that an attribute holds, names and all.
func texts(v types.AttributeValue) []string {
	var all []string
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		all = append(all, v.Value)
	case *types.AttributeValueMemberN:
		all = append(all, v.Value)
	case *types.AttributeValueMemberB:
		all = append(all, string(v.Value))
	case *types.AttributeValueMemberM:
		for name, inner := range v.Value {
			all = append(append(all, name), texts(inner)...)
		}
	case *types.AttributeValueMemberL:
		for _, inner := range v.Value {
			all = append(all, texts(inner)...)
		}
	}
	return all
}

// table is all that a table holds.
func (w *world) table(name string) []string {
	w.t.Helper()
	var all []string
	pages := dynamodb.NewScanPaginator(w.client, &dynamodb.ScanInput{TableName: aws.String(name), ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range page.Items {
			all = append(all, texts(&types.AttributeValueMemberM{Value: item})...)
		}
	}
	return all
}

// holds says whether a text holds a secret. Six digits may stand in a longer
// number by chance.
func holds(text, secret string) bool {
	if len(secret) > 8 {
		return strings.Contains(text, secret)
	}
	return regexp.MustCompile(`(^|[^0-9A-Za-z])` + secret + `($|[^0-9A-Za-z])`).MatchString(text)
}

// After a life in which everything was used, rightly and wrongly, no secret, code,
// proof or number stands in a table, a log or a metric, and no address or number
// in the ledger.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secrets := map[string]string{}
	keep := func(name, text string) { secrets[name] = text }
	made := w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example"})
	keep("an app's secret", made["secret"].(string))
	phoneApp := newApp(t, made["secret"])
	keep("an app's secret as bytes", string(phoneApp.seed))
	done := w.need(200, "POST", "/users/ann/totp/confirm", fields{"code": phoneApp.code(w.now)})
	var codes []string
	for _, code := range done["recovery_codes"].([]any) {
		codes = append(codes, code.(string))
		keep("a recovery code", code.(string))
		keep("the secret of "+code.(string)[:3], strings.ReplaceAll(code.(string), "-", "")[3:])
	}
	w.later(30 * time.Second)
	proof := w.proof("ann", phoneApp)
	keep("a proof", proof)
	keep("a number", phone)
	keep("a number without its country", phone[2:])
	w.need(201, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": phone, "proof": proof})
	keep("a text's code", w.texts.code(phone))
	w.need(422, "POST", "/users/ann/sms/confirm", fields{"code": "654321"})
	w.need(200, "POST", "/users/ann/sms/confirm", fields{"code": w.texts.code(phone)})
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	keep("a second text's code", w.texts.code(phone))
	code := phoneApp.code(w.now)
	keep("an app's code", code)
	keep("a used recovery code", codes[0])
	for _, body := range []fields{
		{"method": "totp", "code": code}, {"method": "totp", "code": code}, {"method": "recovery", "code": codes[0]},
		{"method": "recovery", "code": codes[0]}, {"method": "sms", "code": "123123"}, {"method": "totp", "code": "7" + code},
		{"method": "recovery", "code": codes[1] + "A"}, {"method": "passkey", "code": code}, {"method": code, "code": code},
	} {
		got := w.call("POST", "/users/ann/verify", body)
		for name, secret := range secrets {
			if name != "a proof" && strings.Contains(got.text, secret) {
				t.Errorf("an answer to %v repeats %s", body["method"], name)
			}
		}
	}
	w.kms.Set(nil)
	for _, call := range w.kms.Calls() {
		for _, value := range call.Context {
			if strings.Contains(value, "@") {
				t.Error("an address is in a KMS context")
			}
		}
	}
	places := map[string][]string{
		accounts: w.table(accounts), dynamotest.Ledger: w.table(dynamotest.Ledger), "the log": {log.String()}, "the metrics": {w.figures.String()},
	}
	if len(places[accounts]) < 50 || len(places[dynamotest.Ledger]) < 50 {
		t.Fatal("the tables are empty")
	}
	for place, all := range places {
		for _, text := range all {
			for name, secret := range secrets {
				if holds(text, secret) {
					t.Errorf("%s stands in %s", name, place)
				}
			}
			if place != accounts && strings.Contains(text, "@acme.example") && !strings.Contains(text, "role") {
				t.Errorf("an address stands in %s", place)
			}
		}
	}
}
