package infra

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// inLines are what a request may be written in, and how the field of a problem
// begins when there are lines to be told apart.
var inLines = map[string]string{"application/json": "", "application/x-ndjson": "line 1: "}

// tooLong is more than any function takes.
var tooLong = strings.Repeat("a", 7<<20)

// ask sends a request to the code and returns the status and the field of the
// problem that it answers with; 0 when it went on to what is not there.
func (o operation) ask(query, contentType, actor, body string) (status int, field string) {
	defer func() {
		if recover() != nil {
			status, field = 0, ""
		}
	}()
	method, path, _ := strings.Cut(inBraces.ReplaceAllString(o.pattern, "x"), " ")
	r := httptest.NewRequest(method, path+query, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Actor", actor)
	w := httptest.NewRecorder()
	routers[o.function].ServeHTTP(w, r)
	var problem struct {
		Status int
		Field  string
	}
	_ = yaml.Unmarshal(w.Body.Bytes(), &problem) // of which JSON is a part
	return problem.Status, problem.Field
}

// checkConduct asks the code itself whether it has the parameters, the fields
// and the limits that are described.
func checkConduct(c contract) (complaints []string) {
	const unknown = "no such field"
	for _, o := range c.operations() {
		if routers[o.function] == nil {
			continue // checkRoutes complains
		}
		agree := func(described, real bool, what string) {
			if described != real {
				complaints = append(complaints, fmt.Sprintf("%s: %s: described %v, in the code %v", o.pattern, what, described, real))
			}
		}
		limits := func(query, actor, field string) bool {
			status, name := o.ask(query, "", actor, "{}")
			return status == 422 && name == field
		}
		agree(o.has("header", "X-Actor") && o.answers(422), limits("", strings.Repeat("a", 129), "X-Actor"), "X-Actor")
		limit := c.in(c.top, "components", "parameters", "Limit", "schema")
		top, _ := limit["maximum"].(int)
		agree(o.has("query", "limit") && o.has("query", "cursor") && o.answers(422), limits("?limit=0", "", "limit"), "limit and cursor")
		agree(o.has("query", "limit"), limits(fmt.Sprintf("?limit=%d", top+1), "", "limit") && !limits(fmt.Sprintf("?limit=%d", top), "", "limit"), "the highest limit")
		if !strings.Contains(o.pattern, "{id}") { // there is nothing behind the code that could be changed
			_, field := o.ask("?test=perhaps", "", "", `{"warehouse":"snowflake","name":"main"}`)
			agree(o.has("query", "test"), field == "test", "test")
		}
		long, _ := o.ask("", "application/x-www-form-urlencoded", "", tooLong)
		agree(o.answers(413), long == 413, "413")

		for kind, line := range inLines {
			schema := c.in(o.is, "requestBody", "content", kind, "schema")
			status, field := o.ask("", kind, "", `{"`+unknown+`":0}`)
			agree(schema["additionalProperties"] == false && o.answers(400), status == 400 && field == line+unknown, "refuses unknown fields")
			if schema["additionalProperties"] != false {
				continue
			}
			for name := range c.in(schema, "properties") {
				_, field := o.ask("", kind, "", fmt.Sprintf(`{%q:null,%q:0}`, name, unknown))
				agree(true, field == line+unknown, "field "+name)
			}
		}
	}
	return complaints
}

// shapes says which struct of the code each schema describes: a type by its
// name, a variable by its function and its own, and one that is written out where
// it is handed on by its function and "answer".
var shapes = map[string]string{
	"ActiveToken":         "shared/token.activeAnswer",
	"AppEnrolment":        "shared/mfa.enrolTOTP.answer",
	"AppRequest":          "shared/mfa.enrolTOTPRequest",
	"CheckedCredential":   "shared/credential.storeRequest",
	"CodeAnswer":          "shared/mfa.codeRequest",
	"CodeSent":            "shared/mfa.sendSMS.answer",
	"Connection":          "shared/credential.connectionView",
	"ConnectionTest":      "shared/credential.tested",
	"Credential":          "shared/credential.credentialView",
	"CredentialPage":      "shared/credential.list.page",
	"CredentialVersion":   "shared/credential.replaceRequest",
	"Enrolled":            "shared/mfa.confirmed",
	"Exposure":            "shared/token.exposedView",
	"Finding":             "shared/alert.parseReport.members",
	"Funnel":              "shared/hygiene.outcomeView",
	"Grant":               "shared/credential.grantView",
	"GrantRequest":        "shared/credential.grantRequest",
	"Hygiene":             "shared/token.hygieneView",
	"HygieneMark":         "shared/token.markView",
	"InactiveToken":       "shared/token.inactiveAnswer",
	"ImportLine":          "shared/token.importLine",
	"ImportResult":        "shared/token.importResult",
	"Inventory":           "shared/hygiene.inventory",
	"IssuedToken":         "shared/token.issued",
	"Keeping":             "shared/token.keepRequest",
	"KeyPair":             "shared/credential.keyPair",
	"KeyPairRequest":      "shared/credential.keyPairRequest",
	"KeyRotation":         "shared/credential.rotationView",
	"KeyRotationRequest":  "shared/credential.RotationRequest",
	"KeyRotationSettings": "shared/credential.Policy",
	"Kept":                "shared/token.keptView",
	"LedgerEntry":         "shared/ledger.entryView",
	"LedgerPage":          "shared/ledger.Page",
	"Member":              "shared/workspace.memberView",
	"MemberChanges":       "shared/workspace.Synced",
	"MemberList":          "shared/workspace.syncRequest",
	"MemberPage":          "shared/workspace.members.page",
	"MemberSettings":      "shared/workspace.putMember.q",
	"NewCredential":       "shared/credential.storeRequest",
	"NewToken":            "shared/token.issueRequest",
	"OpenedCredential":    "shared/credential.opened",
	"OpenedSession":       "shared/credential.sessionView",
	"OpenRequest":         "shared/credential.openRequest",
	"PasskeyAnswer":       "shared/mfa.confirmPasskey.q",
	"PasskeyOptions":      "shared/mfa.optionsView",
	"PasskeyRequest":      "shared/mfa.enrolPasskeyRequest",
	"PasswordAssessment":  "shared/password.Assessment",
	"PasswordPolicy":      "shared/workspace.passwordPolicy",
	"PasswordQuestion":    "shared/password.request",
	"PasswordReason":      "shared/password.Reason", // words alone
	"PendingKey":          "shared/credential.pendingView",
	"PhoneEnrolment":      "shared/mfa.enrolSMS.answer",
	"PhoneRequest":        "shared/mfa.enrolSMSRequest",
	"Problem":             "shared/web.problemBody",
	"ProofRequest":        "shared/mfa.proofRequest",
	"RecoveryCodes":       "shared/mfa.renewCodes.answer",
	"RefusalReason":       "shared/snowflake.Reason", // words alone
	"ResetRequest":        "shared/mfa.reset.q",
	"Revocation":          "shared/token.revokedView",
	"Rotated":             "shared/token.rotatedView",
	"Rotation":            "shared/token.rotateRequest",
	"SecondFactor":        "shared/mfa.factorView",
	"SecondFactors":       "shared/mfa.accountView",
	"Adoption":            "shared/mfa.adoption",
	"SecondStep":          "shared/mfa.verifyRequest",
	"SecondStepPassed":    "shared/mfa.verify.answer",
	"SecondStepRefused":   "shared/mfa.refuse.answer",
	"StoredCredential":    "shared/credential.changedView",
	"Token":               "shared/token.tokenView",
	"TokenPage":           "shared/token.list.page",
	"Use":                 "shared/token.useView",
	"Validation":          "shared/credential.validate.answer",
	"Verdict":             "shared/alert.verdict",
	"Workspace":           "shared/workspace.workspaceView",
	"WorkspaceSettings":   "shared/workspace.put.q",
	"IntrospectionForm":   "", // a form: no struct
	"SignInProblem":       "", // a problem with members that a refusal adds
}

// never are words that the code's type has and a member of an answer is never.
var never = map[string][]string{
	"SecondFactor.kind":        {"recovery"}, // a way to verify, and no factor
	"SecondStepRefused.reason": {"ok"},
}

// source is what one folder of the code declares.
type source struct {
	structs map[string]*ast.StructType
	words   map[string][]string // the string constants of a type
	texts   map[string]bool     // the structs that read themselves from text, and so from a JSON string
}

func readSource(files fs.FS, folder string) (source, error) {
	s := source{map[string]*ast.StructType{}, map[string][]string{}, map[string]bool{}}
	names, err := fs.Glob(files, folder+"/*.go")
	if err != nil {
		return s, err
	}
	keep := func(name string, v ast.Expr) {
		if literal, ok := v.(*ast.CompositeLit); ok {
			v = literal.Type
		}
		if shape, ok := v.(*ast.StructType); ok {
			s.structs[name] = shape
		}
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return s, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			return s, err
		}
		within := ""
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				within = n.Name.Name + "."
				if n.Recv != nil && n.Name.Name == "UnmarshalText" {
					if pointer, ok := n.Recv.List[0].Type.(*ast.StarExpr); ok {
						s.texts[fmt.Sprint(pointer.X)] = true
					}
				}
			case *ast.TypeSpec:
				keep(n.Name.Name, n.Type)
			case *ast.AssignStmt:
				if name, ok := n.Lhs[0].(*ast.Ident); ok {
					keep(within+name.Name, n.Rhs[0])
				}
			case *ast.CallExpr:
				for _, argument := range n.Args {
					if literal, ok := argument.(*ast.CompositeLit); ok {
						keep(within+"answer", literal)
					}
				}
			case *ast.ValueSpec:
				keep(within+n.Names[0].Name, n.Type)
				if kind, ok := n.Type.(*ast.Ident); ok && len(n.Values) == 1 {
					if literal, ok := n.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
						word, _ := strconv.Unquote(literal.Value)
						s.words[kind.Name] = append(s.words[kind.Name], word)
					}
				}
			}
			return true
		})
	}
	return s, nil
}

