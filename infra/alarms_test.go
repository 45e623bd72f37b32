package infra

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// alarm is one of observability.yaml, evaluated.
type alarm struct {
	ID                          string `json:"-"`
	AlarmName, AlarmDescription string
	metric
	Metrics                 []struct{ MetricStat struct{ Metric metric } }
	TreatMissingData        string
	AlarmActions, OKActions []string
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
		// Only the figure that a schedule writes every minute is never silent
		// for a good reason.
		want := "notBreaching"
		if a.MetricName == "OldestDebtSeconds" {
			want = "breaching"
		}
		if a.TreatMissingData != want {
			say("silence is taken as %q and should be %q", a.TreatMissingData, want)
		}
		for _, m := range a.watched() {
			if m.Namespace != "Safekeep" {
				continue
			}
			if !written[m.MetricName] {
				say("no code writes %s", m.MetricName)
			}
			if !slices.Equal(m.Dimensions, []dimension{{"Stack", "safekeep"}}) {
				say("looks at %v, where nothing is written", m.Dimensions)
			}
		}
	}
	return complaints
}

// checkDashboard reads the dashboard as CloudWatch does: "." in a metric's row
// repeats what stood there in the row before.
func checkDashboard(p project) (complaints []string) {
	e, err := p.inner("Observability")
	if err != nil {
		return []string{err.Error()}
	}
	written, err := literals(p.files)
	if err != nil {
		return []string{err.Error()}
	}
	r, _ := e.resource("Dashboard")
	body, err := e.text(r.Properties["DashboardBody"], r.ID)
	if err != nil {
		return []string{err.Error()}
	}
	var dashboard struct {
		Widgets []struct{ Properties struct{ Metrics [][]any } }
	}
	if err := json.Unmarshal([]byte(body), &dashboard); err != nil {
		return []string{"the dashboard is not JSON: " + err.Error()}
	}
	for _, widget := range dashboard.Widgets {
		namespace := ""
		for _, row := range widget.Properties.Metrics {
			if row[0] != "." && row[0] != "..." {
				namespace = fmt.Sprint(row[0])
			}
			// "..." repeats the whole row, so there is no new name in it.
			if name := fmt.Sprint(row[1]); namespace == "Safekeep" && row[0] != "..." && !written[name] {
				complaints = append(complaints, "the dashboard: no code writes "+name)
			}
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
