package infra

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"safekeep/shared/token"
)

// httpAPI is the example that companies copy into their own templates, so what
// it says about caching decides how long a revoked token lives.
const httpAPI = "infra/examples/httpapi.yaml"

func checkHTTPAPI(p project) (complaints []string) {
	const authorizer = "arn:aws:lambda:us-east-1:000000000000:function:safekeep-authorizer"
	e, err := newEvaluator(p.files, httpAPI, "example", map[string]string{
		"AuthorizerFunctionArn": authorizer, "BackendUrl": "https://api.acme.example",
	})
	if err != nil {
		return []string{err.Error()}
	}
	say := func(format string, args ...any) {
		complaints = append(complaints, httpAPI+": "+fmt.Sprintf(format, args...))
	}
	properties := func(id string) map[string]any {
		r, _ := e.resource(id)
		value, err := e.value(r.Properties, id)
		if err != nil {
			say("%v", err)
		}
		found, _ := value.(map[string]any)
		return found
	}
	asks := properties("Authorizer")
	// A number that is not written out is one that somebody else chooses.
	if ttl, written := asks["AuthorizerResultTtlInSeconds"].(int); !written || ttl != 0 {
		say("the gateway would remember a revoked token for %v seconds, and must for 0", asks["AuthorizerResultTtlInSeconds"])
	}
	for name, want := range map[string]any{
		"AuthorizerType":                 "REQUEST",
		"AuthorizerPayloadFormatVersion": "2.0",
		"EnableSimpleResponses":          true,
		"IdentitySource":                 []any{"$request.header.Authorization"},
		"AuthorizerUri":                  "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + authorizer + "/invocations",
	} {
		if !reflect.DeepEqual(asks[name], want) {
			say("%s is %v and should be %v", name, asks[name], want)
		}
	}
	may := properties("GatewayMayAsk")
	if may["FunctionName"] != authorizer || may["SourceArn"] != "arn:aws:execute-api:us-east-1:000000000000:Api/authorizers/Authorizer" {
		say("others than this API's authorizer may invoke: %v", may)
	}
	if route := properties("Everything"); route["AuthorizationType"] != "CUSTOM" || route["AuthorizerId"] != "Authorizer" {
		say("the route is open")
	}
	// What the backend is told must be what the authorizer says.
	var known []string
	for field := range reflect.TypeFor[token.AuthorizerContext]().Fields() {
		known = append(known, "$context.authorizer."+field.Tag.Get("json"))
	}
	told, _ := properties("Backend")["RequestParameters"].(map[string]any)
	for header, value := range told {
		if !slices.Contains(known, fmt.Sprint(value)) {
			say("the authorizer says nothing called %v", value)
		}
		if !strings.HasPrefix(header, "overwrite:header.") {
			say("a caller can add to %s", header)
		}
	}
	return complaints
}
