package infra

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"safekeep/shared/mfa"
	"safekeep/shared/password"
	"safekeep/shared/sms"
)

// alarm is one of observability.yaml, evaluated.
type alarm struct {
	ID                          string `json:"-"`
	AlarmName, AlarmDescription string
	metric
	Metrics []struct {
		ID, Expression string
		MetricStat     struct{ Metric metric }
	}
	Period, EvaluationPeriods int // in seconds; how many are looked at
	TreatMissingData          string
	AlarmActions, OKActions   []string
}

type metric struct {
	Namespace, MetricName string
	Dimensions            []dimension
}

type dimension struct{ Name, Value string }

// watched returns every metric that an alarm looks at.
func (a alarm) watched() []metric {
	all := []metric{a.metric}
	for _, m := range a.Metrics {
		all = append(all, m.MetricStat.Metric)
	}
	// An alarm has one metric or several, and an expression has none.
	return slices.DeleteFunc(all, func(m metric) bool { return m.MetricName == "" })
}

func (p project) alarms() ([]alarm, error) {
	e, err := p.inner("Observability")
	if err != nil {
		return nil, err
	}
	var all []alarm
	for id := range e.Resources {
		r, _ := e.resource(id)
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		a := alarm{ID: id}
		if err := e.properties(r, &a); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// literals returns all texts that stand in the code, tests left out. They are
// how the test knows that a metric of a name is written by somebody.
func literals(files fs.FS) (map[string]bool, error) {
	found := map[string]bool{}
	for _, top := range []string{"functions", "shared"} {
		err := fs.WalkDir(files, top, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					value, _ := strconv.Unquote(literal.Value)
					found[value] = true
				}
				return true
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func checkAlarms(p project) (complaints []string) {
	all, err := p.alarms()
	if err != nil {
		return []string{err.Error()}
	}
	written, err := literals(p.files)
	if err != nil {
		return []string{err.Error()}
	}
	for _, a := range all {
		say := func(format string, args ...any) {
			complaints = append(complaints, a.ID+": "+fmt.Sprintf(format, args...))
		}
		if a.AlarmName != "safekeep-"+a.ID {
			say("is named %s", a.AlarmName)
		}
		if len(a.AlarmActions) != 1 || len(a.OKActions) != 1 {
			say("tells nobody")
		}
		// Only the figures that a schedule writes, every minute or every day,
		// are never silent for a good reason.
		want := "notBreaching"
		heartbeat := a.MetricName == "SweepHeartbeat" || a.MetricName == "RotateHeartbeat"
		if a.MetricName == "OldestDebtSeconds" || heartbeat {
			want = "breaching"
		}
		if a.TreatMissingData != want {
			say("silence is taken as %q and should be %q", a.TreatMissingData, want)
		}
		// CloudWatch looks back a day at most, and a week by the hour.
		window, most := a.Period*a.EvaluationPeriods, 86400
		if a.Period >= 3600 {
			most = 7 * 86400
		}
		if window > most {
			say("looks back %d s, which CloudWatch refuses", window)
		}
		if heartbeat && (a.Period != 3600 || window < 26*3600 || window > 30*3600) {
			say("looks back %d times %d s, and not 26 hours by the hour", a.EvaluationPeriods, a.Period)
		}
		if a.ID == "RotationsFailing" && (a.Period != 86400 || a.EvaluationPeriods != 2) {
			say("looks back %d times %d s, and not at two days", a.EvaluationPeriods, a.Period)
		}
		named := map[string]bool{}
		for _, m := range a.Metrics {
			named[m.ID] = true
		}
		for _, m := range a.Metrics {
			for _, name := range variable.FindAllString(m.Expression, -1) {
				if !named[name] {
					say("there is no metric %s", name)
				}
			}
		}
		for _, m := range a.watched() {
			if m.Namespace != "Safekeep" {
				continue
			}
			if !written[m.MetricName] {
				say("no code writes %s", m.MetricName)
			}
			var where []string
			for _, d := range m.Dimensions {
				where = append(where, d.Name, d.Value)
			}
			if !isWritten(m.MetricName, where) {
				say("looks at %v, where nothing is written", where)
			}
		}
	}
	return complaints
}

// row is one of a widget's metrics, or an expression over some of them.
type row struct {
	fields  []string // namespace, name, and by turns a dimension and its value
	options struct{ ID, Expression string }
}

// rows reads a widget's metrics as CloudWatch does: "." repeats what stood there
// in the row before, and "..." all of it but what follows.
func rows(metrics [][]any) (all []row, err error) {
	var before []string
	for _, written := range metrics {
		var r row
		var texts []string
		for _, v := range written {
			if text, ok := v.(string); ok {
				texts = append(texts, text)
				continue
			}
			text, err := json.Marshal(v)
			if err == nil {
				err = json.Unmarshal(text, &r.options)
			}
			if err != nil {
				return nil, err
			}
		}
		if len(texts) > 0 && texts[0] == "..." && len(texts) <= len(before) {
			texts = slices.Concat(before[:len(before)-len(texts)+1], texts[1:])
		}
		for i := range texts {
			if texts[i] == "." && i < len(before) {
				texts[i] = before[i]
			}
		}
		if r.fields = texts; r.options.Expression == "" {
			before = texts
		}
		all = append(all, r)
	}
	return all, nil
}

// widget is one of the dashboard's, on a grid that is 24 wide.
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, View          string
		Alarms               []string
		Metrics              [][]any
		SetPeriodToTimeRange bool
	}
}

// breakdowns are what some metrics are written under beside Stack, by how their
// names begin: dimensions in this order, and their values.
var breakdowns = map[string][]struct {
	dimension string
	values    []string
}{
	"Findings":    {{"Reason", []string{"orphaned", "unused"}}},
	"MfaEnrolled": {{"Kind", factors}},
	"MfaRemoved":  {{"Kind", factors}},
	"MfaVerified": {
		{"Method", append([]string{string(mfa.Recovery)}, factors...)},
		{"Result", []string{string(mfa.Right), string(mfa.Wrong), string(mfa.Replayed), string(mfa.Expired), string(mfa.None)}},
	},
	"Password": {
		{"Event", []string{string(password.Signup), string(password.Change), string(password.Reset), string(password.Login)}},
		{"Variant", []string{string(password.Guidance), string(password.Control)}},
	},
	"SmsRefused": {{"Reason", []string{
		sms.OptedOut, sms.Unreachable, sms.NoCountry, sms.Blocked, sms.Busy, sms.Quota, sms.Account, sms.Outage, sms.Sends, sms.Tries,
		sms.UserLimit, sms.NumberLimit, sms.StackLimit, "number", "error",
	}}},
	"SmsSent": {{"Sender", []string{(&sms.Pinpoint{}).Name(), (&sms.Twilio{}).Name()}}},
}

var factors = []string{string(mfa.TOTP), string(mfa.SMS), string(mfa.Passkey)}

// isWritten says whether a metric is written under the dimensions in where, each
// a name and a value.
func isWritten(name string, where []string) bool {
	if len(where) < 2 || where[0] != "Stack" || where[1] != "safekeep" {
		return false
	}
	where = where[2:]
	for prefix, dimensions := range breakdowns {
		if !strings.HasPrefix(name, prefix) || len(where) != 2*len(dimensions) {
			continue
		}
		fits := true
		for i, d := range dimensions {
			fits = fits && where[2*i] == d.dimension && slices.Contains(d.values, where[2*i+1])
		}
		return fits
	}
	return len(where) == 0
}

// variable is the name of a metric in an expression; functions are in capitals.
var variable = regexp.MustCompile(`\b[a-z]\w*`)

func checkDashboard(p project) (complaints []string) {
	written, err := literals(p.files)
	if err != nil {
		return []string{err.Error()}
	}
	for _, segments := range []string{"1", "8"} {
		e, err := p.inner("Observability", "SweepSegments", segments)
		if err != nil {
			return []string{err.Error()}
		}
		r, _ := e.resource("Dashboard")
		body, err := e.text(r.Properties["DashboardBody"], r.ID)
		if err != nil {
			return []string{err.Error()}
		}
		var dashboard struct{ Widgets []widget }
		if err := json.Unmarshal([]byte(body), &dashboard); err != nil {
			return []string{"the dashboard is not JSON: " + err.Error()}
		}
		var shown []string
		for i, w := range dashboard.Widgets {
			shown = append(shown, w.Properties.Alarms...)
			complaints = append(complaints, checkWidget(w, written)...)
			for _, other := range dashboard.Widgets[:i] {
				if w.X < other.X+other.Width && other.X < w.X+w.Width && w.Y < other.Y+other.Height && other.Y < w.Y+w.Height {
					complaints = append(complaints, fmt.Sprintf("the dashboard: %q lies over %q", w.Properties.Title, other.Properties.Title))
				}
			}
		}
		for id := range e.Resources {
			r, _ := e.resource(id)
			made, err := e.exists(r.All, id)
			if err != nil {
				return []string{err.Error()}
			}
			if r.Type == "AWS::CloudWatch::Alarm" && made != slices.Contains(shown, strings.ReplaceAll(attributes[r.Type]["Arn"], "{id}", id)) {
				complaints = append(complaints, fmt.Sprintf("the dashboard: with %s segments %s is made or shown, and not both", segments, id))
			}
		}
	}
	return complaints
}

func checkWidget(w widget, written map[string]bool) (complaints []string) {
	say := func(format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf("the dashboard: %q: ", w.Properties.Title)+fmt.Sprintf(format, args...))
	}
	if w.X+w.Width > 24 {
		say("stands out on the right")
	}
	all, err := rows(w.Properties.Metrics)
	if err != nil {
		say("%v", err)
	}
	named := map[string]bool{}
	for _, r := range all {
		if id := r.options.ID; id != "" && named[id] {
			say("two rows are called %s", id)
		}
		named[r.options.ID] = true
	}
	for _, r := range all {
		if r.options.Expression != "" {
			for _, name := range variable.FindAllString(r.options.Expression, -1) {
				if !named[name] {
					say("there is no row %s", name)
				}
			}
			// A quotient of sums is not the last of many quotients.
			if w.Properties.View == "singleValue" && !w.Properties.SetPeriodToTimeRange {
				say("shows the last period and not the whole range")
			}
			continue
		}
		if len(r.fields) < 2 || len(r.fields)%2 != 0 {
			say("%v is no metric", r.fields)
			continue
		}
		if r.fields[0] != "Safekeep" {
			continue
		}
		if !written[r.fields[1]] {
			say("no code writes %s", r.fields[1])
		}
		if where := r.fields[2:]; !isWritten(r.fields[1], where) {
			say("looks at %v, where nothing is written", where)
		}
	}
	return complaints
}

func checkPlaybooks(p project) (complaints []string) {
	all, err := p.alarms()
	if err != nil {
		return []string{err.Error()}
	}
	pages, err := fs.Glob(p.files, "infra/playbooks/*")
	if err != nil {
		return []string{err.Error()}
	}
	for _, a := range all {
		page := "infra/playbooks/" + a.ID + ".md"
		if !slices.Contains(pages, page) {
			complaints = append(complaints, "there is no page "+page)
		}
		if !strings.HasSuffix(a.AlarmDescription, "See "+page+".") {
			complaints = append(complaints, a.ID+": does not say where its page is")
		}
		pages = slices.DeleteFunc(pages, func(p string) bool { return p == page })
	}
	for _, page := range pages {
		complaints = append(complaints, page+" is for no alarm")
	}
	return complaints
}

func checkDeadLetters(p project) (complaints []string) {
	root, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	all, err := p.alarms()
	if err != nil {
		return []string{err.Error()}
	}
	watched := map[string]bool{}
	for _, a := range all {
		for _, m := range a.watched() {
			if m.Namespace == "AWS/SQS" && m.MetricName == "ApproximateNumberOfMessagesVisible" {
				watched[m.Dimensions[0].Value] = true
			}
		}
	}
	for id := range root.Resources {
		if r, _ := root.resource(id); r.Type == "AWS::SQS::Queue" && !watched[id] {
			complaints = append(complaints, "nobody watches "+id)
		}
	}
	return complaints
}