// member is one JSON member of a struct; a member whose Go type says nothing
// about its JSON has no types.
type member struct {
	types    []string // of JSON, sorted
	words    []string // all that it can be, when the code lists them
	optional bool
}

func (s source) members(name string) map[string]member {
	all := map[string]member{}
	shape := s.structs[name]
	if shape == nil {
		return nil
	}
	for _, f := range shape.Fields.List {
		if len(f.Names) == 0 { // embedded
			for name, m := range s.members(f.Type.(*ast.Ident).Name) {
				all[name] = m
			}
			continue
		}
		for _, name := range f.Names {
			m := member{types: s.typesOf(f.Type)}
			slices.Sort(m.types)
			if kind, ok := f.Type.(*ast.Ident); ok {
				m.words = slices.DeleteFunc(slices.Clone(s.words[kind.Name]), func(word string) bool { return word == "" })
			}
			if f.Tag == nil { // read under any spelling, and taken leniently
				m.optional = true
				all[strings.ToLower(name.Name)] = m
				continue
			}
			text, _ := strconv.Unquote(f.Tag.Value)
			key, options, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
			if key == "-" {
				continue
			}
			m.optional = options == "omitempty"
			all[key] = m
		}
	}
	return all
}

func (s source) typesOf(v ast.Expr) []string {
	switch v := v.(type) {
	case *ast.StarExpr:
		return append([]string{"null"}, s.typesOf(v.X)...)
	case *ast.ArrayType:
		return []string{"array"}
	case *ast.StructType:
		return []string{"object"}
	case *ast.Ident:
		if s.structs[v.Name] != nil && !s.texts[v.Name] {
			return []string{"object"}
		}
		if v.Name == "any" {
			return nil
		}
		if v.Name == "bool" {
			return []string{"boolean"}
		}
		if strings.HasPrefix(v.Name, "int") {
			return []string{"integer"}
		}
		return []string{"string"} // or a type made of it
	case *ast.SelectorExpr:
		if v.Sel.Name == "Time" {
			return []string{"string"}
		}
	}
	return nil
}

