package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"safekeep/infra/dynamodblocal"
)

// TestMain lets the test binary be the command.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY_COMMAND") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The command says when it is ready, and SIGTERM ends it and every process that
// it started, the engine too.
func TestRunsUntilTerminated(t *testing.T) {
	if testing.Short() {
		t.Skip("builds every function")
	}
	root, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	probe, err := dynamodblocal.Start(t.Context(), dynamodblocal.Options{Root: root, Heap: "128m"})
	if err != nil { // what is missing says which command mends it
		t.Fatal(err)
	}
	probe.Close()

	cmd := exec.Command(os.Args[0])
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PLAY_COMMAND=1", "PORT=0", "DYNAMODB_ENDPOINT=", "STATE="+t.TempDir())
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	var url string
	lines := bufio.NewScanner(out)
	for url == "" && lines.Scan() {
		url, _ = strings.CutPrefix(lines.Text(), "ready ")
		if !strings.HasPrefix(url, "http://127.0.0.1:") {
			url = ""
		}
	}
	if url == "" {
		t.Fatalf("it never became ready: %v", cmd.Wait())
	}
	go func() {
		for lines.Scan() { // so that it never waits for us to read
		}
	}()
	a, err := http.Get(url + "/workspaces/demo")
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusOK {
		t.Errorf("the demo workspace answers %d", a.StatusCode)
	}

	started := children(cmd.Process.Pid)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	for pid, name := range started {
		if alive(pid) {
			t.Errorf("%s (%s) outlived it", name, pid)
		}
	}
	if _, err := os.Stat("/proc/self"); err == nil && len(started) < 5 {
		t.Errorf("only %v were running", started)
	}
}

// children are the processes that a process has started, where /proc tells.
func children(pid int) map[string]string {
	found := make(map[string]string)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, _ := bytes.Cut(text, []byte(") "))
		if fields := strings.Fields(string(rest)); len(fields) > 1 && fields[1] == fmt.Sprint(pid) {
			name, _, _ := bytes.Cut(text, []byte(") "))
			found[filepath.Base(filepath.Dir(path))] = string(name)
		}
	}
	return found
}

func alive(pid string) bool {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	return err == nil && !bytes.Contains(text, []byte(") Z "))
}
