package infra

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"safekeep/shared/alert"
	"safekeep/shared/credential"
	"safekeep/shared/grant"
	"safekeep/shared/hygiene"
	"safekeep/shared/mfa"
	"safekeep/shared/password"
	"safekeep/shared/token"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// anywhere knows every workspace, so that what is sent to one gets read.
type anywhere struct{}

func (anywhere) CheckCreator(context.Context, string, string) error { return nil }
func (anywhere) CheckEver(context.Context, string) error            { return nil }
func (anywhere) CheckWorkspace(context.Context, string) error       { return nil }

// routers are the functions that answer HTTP, without anything behind them.
var routers = map[string]*web.Router{
	"alerts":      (&alert.Service{Verifier: &alert.Verifier{}}).Routes(),
	"connect":     (&credential.Connector{Verifier: &grant.Verifier{}, Now: time.Now}).Routes(),
	"credentials": (&credential.Service{Directory: anywhere{}, Now: time.Now}).Routes(),
	"introspect":  (&token.Introspector{}).Routes(),
	"mfa":         (&mfa.Service{Now: time.Now}).Routes(),
	"passwords":   (&password.Service{}).Routes(),
	"tokens":      tokenRoutes(),
	"workspaces":  (&workspace.Service{}).Routes(),
}

func tokenRoutes() *web.Router {
	routes := (&token.Service{Directory: anywhere{}, Now: time.Now}).Routes()
	(&hygiene.Service{Directory: anywhere{}, Now: time.Now}).AddTo(routes)
	return routes
}

// contract is infra/openapi.yaml.
type contract struct{ top map[string]any }

// operation is one call, with the parameters that stand on its path.
type operation struct {
	pattern, function string // "GET /workspaces/{workspace}"; "workspaces"
	is                map[string]any
	parameters        []map[string]any
}

func (p project) contract() (contract, error) {
	text, err := fs.ReadFile(p.files, "infra/openapi.yaml")
	if err != nil {
		return contract{}, err
	}
	var c contract
	return c, yaml.Unmarshal(text, &c.top)
}

// object returns v, or what it refers to; nil when there is no such thing.
func (c contract) object(v any) map[string]any {
	m, _ := v.(map[string]any)
	reference, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	var at any = c.top
	for _, name := range strings.Split(strings.TrimPrefix(reference, "#/"), "/") {
		next, _ := at.(map[string]any)
		at = next[name]
	}
	return c.object(at)
}

// in goes down by names, and through references.
func (c contract) in(v any, names ...string) map[string]any {
	m := c.object(v)
	for _, name := range names {
		m = c.object(m[name])
	}
	return m
}

func (c contract) operations() (all []operation) {
	for path, v := range c.in(c.top, "paths") {
		item := v.(map[string]any)
		for method, v := range item {
			if method == "parameters" {
				continue
			}
			o := operation{pattern: strings.ToUpper(method) + " " + path, is: v.(map[string]any)}
			o.function, _ = o.is["x-function"].(string)
			for _, list := range []any{item["parameters"], o.is["parameters"]} {
				some, _ := list.([]any)
				for _, parameter := range some {
					o.parameters = append(o.parameters, c.object(parameter))
				}
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.pattern, b.pattern) })
	return all
}

func (o operation) has(place, name string) bool {
	return slices.ContainsFunc(o.parameters, func(p map[string]any) bool { return p["in"] == place && p["name"] == name })
}

func (o operation) answers(status int) bool {
	responses, _ := o.is["responses"].(map[string]any)
	return responses[strconv.Itoa(status)] != nil
}

var (
	oneSentence = regexp.MustCompile(`^[A-Z][^.\n]*\.$`)
	inBraces    = regexp.MustCompile(`\{(\w+)\}`)
)

// checkRoutes holds the operations against the routes that the code registers.
func checkRoutes(c contract) (complaints []string) {
	registered, named := map[string]bool{}, map[any]bool{}
	for function, router := range routers {
		for _, pattern := range router.Patterns() {
			registered[function+": "+pattern] = true
		}
	}
	for function, auth := range urls {
		if auth != "" && routers[function] == nil {
			complaints = append(complaints, function+": the test does not know its routes")
		}
	}
	for _, o := range c.operations() {
		at := o.function + ": " + o.pattern
		say := func(bad bool, what string) {
			if bad {
				complaints = append(complaints, at+": "+what)
			}
		}
		say(!registered[at], "no code answers this")
		delete(registered, at)
		id := o.is["operationId"]
		say(id == nil || named[id], "its operationId is missing or taken")
		named[id] = true
		say(!oneSentence.MatchString(fmt.Sprint(o.is["summary"])), "its summary is not one sentence")
		security, own := o.is["security"].([]any)
		say((own && len(security) == 0) != (urls[o.function] == "NONE"), "it says wrongly whether it is public")
		for _, name := range inBraces.FindAllStringSubmatch(o.pattern, -1) {
			say(!o.has("path", name[1]), "it does not describe "+name[0])
		}
	}
	for route := range registered {
		complaints = append(complaints, route+": is not described")
	}
	return complaints
}

