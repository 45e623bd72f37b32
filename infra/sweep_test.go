package infra

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// started is a schedule that is on, evaluated, with what it starts.
type started struct{ by, expression, zone, input string }

// scheduledTime is what the scheduler puts its time in for.
//
// Source: "Adding context attributes" in the EventBridge Scheduler user guide.
const scheduledTime = "<aws.scheduler.scheduled-time>"

// dates are the times of the sample events.
var dates = regexp.MustCompile(`2026-11-22T\d\d:00:00Z`)

// input reads a sample event of a schedule as the template should write it.
func (p project) input(sample string) (string, error) {
	text, err := fs.ReadFile(p.files, sample)
	return dates.ReplaceAllString(strings.TrimSpace(string(text)), scheduledTime), err
}

// schedules returns the schedules that are on of certain resources, under the
// given parameters.
func (p project) schedules(of func(resource) bool, parameters ...string) ([]started, error) {
	e, err := p.root(parameters...)
	if err != nil {
		return nil, err
	}
	var on []started
	for _, id := range slices.Sorted(maps.Keys(e.Resources)) {
		r, _ := e.resource(id)
		made, err := e.exists(r.All, id)
		if err != nil {
			return nil, err
		}
		if !made || !of(r) {
			continue
		}
		var properties struct{ Events map[string]event }
		if err := e.properties(r, &properties); err != nil {
			return nil, err
		}
		for _, one := range properties.Events {
			if s := one.Properties; s.State != "DISABLED" {
				on = append(on, started{id, s.ScheduleExpression, s.ScheduleExpressionTimezone, s.Input})
			}
		}
	}
	return on, nil
}

// checkSchedules sees that something sweeps every day, and never two things:
// they would do the same work side by side, and get into each other's way.
func checkSchedules(p project) (complaints []string) {
	whole, err := p.input("events/sweep-schedule.json")
	if err != nil {
		return []string{err.Error()}
	}
	daily := started{"SweepFunction", "cron(0 6 * * ? *)", "UTC", whole}
	part := func(segments string) started {
		return started{"SweepMachine", daily.expression, daily.zone, `{"scheduled":"` + scheduledTime + `","segments":` + segments + `}`}
	}
	elsewhere := daily
	elsewhere.expression, elsewhere.zone = "cron(0 23 * * ? *)", "Europe/Berlin"
	for _, c := range []struct {
		parameters []string
		want       started
	}{
		{[]string{"SweepSegments", "1"}, daily},
		{[]string{"SweepSegments", "2"}, part("2")},
		{[]string{"SweepSegments", "8"}, part("8")},
		{[]string{"SweepSegments", "1000"}, part("1000")},
		{[]string{"SweepSegments", "1", "SweepHour", "23", "TimeZone", "Europe/Berlin"}, elsewhere},
	} {
		sweeps := func(r resource) bool { return r.Type == machineType || r.ID == "SweepFunction" }
		got, err := p.schedules(sweeps, c.parameters...)
		if err != nil {
			return []string{err.Error()}
		}
		if !slices.Equal(got, []started{c.want}) {
			complaints = append(complaints, fmt.Sprintf("with %v the sweep is started by %v and should be by %v", c.parameters, got, c.want))
		}
	}
	return complaints
}

// checkTimeTravel sees that no parameter and no slip can let a deployed
// function believe in a time to come.
func checkTimeTravel(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	for name, r := range functions(e) {
		environment, _ := r.Properties["Environment"].(map[string]any)
		variables, _ := environment["Variables"].(map[string]any)
		value, has := variables["TIME_TRAVEL"]
		if has && value != "false" || !has && (name == "sweep" || name == "rotate") {
			complaints = append(complaints, fmt.Sprintf("%s: TIME_TRAVEL is %v and not the word false", r.ID, value))
		}
	}
	return complaints
}

// machine reads the state machine of the sweep, with its substitutions made.
func (p project) machine() (m machine, complaints []string, err error) {
	e, err := p.root("SweepSegments", "8")
	if err != nil {
		return m, nil, err
	}
	r, _ := e.resource("SweepMachine")
	var properties struct {
		DefinitionURI           string
		DefinitionSubstitutions map[string]string
	}
	if err := e.properties(r, &properties); err != nil {
		return m, nil, err
	}
	written, err := fs.ReadFile(p.files, properties.DefinitionURI)
	if err != nil {
		return m, nil, err
	}
	text := string(written)
	for name, value := range properties.DefinitionSubstitutions {
		if !strings.Contains(text, "${"+name+"}") {
			complaints = append(complaints, "the substitution "+name+" is never used")
		}
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	if left := placeholder.FindString(text); left != "" {
		complaints = append(complaints, "the template gives no "+left)
	}
	// A field that is mistyped would be ignored here and refused when deploying.
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, nil, fmt.Errorf("reading %s: %w", properties.DefinitionURI, err)
	}
	return m, complaints, nil
}

