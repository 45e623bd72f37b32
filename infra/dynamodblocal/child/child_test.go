package child_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"safekeep/infra/dynamodblocal/child"
)

// TestMain lets the test binary play the parent: it starts a child, prints the
// child's process id and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY_PARENT") == "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("sleep", "600")
	if err := child.Start(cmd); err != nil {
		os.Exit(1)
	}
	println(cmd.Process.Pid)
	_ = cmd.Wait()
}

// A child does not outlive a parent that had no chance to end it.
func TestStartedChildDiesWithItsParent(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("only Linux ends the children of a killed process")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "PLAY_PARENT=1")
	out, err := parent.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pid, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()

	proc := "/proc/" + strings.TrimSpace(pid) + "/stat"
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(proc)
		// A zombie that the machine's init has not collected yet is dead too.
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the child is alive 5 s after its parent was killed")
		}
	}
}
