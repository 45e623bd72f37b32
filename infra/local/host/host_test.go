package host_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"safekeep/infra/local/host"
	"safekeep/infra/local/internal/probe"
)

func TestMain(m *testing.M) {
	probe.Main()
	os.Exit(m.Run())
}

// deploy runs the probe under a host that is closed when the test ends.
func deploy(t testing.TB, c host.Config) *host.Function {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c.Name, c.Bootstrap = "probe", self
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second
	}
	f := host.New(c)
	t.Cleanup(f.Close)
	return f
}

func invoke(t testing.TB, f *host.Function, event string) host.Result {
	t.Helper()
	r, err := f.Invoke(t.Context(), []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// One process serves calls that come one after another; the first is cold.
func TestOneProcessServesASequence(t *testing.T) {
	f := deploy(t, host.Config{})
	for n := range 50 {
		r := invoke(t, f, `{"do":"print"}`)
		if r.Failed || r.Cold != (n == 0) {
			t.Fatalf("invocation %d: %+v", n, r)
		}
	}
	if n := len(f.Instances()); n != 1 {
		t.Errorf("%d processes", n)
	}
}

// Calls that come together get a process each, up to the limit, and those are
// used again.
func TestScalesToTheLimit(t *testing.T) {
	f := deploy(t, host.Config{Instances: 3})
	pids := make(map[float64]int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			var a map[string]any
			if err := json.Unmarshal(invoke(t, f, `{"do":"context","sleep":100}`).Payload, &a); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pids[a["pid"].(float64)]++
		})
	}
	wg.Wait()
	if len(pids) != 3 || len(f.Instances()) != 3 {
		t.Errorf("served by %v; %d alive", pids, len(f.Instances()))
	}
}

// The function sees its deadline and request id.
func TestContext(t *testing.T) {
	f := deploy(t, host.Config{Timeout: 9 * time.Second})
	r := invoke(t, f, `{"do":"context"}`)
	var a struct {
		ID   string
		Left int
	}
	if err := json.Unmarshal(r.Payload, &a); err != nil {
		t.Fatal(err)
	}
	if a.ID != r.RequestID || a.Left < 8000 || a.Left > 9000 {
		t.Errorf("the function saw %+v, invoked as %s", a, r.RequestID)
	}
}

// However an invocation ends badly, it is answered and the next one is served.
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		event, kind, message string
		survives             bool
		timeout              time.Duration
	}{
		{`{"do":"fail"}`, "errorString", "fails as asked", true, 0},
		{`{"do":"panic"}`, "string", "panics as asked", false, 0},
		{`{"do":"exit"}`, "Runtime.ExitError", "exit status 3", false, 0},
		{`{"do":"event","sleep":60000}`, "Sandbox.Timedout", "Task timed out after 1.00 seconds", false, time.Second},
		{`{"do":"big","size":6291457}`, "Function.ResponseSizeTooLarge", "exceeded", true, 0},
	} {
		t.Run(tt.event, func(t *testing.T) {
			f := deploy(t, host.Config{Timeout: tt.timeout})
			if r := invoke(t, f, `{"do":"print"}`); r.Failed {
				t.Fatalf("first: %s", r.Payload)
			}
			r := invoke(t, f, tt.event)
			if !r.Failed || !strings.Contains(string(r.Payload), tt.kind) || !strings.Contains(string(r.Payload), tt.message) {
				t.Errorf("failed=%t: %s", r.Failed, r.Payload)
			}
			again := invoke(t, f, `{"do":"print"}`)
			if again.Failed || again.Cold == tt.survives {
				t.Errorf("next: cold=%t %s", again.Cold, again.Payload)
			}
		})
	}
}

// A process that does not come up fails the invocation that it was started for,
// and Warm says so.
func TestInitFailure(t *testing.T) {
	var log bytes.Buffer
	f := deploy(t, host.Config{Env: map[string]string{"PROBE_INIT": "fail"}, Log: &log})
	if err := f.Warm(t.Context()); err == nil {
		t.Error("Warm reports no error")
	}
	if r := invoke(t, f, `{}`); !r.Failed || !strings.Contains(string(r.Payload), "before it asked for work") {
		t.Errorf("%+v %s", r, r.Payload)
	}
	f.Close()
	if !strings.Contains(log.String(), "[probe] the probe refuses to start\n") {
		t.Errorf("log: %q", log.String())
	}
	missing := host.New(host.Config{Name: "missing", Bootstrap: "/does/not/exist"})
	defer missing.Close()
	if r := invoke(t, missing, `{}`); !r.Failed || !strings.Contains(string(r.Payload), "no such file") {
		t.Errorf("%+v %s", r, r.Payload)
	}
}

// Killing processes under load loses no caller: each gets an answer, and nobody
// waits for a process that is gone.
func TestKillUnderLoad(t *testing.T) {
	f := deploy(t, host.Config{Instances: 4})
	stop := make(chan struct{})
	var killer, callers sync.WaitGroup
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(15 * time.Millisecond):
				f.Kill()
			}
		}
	})
	answered := make(chan bool, 400)
	for range 8 {
		callers.Go(func() {
			for range 50 {
				answered <- invoke(t, f, `{"do":"print","sleep":2}`).Failed
			}
		})
	}
	callers.Wait()
	close(stop)
	killer.Wait()
	if len(answered) != 400 {
		t.Errorf("%d answers", len(answered))
	}
	if r := invoke(t, f, `{"do":"print"}`); r.Failed {
		t.Errorf("afterwards: %s", r.Payload)
	}
}

// The environment is Lambda's and nothing of ours.
func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("AWS_PROFILE", "the-developers-own")
	t.Setenv("HTTPS_PROXY", "http://proxy.example")
	f := deploy(t, host.Config{
		MemoryMB: 256,
		Env:      map[string]string{"URL": host.Backend + "/dynamodb"},
		Backend:  func(i *host.Instance) string { return fmt.Sprintf("http://backend/%s/%d", i.Function(), i.ID()) },
	})
	env := string(invoke(t, f, `{"do":"env"}`).Payload)
	for _, want := range []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "TZ=UTC", "AWS_REGION=us-east-1", "URL=http://backend/probe/1/dynamodb"} {
		if !strings.Contains(env, want) {
			t.Errorf("%s is missing in %s", want, env)
		}
	}
	for _, unwanted := range []string{"AWS_PROFILE", "PROXY", "HOME="} {
		if strings.Contains(env, unwanted) {
			t.Errorf("%s is in %s", unwanted, env)
		}
	}
}

// A closed function refuses; a caller who gives up is told so.
func TestClosedAndImpatient(t *testing.T) {
	f := deploy(t, host.Config{Instances: 1})
	waiting := make(chan host.Result, 1)
	go func() { waiting <- invoke(t, f, `{"do":"print","sleep":10000}`) }()
	for f.Invocations() == 0 {
		time.Sleep(time.Millisecond)
	}
	f.Close()
	if r := <-waiting; !r.Failed {
		t.Errorf("%+v", r)
	}
	if _, err := f.Invoke(t.Context(), nil); !errors.Is(err, host.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func BenchmarkInvoke(b *testing.B) {
	f := deploy(b, host.Config{})
	invoke(b, f, `{"do":"event"}`)
	for b.Loop() {
		invoke(b, f, `{"do":"event"}`)
	}
}