// checkMachine runs the state machine as Step Functions would, with a function
// that fails in every way, and holds it against the limits of Step Functions.
func checkMachine(p project) (complaints []string) {
	m, complaints, err := p.machine()
	if err != nil {
		return []string{err.Error()}
	}
	sample, err := fs.ReadFile(p.files, "events/sweep-segment.json")
	if err != nil {
		return []string{err.Error()}
	}
	var want map[string]any // what the function is invoked with for one segment
	if err := json.Unmarshal(sample, &want); err != nil {
		return []string{err.Error()}
	}
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:SweepFunction"
	for _, c := range []struct {
		what     string
		segments int
		fails    string // the error of segment 3
		times    int    // how many times it fails
		ends     string // the error of the execution
	}{
		{"one segment", 1, "", 0, ""},
		{"eight segments", 8, "", 0, ""},
		{"a thousand segments", 1000, "", 0, ""},
		{"a function that failed twice", 8, "wrapError", 2, ""},
		{"a function that timed out twice", 8, "Sandbox.Timedout", 2, ""},
		{"an answer that came too late", 8, "States.Timeout", 1, ""},
		{"a lack of concurrency", 8, "Lambda.TooManyRequestsException", 3, ""},
		{"a fault of Lambda's", 8, "Lambda.ServiceException", 3, ""},
		{"a function that always fails", 8, "wrapError", 100, "SegmentsFailed"},
		{"a function that always times out", 8, "Sandbox.Timedout", 100, "SegmentsFailed"},
		{"answers that never come", 8, "States.Timeout", 100, "SegmentsFailed"},
		{"no concurrency at all", 8, "Lambda.TooManyRequestsException", 100, "SegmentsFailed"},
		{"no permission", 8, "Lambda.AccessDeniedException", 100, "SegmentsFailed"},
	} {
		tried := make([]int, c.segments)
		r := runner{reached: map[string]bool{}, invoke: func(name string, payload any) (string, error) {
			got, _ := payload.(map[string]any)
			segment, ok := got["segment"].(float64)
			if !ok || int(segment) >= c.segments || name != arn {
				return "", fmt.Errorf("%s is invoked with %v", name, payload)
			}
			want["segment"], want["segments"] = segment, float64(c.segments)
			if diff := cmp.Diff(want, got); diff != "" {
				return "", fmt.Errorf("a segment is given (-want +got):\n%s", diff)
			}
			if tried[int(segment)]++; int(segment) == 3 && tried[3] <= c.times {
				return c.fails, nil
			}
			return "", nil
		}}
		_, ended, err := r.run(m, map[string]any{"scheduled": want["scheduled"], "segments": float64(c.segments)}, nil)
		if err != nil {
			complaints = append(complaints, c.what+": "+err.Error())
			continue
		}
		if ended != c.ends {
			complaints = append(complaints, fmt.Sprintf("%s: the execution ends with %q and should with %q", c.what, ended, c.ends))
		}
		for segment, times := range tried {
			if times == 0 {
				complaints = append(complaints, fmt.Sprintf("%s: segment %d is not swept", c.what, segment))
			}
		}
		if c.ends != "" {
			complaints = append(complaints, r.unreached(m)...)
		}
	}
	return append(complaints, checkMachineLimits(p, m)...)
}

// checkMachineLimits reckons with the largest number of segments there may be.
//
// Source: "Quotas" and "Using Map state in Inline mode" in the Step Functions
// developer guide.
func checkMachineLimits(p project, m machine) (complaints []string) {
	say := func(bad bool, format string, args ...any) {
		if bad {
			complaints = append(complaints, fmt.Sprintf(format, args...))
		}
	}
	stack, err := load(p.files, chosen)
	if err != nil {
		return []string{err.Error()}
	}
	template, err := readTemplate(p.files, "template.yaml")
	if err != nil {
		return []string{err.Error()}
	}
	parameter, _ := template.Parameters["SweepSegments"].(map[string]any)
	most, _ := parameter["MaxValue"].(int)
	function, _ := stack.Function("sweep")
	each := m.States["EachSegment"]
	if each.ItemProcessor == nil {
		return []string{"there is no map EachSegment"}
	}
	task := each.ItemProcessor.States[each.ItemProcessor.StartAt]
	tries, slow := 1, 1 // in all, and of those that may take as long as there is
	for _, retry := range task.Retry {
		say(retry.JitterStrategy != "FULL" || retry.BackoffRate <= 1 || retry.IntervalSeconds < 1, "%v: the segments would all try again at once", retry.ErrorEquals)
		tries += retry.MaxAttempts
		if slices.Contains(retry.ErrorEquals, "States.TaskFailed") {
			slow += retry.MaxAttempts
		}
	}
	say(most < 2 || most > 1000, "ArrayRange does not make %d numbers", most)
	say(each.ItemProcessor.ProcessorConfig.Mode != "INLINE" || each.MaxConcurrency < 1 || each.MaxConcurrency > 40, "an inline map does not run %d at once", each.MaxConcurrency)
	// An iteration begins and ends, and so do the task and the mark; each try
	// is scheduled, starts and fails.
	events := 20 + most*(2+2+2+3*tries)
	say(events > 25000, "%d segments that fail leave %d events, and an execution may have 25000", most, events)
	say(float64(task.TimeoutSeconds) <= function.Timeout.Seconds(), "a second try begins while the first may still be running")
	waves := (most + 39) / 40
	longest := waves * slow * int(function.Timeout.Seconds())
	say(m.TimeoutSeconds < longest, "an execution may take %d s and is ended after %d", longest, m.TimeoutSeconds)
	say(m.TimeoutSeconds >= 86400, "an execution may meet the next day's")
	return complaints
}
