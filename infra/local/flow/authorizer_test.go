package flow_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/infra/local"
)

// authorized asks the authorizer as API Gateway does, by AWS's own types.
func (w *world) authorized(token string) (answer events.APIGatewayV2CustomAuthorizerSimpleResponse) {
	w.t.Helper()
	payload, err := json.Marshal(events.APIGatewayV2CustomAuthorizerV2Request{
		Version: "2.0", Type: "REQUEST", RouteKey: "ANY /{proxy+}", RawPath: "/orders/42",
		IdentitySource: []string{"Bearer " + token},
		Headers:        map[string]string{"authorization": "Bearer " + token, "user-agent": "curl/8.16.0"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "GET", Path: "/orders/42", Protocol: "HTTP/1.1", SourceIP: "203.0.113.24", UserAgent: "curl/8.16.0",
			},
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	result, err := w.Invoke(w.t.Context(), "authorizer", payload)
	if err != nil || result.Failed {
		w.t.Fatalf("authorizer: %s %v", result.Payload, err)
	}
	if err := json.Unmarshal(result.Payload, &answer); err != nil {
		w.t.Fatalf("authorizer: %s: %v", result.Payload, err)
	}
	return answer
}

// A leaked token is refused at the gateway as soon as the authorizer may have
// forgotten that it was good, and from then on.
func TestAuthorizerRefusesALeakedToken(t *testing.T) {
	t.Parallel()
	const age = 2 * time.Second
	w := newWorld(t, local.Options{Parameters: map[string]string{"AuthorizerCacheSeconds": "2"}})
	w.workspace("acme", "", "ann")
	token, other := w.issue("acme"), w.issue("acme")
	want := events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: map[string]any{
		"workspace": "acme", "token_id": token.id, "scope": "", "created_by": "ann",
	}}
	if got := w.authorized(token.text); !reflect.DeepEqual(want, got) {
		t.Errorf("a new token: %v, want %v", got, want)
	}
	if !w.authorized(other.text).IsAuthorized || w.authorized("skp_"+strings.Repeat("0", 36)).IsAuthorized {
		t.Error("another token is refused, or one that nobody issued is let through")
	}
	if got := w.call("GET", "/workspaces/acme/tokens/"+token.id, "", 200); got["last_used_on"] != time.Now().UTC().Format(time.DateOnly) {
		t.Errorf("after a use it is last used on %v", got["last_used_on"])
	}
	w.insist(w.report(token))
	over := time.Now().Add(age)
	for refused := false; ; time.Sleep(50 * time.Millisecond) {
		late := time.Now().After(over) // known before it is asked
		answer := w.authorized(token.text)
		if answer.IsAuthorized && (late || refused) {
			t.Fatalf("the token passes: %v after it was revoked, or after it was refused: %v", age, refused)
		}
		if refused = !answer.IsAuthorized; late {
			break
		}
	}
	if !w.authorized(other.text).IsAuthorized {
		t.Error("a token that did not leak is refused")
	}
	w.settle()
	w.assertQuiet(token, other)
}

// More than five seconds is a mistake to be found at the start, not after a leak.
func TestAuthorizerRefusesALongCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{NoWarm: true, Env: map[string]map[string]string{"authorizer": {"CACHE_SECONDS": "6"}}})
	result, err := w.Invoke(t.Context(), "authorizer", []byte(`{"version":"2.0","identitySource":["Bearer x"]}`))
	if err == nil && !result.Failed || !strings.Contains(w.log.String(), "CACHE_SECONDS is 6 and must be 0 (no cache) to 5") {
		t.Errorf("%s %v", result.Payload, err)
	}
}
