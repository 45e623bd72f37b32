// Command with runs another command beside one DynamoDB Local:
//
//	go run ./infra/dynamodblocal/with -- go test ./...
//
// The command finds the engine's address in DYNAMODB_ENDPOINT, so a whole test
// run shares one. Signals are passed on to it and its exit code is passed back
// (`go run` itself turns every failure into 1; a built `with` does not). When
// DYNAMODB_ENDPOINT is set already, nothing is started.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"safekeep/infra/dynamodblocal"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return 2, errors.New("say what to run: with -- COMMAND ARGUMENTS…")
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

	db, err := dynamodblocal.Open(context.Background(), dynamodblocal.Options{Log: os.Stderr})
	if err != nil {
		return 1, err
	}
	defer db.Close()
	select {
	case s := <-signals: // while the engine started: the command need not
		return 128 + int(s.(syscall.Signal)), nil
	default:
	}

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "DYNAMODB_ENDPOINT="+db.Endpoint)
	if err := cmd.Start(); err != nil {
		return 127, fmt.Errorf("starting %s: %w", args[0], err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()

	orphaned := abandonment()
	for {
		select {
		case err := <-done:
			return exitCode(err)
		case s := <-signals:
			_ = cmd.Process.Signal(s)
		case <-orphaned:
			_ = cmd.Process.Signal(syscall.SIGTERM)
			orphaned = nil
		}
	}
}

// abandonment is closed when the parent process has gone. `go run` does not
// pass SIGTERM on: it dies of it and leaves its child behind, which would keep
// the engine alive for ever.
func abandonment() <-chan struct{} {
	gone := make(chan struct{})
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(300 * time.Millisecond)
		}
		close(gone)
	}()
	return gone
}

// exitCode is that of the command, or 128 and the signal's number as shells
// have it.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return exit.ExitCode(), nil
	default:
		return 1, fmt.Errorf("running the command: %w", err)
	}
}
