// Package infra reads the SAM template and its nested stacks and says what
// they make, so that the local stack and the tests build exactly what is
// deployed: the functions with their settings, the tables, and the keys.
//
// It evaluates intrinsic functions and knows no more of CloudFormation than
// these templates use. What it does not know is an error that names the place,
// never a guess. No Lambda imports it.
package infra

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Stack is what a deployment with certain parameters makes.
type Stack struct {
	Functions []Function // by name
	Tables    []Table    // by name
	Keys      []Key      // by name
}

// Key is one key of KMS. What its policy allows exists on AWS only.
type Key struct {
	Name string // locally the logical id
	ARN  string // as the functions see it in their settings
	// Spec and Usage are as KMS names them: "SYMMETRIC_DEFAULT" and
	// "ENCRYPT_DECRYPT" unless the template says otherwise.
	Spec, Usage string
}

// Function is one Lambda.
type Function struct {
	// Name is its folder under functions/, "alerts".
	Name string
	// LogicalID is its name in template.yaml.
	LogicalID string
	// Timeout is when Lambda kills an invocation.
	Timeout  time.Duration
	MemoryMB int
	// Environment holds all its variables, those of Globals too. The names
	// that AWS sets by itself are not among them.
	Environment map[string]string
	// URLAuth is "NONE" for a public Function URL, "AWS_IAM" for a private
	// one, and empty when it has none.
	URLAuth   string
	Streams   []Stream   // by the names of the events
	Schedules []Schedule // by name; those that are switched off are left out
}

// Stream is a table's stream that a function works off.
type Stream struct {
	Table            string // its name
	BatchSize        int
	BatchingWindow   time.Duration // how long to wait for a batch to fill
	MaxAttempts      int           // the first one and the retries; 0: without end
	StartingPosition string        // "TRIM_HORIZON" or "LATEST"
	// Filters are JSON event patterns; a record that fits any of them is
	// handed over. None at all lets everything pass.
	Filters []string
}

// Schedule invokes a function at certain times.
type Schedule struct {
	Name       string // of the event in the template
	Expression string // "rate(1 minute)" or "cron(…)"
	// TimeZone is where the hours of a cron expression are counted, by its
	// IANA name; empty means UTC.
	TimeZone string
	// Input is the payload as written, with placeholders of EventBridge
	// Scheduler such as <aws.scheduler.scheduled-time> still in it.
	Input string
}

// Load reads template.yaml and its nested stacks under root (the repo's top
// folder), evaluated with parameters laid over the defaults. Every parameter
// without a default needs a value. The patterns that parameters must match
// when deployed are not applied, so a local address may stand for a public one.
func Load(root string, parameters map[string]string) (*Stack, error) {
	return load(os.DirFS(root), parameters)
}

