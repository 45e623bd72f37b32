package strength

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"safekeep/shared/password/strength/strengthtest"
)

func BenchmarkHostile(b *testing.B) {
	m := NewMeter()
	var times []time.Duration
	worst := ""
	for b.Loop() {
		for name, h := range strengthtest.Hostile() {
			began := time.Now()
			m.Estimate(h.Password, h.Inputs, 2026)
			took := time.Since(began)
			if len(times) == 0 || took > slices.Max(times) {
				worst = name
			}
			times = append(times, took)
		}
	}
	slices.Sort(times)
	p99 := times[len(times)*99/100]
	b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "max-ms")
	fmt.Printf("%d hostile passwords: p99 %v, longest %v (%s)\n", len(times), p99, times[len(times)-1], worst)
}

// BenchmarkVectors is the mean over the passwords of the reference's vectors.
func BenchmarkVectors(b *testing.B) {
	m := NewMeter()
	all := vectors(b, "testdata/zxcvbn-4.4.2.json")
	for b.Loop() {
		for _, v := range all {
			m.Estimate(v.Password, nil, vectorYear)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all))/1000, "µs/password")
}

// BenchmarkLexicon is what a cold start pays.
func BenchmarkLexicon(b *testing.B) {
	for b.Loop() {
		newLexicon()
	}
}