// wordsOf returns the words that a schema lists, sorted.
func wordsOf(schema map[string]any) []string {
	words, _ := schema["enum"].([]any)
	listed := make([]string, len(words))
	for i, word := range words {
		listed[i] = fmt.Sprint(word)
	}
	slices.Sort(listed)
	return listed
}

// checkShapes holds the schemas against the structs that are encoded and
// decoded: names, types, null, words, and what is always there.
func checkShapes(p project, c contract) (complaints []string) {
	for name, schema := range c.in(c.top, "components", "schemas") {
		say := func(bad bool, format string, values ...any) {
			if bad {
				complaints = append(complaints, name+": "+fmt.Sprintf(format, values...))
			}
		}
		properties, required := c.described(schema)
		at, known := shapes[name]
		if len(properties) == 0 && at == "" || known && at == "" {
			continue
		}
		folder, of, _ := strings.Cut(at, ".")
		code, err := readSource(p.files, folder)
		if words, listed := code.words[of], wordsOf(c.object(schema)); len(properties) == 0 {
			slices.Sort(words)
			say(err != nil || !slices.Equal(words, listed), "knows other words than the code: %v, %v", words, err)
			continue
		}
		members := code.members(of)
		say(err != nil || members == nil, "there is no such struct in the code: %q, %v", at, err)
		request := c.object(schema)["additionalProperties"] == false
		for key, m := range members {
			say(properties[key] == nil, "has no %s, which the code shows or takes", key)
			if types := c.typesOf(properties[key]); properties[key] != nil && m.types != nil {
				say(!slices.Equal(types, m.types), "%s is %s and should be %s", key, strings.Join(types, " "), strings.Join(m.types, " "))
			}
			// What a request must hold is decided by code that runs.
			say(!request && slices.Contains(required, any(key)) == m.optional, "%s should be required: %v", key, !m.optional)
			listed := wordsOf(c.in(properties[key]))
			m.words = slices.DeleteFunc(m.words, func(word string) bool { return slices.Contains(never[name+"."+key], word) })
			slices.Sort(m.words)
			say(len(m.words) > 0 && !slices.Equal(listed, m.words), "%s knows other words than the code: %v", key, m.words)
		}
		for key := range properties {
			_, there := members[key]
			say(!there, "has a %s that is not in the code", key)
		}
	}
	return complaints
}