// load is Load on any file system; the tests change a file on the way.
func load(files fs.FS, parameters map[string]string) (*Stack, error) {
	e, err := newEvaluator(files, "template.yaml", "safekeep", parameters)
	if err != nil {
		return nil, err
	}
	s := &Stack{}
	if err := s.collect(e); err != nil {
		return nil, err
	}
	slices.SortFunc(s.Functions, func(a, b Function) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Tables, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Keys, func(a, b Key) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

// Function returns the function of a folder under functions/, and whether there
// is one.
func (s *Stack) Function(name string) (Function, bool) {
	i := slices.IndexFunc(s.Functions, func(f Function) bool { return f.Name == name })
	if i < 0 {
		return Function{}, false
	}
	return s.Functions[i], true
}

// Table returns the table of a name, as Function does.
func (s *Stack) Table(name string) (Table, bool) {
	i := slices.IndexFunc(s.Tables, func(t Table) bool { return t.Name == name })
	if i < 0 {
		return Table{}, false
	}
	return s.Tables[i], true
}

// collect adds what a template makes, and what its nested stacks make. What is
// made only under a condition that does not hold is left out, as on AWS.
func (s *Stack) collect(e *evaluator) error {
	for _, id := range slices.Sorted(maps.Keys(e.Resources)) {
		r, _ := e.resource(id)
		if made, err := e.exists(r.All, "Resources."+id); err != nil || !made {
			if err != nil {
				return err
			}
			continue
		}
		switch r.Type {
		case functionType:
			f, err := e.function(r)
			if err != nil {
				return err
			}
			s.Functions = append(s.Functions, f)
		case tableType:
			t, err := e.table(r)
			if err != nil {
				return err
			}
			s.Tables = append(s.Tables, t)
		case keyType:
			k, err := e.key(r)
			if err != nil {
				return err
			}
			s.Keys = append(s.Keys, k)
		case nestedType:
			inner, err := e.nest(r)
			if err != nil {
				return err
			}
			if err := s.collect(inner); err != nil {
				return err
			}
		}
	}
	return nil
}

// key reads a key, with the defaults of CloudFormation.
func (e *evaluator) key(r resource) (Key, error) {
	p := struct{ KeySpec, KeyUsage string }{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"}
	if err := e.properties(r, &p); err != nil {
		return Key{}, err
	}
	arn, err := e.attribute(r.ID, "Arn")
	return Key{Name: r.ID, ARN: fmt.Sprint(arn), Spec: p.KeySpec, Usage: p.KeyUsage}, err
}

// properties evaluates a resource's properties into a struct whose fields are
// named as the template names them, upper and lower case aside.
func (e *evaluator) properties(r resource, into any) error {
	at := "Resources." + r.ID + ".Properties"
	value, err := e.value(r.Properties, at)
	if err != nil {
		return err
	}
	// By way of JSON, which has just the kinds of values that a template has.
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", e.file, at, err)
	}
	return nil
}

// event is what invokes a function. The properties of all types stand side by
// side: no two types use one name for different things.
type event struct {
	Type       string
	Properties struct {
		Stream, StartingPosition       string
		BatchSize                      int
		MaximumBatchingWindowInSeconds int
		MaximumRetryAttempts           *int // nil: until the record is too old
		FilterCriteria                 struct{ Filters []struct{ Pattern string } }
		ScheduleExpression, Input      string
		ScheduleExpressionTimezone     string
		State                          string
	}
}

// function reads one function with what Globals adds to it.
func (e *evaluator) function(r resource) (Function, error) {
	if globals, ok := e.Globals["Function"].(map[string]any); ok {
		r.Properties = laidOver(globals, r.Properties)
	}
	var p struct {
		CodeURI             string
		Timeout, MemorySize int
		Environment         struct{ Variables map[string]any }
		FunctionURLConfig   struct{ AuthType string }
		Events              map[string]event
	}
	if err := e.properties(r, &p); err != nil {
		return Function{}, err
	}
	f := Function{
		Name: path.Base(p.CodeURI), LogicalID: r.ID, MemoryMB: p.MemorySize, URLAuth: p.FunctionURLConfig.AuthType,
		Timeout: time.Duration(p.Timeout) * time.Second, Environment: map[string]string{},
	}
	for name, value := range p.Environment.Variables {
		f.Environment[name] = fmt.Sprint(value)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Events)) {
		switch event := p.Events[name].Properties; p.Events[name].Type {
		case "DynamoDB":
			// The stream is known by its ARN, "…:table/Ledger/stream/…".
			_, table, _ := strings.Cut(event.Stream, ":table/")
			table, _, _ = strings.Cut(table, "/")
			stream := Stream{
				Table: table, BatchSize: event.BatchSize, StartingPosition: event.StartingPosition,
				BatchingWindow: time.Duration(event.MaximumBatchingWindowInSeconds) * time.Second,
			}
			if retries := event.MaximumRetryAttempts; retries != nil {
				stream.MaxAttempts = 1 + *retries
			}
			for _, filter := range event.FilterCriteria.Filters {
				stream.Filters = append(stream.Filters, filter.Pattern)
			}
			f.Streams = append(f.Streams, stream)
		case "ScheduleV2":
			s := Schedule{Name: name, Expression: event.ScheduleExpression, TimeZone: event.ScheduleExpressionTimezone, Input: event.Input}
			switch event.State {
			case "", "ENABLED":
				f.Schedules = append(f.Schedules, s)
			case "DISABLED": // it is made, and never fires
			default:
				return Function{}, fmt.Errorf("%s: Resources.%s: %s: the state %q is not known here", e.file, r.ID, name, event.State)
			}
		default:
			// Somebody must decide how the local stack is to raise it.
			return Function{}, fmt.Errorf("%s: Resources.%s: events of type %q are not known here", e.file, r.ID, p.Events[name].Type)
		}
	}
	return f, nil
}

// laidOver merges as SAM merges Globals: a function's own value wins, and maps
// are merged key by key. Lists would be joined; none stand in both places.
// Source: "Globals section of the AWS SAM template" in the SAM guide.
func laidOver(below, above map[string]any) map[string]any {
	merged := maps.Clone(below)
	for key, value := range above {
		lower, ok := merged[key].(map[string]any)
		upper, both := value.(map[string]any)
		if ok && both {
			value = laidOver(lower, upper)
		}
		merged[key] = value
	}
	return merged
}
