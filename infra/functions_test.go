package infra

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// urls says how each function is reached over HTTP. A new function must be
// entered here: whether it is public is a decision, not a default.
var urls = map[string]string{
	"alerts":      "NONE",
	"authorizer":  "", // API Gateway invokes it
	"connect":     "AWS_IAM",
	"credentials": "AWS_IAM",
	"introspect":  "AWS_IAM",
	"mfa":         "AWS_IAM",
	"notify":      "",
	"passwords":   "AWS_IAM",
	"rotate":      "",
	"sweep":       "",
	"tokens":      "AWS_IAM",
	"workspaces":  "AWS_IAM",
}

// functions returns the function resources of template.yaml by the names of
// their folders.
func functions(e *evaluator) map[string]resource {
	all := map[string]resource{}
	for id := range e.Resources {
		if r, _ := e.resource(id); r.Type == functionType {
			all[path.Base(fmt.Sprint(r.Properties["CodeUri"]))] = r
		}
	}
	return all
}

func checkFolders(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	entries, err := fs.ReadDir(p.files, "functions")
	if err != nil {
		return []string{err.Error()}
	}
	made := functions(e)
	for _, entry := range entries {
		if _, ok := made[entry.Name()]; !ok {
			complaints = append(complaints, "functions/"+entry.Name()+" is deployed by nothing in template.yaml")
		}
	}
	for name, r := range made {
		if !slices.ContainsFunc(entries, func(d fs.DirEntry) bool { return d.IsDir() && d.Name() == name }) {
			complaints = append(complaints, "there is no folder functions/"+name)
		}
		if want := "functions/" + name + "/"; r.Properties["CodeUri"] != want {
			complaints = append(complaints, r.ID+": its code is not under "+want)
		}
		metadata, _ := r.All["Metadata"].(map[string]any)
		if metadata["BuildMethod"] != "go1.x" {
			complaints = append(complaints, r.ID+": SAM does not know how to build it")
		}
	}
	return complaints
}

// readVariables returns the names in the env tags of a function's own structs.
func readVariables(files fs.FS, folder string) ([]string, error) {
	sources, err := fs.Glob(files, folder+"/*.go")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(files, source)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, text, 0)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok || field.Tag == nil {
				return true
			}
			tag, _ := strconv.Unquote(field.Tag.Value)
			if value, ok := reflect.StructTag(tag).Lookup("env"); ok {
				name, _, _ := strings.Cut(value, ",")
				names = append(names, name)
			}
			return true
		})
	}
	return names, nil
}

func checkEnvironment(p project) (complaints []string) {
	stack, err := load(p.files, chosen)
	if err != nil {
		return []string{err.Error()}
	}
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	// What Globals sets is there for whoever wants it.
	shared := map[string]bool{}
	globals, _ := e.Globals["Function"].(map[string]any)
	environment, _ := globals["Environment"].(map[string]any)
	variables, _ := environment["Variables"].(map[string]any)
	for name := range variables {
		shared[name] = true
	}
	everybody := map[string]bool{}
	for _, f := range stack.Functions {
		read, err := readVariables(p.files, "functions/"+f.Name)
		if err != nil {
			return []string{err.Error()}
		}
		for _, name := range read {
			everybody[name] = true
			if _, ok := f.Environment[name]; !ok {
				complaints = append(complaints, f.Name+": the code reads "+name+", which the template does not set")
			}
		}
		for name := range f.Environment {
			if !shared[name] && !slices.Contains(read, name) {
				complaints = append(complaints, f.Name+": it does not read "+name)
			}
		}
	}
	for name := range shared {
		if !everybody[name] {
			complaints = append(complaints, "Globals: nobody reads "+name)
		}
	}
	return complaints
}

// settings complains where with the given parameters a function's environment is
// not as wanted.
func (p project) settings(id string, parameters []string, want map[string]string) (complaints []string) {
	e, err := p.root(parameters...)
	if err != nil {
		return []string{err.Error()}
	}
	r, _ := e.resource(id)
	var f struct {
		Environment struct{ Variables map[string]any }
	}
	if err := e.properties(r, &f); err != nil {
		return []string{err.Error()}
	}
	for name, value := range want {
		if got := fmt.Sprint(f.Environment.Variables[name]); got != value {
			complaints = append(complaints, fmt.Sprintf("%s: with %v its %s is %s and should be %s", id, parameters, name, got, value))
		}
	}
	return complaints
}

