// Package metrics writes CloudWatch metrics as log lines in the embedded
// metric format, so that no call is made and nothing can block.
//
// Source: "Specification: Embedded metric format" in the CloudWatch user
// guide; at most 100 metrics and 1 MB a line.
package metrics

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Namespace is where every metric of this stack stands.
const Namespace = "Safekeep"

// Unit is a CloudWatch unit.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Seconds      Unit = "Seconds"
	Milliseconds Unit = "Milliseconds"
)

// Recorder writes metrics of one stack. The zero value drops them.
type Recorder struct {
	mu    sync.Mutex
	out   io.Writer
	stack string
}

// NewRecorder writes to out (a Lambda's standard output) with the dimension
// Stack = stack.
func NewRecorder(out io.Writer, stack string) *Recorder {
	return &Recorder{out: out, stack: stack}
}

// Value is one measured figure.
type Value struct {
	Name  string
	Unit  Unit
	Value float64
}

// Record writes one line with all the values and the given extra dimensions
// ("Host", "github"), each a name and a value. Dimensions must come from a
// small fixed set: every new combination is billed as a metric of its own.
func (r *Recorder) Record(now time.Time, values []Value, dimensions ...[2]string) {
	// The alarms watch the stack as a whole, so every metric is also put
	// under the Stack dimension alone.
	r.record(now, values, len(dimensions) > 0, dimensions)
}

// RecordApart is Record for figures that are not to be added up over the extra
// dimensions: with any, they do not count for the stack as a whole.
func (r *Recorder) RecordApart(now time.Time, values []Value, dimensions ...[2]string) {
	r.record(now, values, false, dimensions)
}

func (r *Recorder) record(now time.Time, values []Value, whole bool, dimensions [][2]string) {
	if r == nil || r.out == nil || len(values) == 0 {
		return
	}
	names := []string{"Stack"}
	line := map[string]any{"Stack": r.stack}
	for _, d := range dimensions {
		names = append(names, d[0])
		line[d[0]] = d[1]
	}
	type metric struct {
		Name string
		Unit Unit
	}
	var metrics []metric
	for _, v := range values {
		metrics = append(metrics, metric{v.Name, v.Unit})
		line[v.Name] = v.Value
	}
	sets := [][]string{names}
	if whole {
		sets = append(sets, []string{"Stack"})
	}
	line["_aws"] = map[string]any{
		"Timestamp": now.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": Namespace, "Dimensions": sets, "Metrics": metrics,
		}},
	}
	text, err := json.Marshal(line)
	if err != nil { // only a NaN or an infinity can do this
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// A metric that cannot be written must not fail the work it counts.
	_, _ = r.out.Write(append(text, '\n'))
}

// Add records one counted event.
func (r *Recorder) Add(now time.Time, name string, n int, dimensions ...[2]string) {
	r.Record(now, []Value{{name, Count, float64(n)}}, dimensions...)
}
