package sms

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The limits of a send, and where they are counted: the number itself nowhere.
func TestWindows(t *testing.T) {
	t.Parallel()
	keys, err := ParseKeys(`{"hmac_current":"` + keyA + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	key := keys.NumberKey(number(t, phone))
	if len(key) != 64 || strings.Trim(key, "0123456789abcdef") != "" || key == keys.NumberKey(number(t, phone2)) {
		t.Fatalf("the key of a number is %q", key)
	}
	var got []string
	for _, w := range DefaultLimits(1000).Enrolment("ann", key) {
		got = append(got, strings.Join([]string{w.Name, w.Partition, w.Length.String(), w.Step.String()}, " "))
		want := map[string]int{"sms-user-hour": 5, "sms-user-day": 10, "sms-number-enrol-hour": 3, "sms-number-enrol-day": 5, "sms-stack-enrol-day": 200, "sms-stack-day": 1000}[w.Name]
		if w.Limit != want || w.Length%w.Step != 0 {
			t.Errorf("%+v", w)
		}
		if strings.Contains(w.Partition, phone[2:]) {
			t.Errorf("%s is counted under its number", w.Name)
		}
	}
	want := []string{
		"sms-user-hour ann 1h0m0s 10m0s", "sms-user-day ann 24h0m0s 2h0m0s",
		"sms-number-enrol-hour sms#" + key + " 1h0m0s 10m0s", "sms-number-enrol-day sms#" + key + " 24h0m0s 2h0m0s",
		"sms-stack-enrol-day sms#stack 24h0m0s 24h0m0s", "sms-stack-day sms#stack 24h0m0s 24h0m0s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	// To sign in counts for nobody but the user, whatever number is theirs.
	got = nil
	for _, w := range DefaultLimits(1000).SignIn("ann") {
		got = append(got, w.Name)
	}
	if !slices.Equal(got, []string{"sms-user-hour", "sms-user-day", "sms-stack-day"}) {
		t.Errorf("to sign in: %v", got)
	}
	for stack, want := range map[int]int{0: 0, 1: 1, 5: 1, 6: 2, 1000: 200} {
		if w := DefaultLimits(stack).Enrolment("ann", key)[4]; w.Limit != want {
			t.Errorf("of %d a day %d are for enrolments", stack, w.Limit)
		}
	}
}

// However sends come, no period of a window's length, wherever it begins, sees
// more than the limit; and when somebody is told to wait, there is room then and
// was none a second before.
func TestWindowHoldsAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		windows := Limits{rapid.IntRange(0, 6).Draw(t, "limit"), 3, 5, 10, 7}.Enrolment("ann", "x")
		w := windows[rapid.IntRange(0, 3).Draw(t, "window")]
		counts := map[int64]int{}
		var sent []time.Time
		now := noon
		for range 60 {
			// Mostly around where counters begin and end, which is where mistakes are.
			pause := rapid.OneOf(
				rapid.SampledFrom([]time.Duration{0, time.Second, w.Step - time.Second, w.Step, w.Length - w.Step, w.Length - time.Second, w.Length}),
				rapid.Map(rapid.Int64Range(0, int64(w.Length/4)), func(d int64) time.Duration { return time.Duration(d) }),
			)
			now = now.Add(pause.Draw(t, "pause"))
			limit, until := w.room(counts, now)
			if until.IsZero() != (counts[w.number(now)] < limit) {
				t.Fatalf("room up to %d, and until %v", limit, until)
			}
			if until.IsZero() {
				counts[w.number(now)]++
				sent = append(sent, now)
				continue
			}
			if _, still := w.room(counts, until.Add(-time.Second)); still.IsZero() {
				t.Fatalf("told to wait until %v, and there was room before", until)
			}
			if _, still := w.room(counts, until); !still.IsZero() && w.Limit > 0 {
				t.Fatalf("told to wait until %v, and there is no room then", until)
			}
			if until.Sub(now) > w.Length+w.Step {
				t.Fatalf("at %v told to wait until %v", now, until)
			}
		}
		for i, first := range sent {
			if n := len(sent) - i; n > w.Limit {
				if beyond := sent[i+w.Limit]; beyond.Sub(first) < w.Length {
					t.Fatalf("%d sends within %v", w.Limit+1, beyond.Sub(first))
				}
			}
		}
	})
}
