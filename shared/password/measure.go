package password

import (
	"time"

	"safekeep/shared/metrics"
)

// scores are the metrics that count each score.
var scores = [best + 1]string{"PasswordScore0", "PasswordScore1", "PasswordScore2", "PasswordScore3", "PasswordScore4"}

// measure writes down one assessment by event and variant: what it found, and
// whether the answer blocks. Each figure is 0 or 1, so that its average over a
// time is a share; of PasswordsBreached the share among those where it is known.
// Nothing says whose password it was.
func (a *Assessor) measure(q Question, found Assessment, told Verdict, took time.Duration) {
	now := a.Now()
	if q.Event == Typing {
		a.Metrics.Add(now, "PasswordsTyped", 1)
		return
	}
	values := []metrics.Value{
		{Name: "PasswordsAssessed", Unit: metrics.Count, Value: 1},
		{Name: "PasswordScore", Unit: metrics.Count, Value: float64(found.Score)},
		{Name: scores[found.Score], Unit: metrics.Count, Value: 1},
		{Name: "PasswordsBlocked", Unit: metrics.Count, Value: oneIf(told == Block)},
		{Name: "PasswordsBreachUnknown", Unit: metrics.Count, Value: oneIf(found.Breached == nil)},
		{Name: "HibpMilliseconds", Unit: metrics.Milliseconds, Value: float64(took.Microseconds()) / 1000},
	}
	if found.Breached != nil {
		values = append(values, metrics.Value{Name: "PasswordsBreached", Unit: metrics.Count, Value: oneIf(*found.Breached)})
	}
	// What people end up with: the figure that guidance is to raise.
	if told != Block {
		values = append(values, metrics.Value{Name: "PasswordScoreAccepted", Unit: metrics.Count, Value: float64(found.Score)})
	}
	a.Metrics.Record(now, values, [2]string{"Event", string(q.Event)}, [2]string{"Variant", string(q.Variant)})
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