func checkURLs(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	made := functions(e)
	for name, r := range made {
		want, known := urls[name]
		if !known {
			complaints = append(complaints, r.ID+": the test does not know whether it is public")
			continue
		}
		config, has := r.Properties["FunctionUrlConfig"].(map[string]any)
		if has == (want == "") {
			complaints = append(complaints, fmt.Sprintf("%s: has a Function URL: %v", r.ID, has))
		}
		if !has {
			continue
		}
		// SAM adds the permissions of a public URL only where it reads the
		// literal NONE; behind an intrinsic the URL would answer 403.
		if auth, ok := config["AuthType"].(string); !ok {
			complaints = append(complaints, r.ID+": AuthType is not written out")
		} else if auth != want {
			complaints = append(complaints, r.ID+": AuthType is "+auth+" and should be "+want)
		}
		put := slices.ContainsFunc(slices.Collect(maps.Values(e.Outputs)), func(o any) bool {
			value, _ := o.(map[string]any)["Value"].(map[string]any)
			return reflect.DeepEqual(value["Fn::GetAtt"], []any{r.ID + "Url", "FunctionUrl"})
		})
		if !put {
			complaints = append(complaints, r.ID+": no output tells its URL")
		}
	}
	return complaints
}

func checkLogs(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	for name, r := range functions(e) {
		own := strings.TrimSuffix(r.ID, "Function") + "Logs"
		logging, _ := r.Properties["LoggingConfig"].(map[string]any)
		if !reflect.DeepEqual(logging["LogGroup"], map[string]any{"Ref": own}) {
			complaints = append(complaints, r.ID+": it does not log to "+own)
		}
		group, _ := e.resource(own)
		if group.Type != "AWS::Logs::LogGroup" || group.Properties["RetentionInDays"] == nil {
			complaints = append(complaints, own+": its logs are kept for ever")
		}
		if at, err := e.text(group.Properties["LogGroupName"], own); err != nil || at != "/aws/lambda/safekeep-"+name {
			complaints = append(complaints, fmt.Sprintf("%s: stands at %q, where nobody looks (%v)", own, at, err))
		}
	}
	return complaints
}

// checkEvents sees that whatever invokes a function or starts a state machine
// gives up at some time, and says so.
func checkEvents(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	for id := range e.Resources {
		r, _ := e.resource(id)
		if r.Type != functionType && r.Type != machineType {
			continue
		}
		events, _ := r.Properties["Events"].(map[string]any)
		for name, v := range events {
			properties := v.(map[string]any)["Properties"].(map[string]any)
			say := func(bad bool, what string) {
				if bad {
					complaints = append(complaints, r.ID+": "+name+": "+what)
				}
			}
			switch v.(map[string]any)["Type"] {
			case "ScheduleV2":
				say(properties["OmitName"] != true, "without OmitName two stacks of an account collide")
				say(properties["DeadLetterConfig"] == nil, "runs that cannot be handed over are forgotten")
				say(properties["RoleArn"] == nil, "SAM makes a role for it, which nobody looks at")
				config, _ := r.Properties["EventInvokeConfig"].(map[string]any)
				destination, _ := config["DestinationConfig"].(map[string]any)
				say(r.Type == functionType && destination["OnFailure"] == nil, "runs that fail are forgotten")
				say(!strings.Contains(fmt.Sprint(properties["Input"]), "<aws.scheduler.scheduled-time>"), "the run is not told its time")
			case "DynamoDB":
				say(properties["StartingPosition"] != "TRIM_HORIZON", "what is written while it is being made is missed")
				bounded := properties["MaximumRetryAttempts"] != nil && properties["MaximumRecordAgeInSeconds"] != nil && properties["BisectBatchOnFunctionError"] == true
				say(!bounded, "a failing batch holds up its shard")
				say(properties["DestinationConfig"] == nil, "batches that fail are forgotten")
			}
		}
	}
	return complaints
}

// checkSamconfig reads the file line by line: it is small, and there is no
// other reason to read TOML.
func checkSamconfig(p project) (complaints []string) {
	text, err := fs.ReadFile(p.files, "samconfig.toml")
	if err != nil {
		return []string{err.Error()}
	}
	lines, section := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, ".parameters]")
		}
		lines[section] = append(lines[section], line)
	}
	for _, want := range []struct{ section, line, why string }{
		{"default.build", "cached = false", "SAM would ship an old shared/"},
		{"prod.build", "cached = false", "SAM would ship an old shared/"},
		{"default.deploy", `capabilities = "CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND"`, "the deployment is refused"},
		{"prod.deploy", `capabilities = "CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND"`, "the deployment is refused"},
		{"prod.deploy", `parameter_overrides = "Stage=prod"`, "its tables may be deleted"},
	} {
		if !slices.Contains(lines[want.section], want.line) {
			complaints = append(complaints, fmt.Sprintf("samconfig.toml: %s has no %s: %s", want.section, want.line, want.why))
		}
	}
	return complaints
}