// checkPointers sees that every reference leads somewhere and that nothing is
// kept which none leads to.
func checkPointers(c contract) (complaints []string) {
	used := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			if reference, ok := v["$ref"].(string); ok {
				used[reference] = true
				if !strings.HasPrefix(reference, "#/") || c.object(v) == nil {
					complaints = append(complaints, reference+" leads nowhere")
				}
			}
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(c.top)
	for sort, v := range c.in(c.top, "components") {
		for name := range v.(map[string]any) {
			if sort != "securitySchemes" && !used["#/components/"+sort+"/"+name] {
				complaints = append(complaints, sort+"/"+name+" is not used")
			}
		}
	}
	return complaints
}

// isProblem says whether a schema is the shared problem, or that with members
// of its own.
func (c contract) isProblem(schema map[string]any) bool {
	parts, _ := c.object(schema)["allOf"].([]any)
	if len(parts) > 0 {
		schema, _ = parts[0].(map[string]any)
	}
	return schema["$ref"] == "#/components/schemas/Problem"
}

// checkProblems sees that whatever goes wrong is answered by the one shared
// schema, and that no operation leaves out what all of its sort can answer.
func checkProblems(c contract) (complaints []string) {
	for _, o := range c.operations() {
		say := func(bad bool, what string) {
			if bad {
				complaints = append(complaints, o.pattern+": "+what)
			}
		}
		for status, v := range c.in(o.is, "responses") {
			if status < "400" {
				continue
			}
			shared, _ := v.(map[string]any)["$ref"].(string)
			say(!strings.HasPrefix(shared, "#/components/responses/"), status+" is not a shared response")
			content, _ := c.in(v, "content", "application/problem+json")["schema"].(map[string]any)
			say(!c.isProblem(content), status+" is not the shared problem")
			example := c.in(v, "content", "application/problem+json", "example")
			code, _ := strconv.Atoi(status)
			say(example["status"] != code || example["title"] != http.StatusText(code), status+" shows another status")
		}
		private := urls[o.function] != "NONE"
		say(!o.answers(500) || !o.answers(503), "500 or 503 is missing")
		// Of the public calls, one answers 403 to say that a token is dead.
		say((private || o.pattern == "POST /alerts/verify") != o.answers(403), "403 is what private functions answer to everybody else")
		// Of the private calls, those of a connector take a grant besides, and
		// changes to an account with a second factor a proof.
		say((private && o.function != "connect" && !c.proves(o)) == o.answers(401), "401 is what public functions answer to everybody else")
		say(strings.Contains(o.pattern, "{") && !o.answers(400), "400 is missing: a path may be encoded wrongly")
	}
	return complaints
}

// proves says whether a call of mfa takes a proof, or finishes what may have taken
// one.
func (c contract) proves(o operation) bool {
	body := c.in(o.is, "requestBody", "content", "application/json", "schema", "properties")
	return o.function == "mfa" && (body["proof"] != nil || strings.HasSuffix(o.pattern, "/confirm"))
}

// contractChecks hold openapi.yaml against the code and against itself. Each
// returns what it has to complain about.
var contractChecks = map[string]func(project, contract) []string{
	"conduct":  func(_ project, c contract) []string { return checkConduct(c) },
	"examples": func(_ project, c contract) []string { return checkExamples(c) },
	"pointers": func(_ project, c contract) []string { return checkPointers(c) },
	"problems": func(_ project, c contract) []string { return checkProblems(c) },
	"routes":   func(_ project, c contract) []string { return checkRoutes(c) },
	"shapes":   checkShapes,
}

func TestContract(t *testing.T) {
	t.Parallel()
	c, err := asWritten.contract()
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range contractChecks {
		for _, complaint := range check(asWritten, c) {
			t.Errorf("%s: %s", name, complaint)
		}
	}
}

// As with the templates, each check meets mistakes that somebody could make,
// in the description or in the code.
func TestContractChecksFindMistakes(t *testing.T) {
	t.Parallel()
	const api, tokens, views = "infra/openapi.yaml", "shared/token/http.go", "shared/token/view.go"
	for _, mistake := range []struct{ check, file, old, new, complaint string }{
		{"routes", api, "  /tokens/introspect:\n", "  /tokens/inspect:\n", "introspect: POST /tokens/introspect: is not described"},
		{"routes", api, "  /tokens/introspect:\n", "  /tokens/inspect:\n", "introspect: POST /tokens/inspect: no code answers this"},
		{"routes", api, "x-function: introspect", "x-function: tokens", "tokens: POST /tokens/introspect: no code answers this"},
		{"routes", api, "operationId: getToken", "operationId: getWorkspace", "operationId is missing or taken"},
		{"routes", api, "summary: Show a workspace.", "summary: Show a workspace. Or not.", "not one sentence"},
		{"routes", api, "      security: []\n", "", "POST /alerts/github: it says wrongly whether it is public"},
		{"routes", api, "      - $ref: \"#/components/parameters/User\"\n", "", "it does not describe {user}"},
		{"pointers", api, "#/components/schemas/MemberPage", "#/components/schemas/Members", "#/components/schemas/Members leads nowhere"},
		{"pointers", api, "#/components/schemas/MemberPage", "#/components/schemas/TokenPage", "schemas/MemberPage is not used"},
		{"problems", api, "        \"503\": {$ref: \"#/components/responses/Unavailable\"}\n", "", "PUT /workspaces/{workspace}: 500 or 503 is missing"},
		{"problems", api, "        \"404\": {$ref: \"#/components/responses/NotFound\"}\n", "        \"404\": {description: Gone.}\n", "404 is not a shared response"},
		{"problems", api, "schema: {$ref: \"#/components/schemas/Problem\"}", "schema: {type: object}", "is not the shared problem"},
		{"problems", api, "      allOf:\n        - $ref: \"#/components/schemas/Problem\"\n", "      allOf:\n        - $ref: \"#/components/schemas/Member\"\n", "POST /credentials/session: 422 is not the shared problem"},
		{"problems", api, "status: 422", "status: 400", "422 shows another status"},
		{"conduct", api, "        sso:\n          description: Whether", "        saml:\n          description: Whether", "field saml: described true, in the code false"},
		{"conduct", api, "        - $ref: \"#/components/parameters/Actor\"\n", "        - $ref: \"#/components/parameters/Limit\"\n", "PUT /workspaces/{workspace}: X-Actor: described false"},
		{"conduct", api, "maximum: 200", "maximum: 500", "the highest limit: described true, in the code false"},
		{"conduct", api, "        \"413\": {$ref: \"#/components/responses/TooLarge\"}\n", "", "413: described false"},
		{"conduct", api, "      additionalProperties: false\n", "", "refuses unknown fields: described false"},
		{"conduct", api, "application/x-ndjson:\n            schema: {$ref: \"#/components/schemas/ImportLine\"}", "application/json:\n            schema: {$ref: \"#/components/schemas/ImportLine\"}", "POST /workspaces/{workspace}/tokens:import: refuses unknown fields"},
		{"conduct", api, "        sha256: {", "        sha512: {", "field sha512: described true, in the code false"},
		{"shapes", api, "hint: {type: string, ", "clue: {type: string, ", "Token: has no hint, which the code shows"},
		{"shapes", api, "[members, cursor]", "[members]", "MemberPage: cursor should be required"},
		{"shapes", api, "      type: [string, \"null\"]\n", "      type: string\n", "cursor is string and should be null string"},
		{"shapes", api, "            - member.left\n", "", "LedgerEntry: kind knows other words than the code"},
		{"shapes", tokens, "`json:\"scopes\"`", "`json:\"rights\"`", "NewToken: has no rights"},
		{"shapes", views, "	Places int64 ", "	Places string ", "Exposure: places is integer and should be string"},
		{"problems", api, "        \"401\": {$ref: \"#/components/responses/Unproven\"}\n", "", "POST /users/{user}/totp: 401 is what"},
		{"routes", api, "  /users/{user}/{factor}:\n", "  /users/{user}/factors/{factor}:\n", "mfa: DELETE /users/{user}/{factor}: is not described"},
		{"shapes", api, "kind: {type: string, enum: [passkey, totp, sms]}", "kind: {type: string, enum: [passkey, totp, sms, recovery]}", "SecondFactor: kind knows other words"},
		{"shapes", "shared/mfa/verify.go", "`json:\"tries_left\"`", "`json:\"left\"`", "SecondStepRefused: has no left"},
		{"conduct", api, "        user_agent: {type: string, description: The User-Agent of the person's", "        agent: {type: string, description: The User-Agent of the person's", "field agent: described true, in the code false"},
		{"conduct", api, "        user_inputs:\n", "        inputs:\n", "field inputs: described true, in the code false"},
		{"shapes", api, "        - too_weak # score 0 or 1\n", "", "PasswordReason: knows other words than the code"},
		{"shapes", "shared/password/password.go", "UnmarshalText(", "Decode(", "PasswordQuestion: password is string and should be object"},
		{"examples", api, "role: owner, added_at", "role: boss, added_at", "boss is none of"},
		{"examples", api, "token: skp_nn7", "token: skp_nn8", "is no token that was ever issued"},
		{"examples", api, "{name: Acme}", "{title: Acme}", "name is missing"},
		{"examples", api, "iat: 1795338904", "iat: soon", "soon is no integer"},
		{"examples", api, "{overlap_hours: 0}", "{overlap_hours: 1000}", "1000 is too large"},
	} {
		t.Run(mistake.check+"/"+mistake.complaint, func(t *testing.T) {
			t.Parallel()
			broken := asWritten.with(t, mistake.file, mistake.old, mistake.new)
			c, err := broken.contract()
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(contractChecks[mistake.check](broken, c), "\n"); !strings.Contains(all, mistake.complaint) {
				t.Errorf("the check says\n%s", all)
			}
		})
	}
}
