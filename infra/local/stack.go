// Package local runs all of Safekeep on one machine without an AWS account: the
// functions as they ship, under a Lambda host, over AWS's own DynamoDB engine,
// with stand-ins for SES, Secrets Manager, the code hosts, Snowflake and Have I
// Been Pwned, and a fault proxy in between. `make run` is its command; tests and benchmarks use it as a
// library.
//
//	stack, err := local.Start(ctx, local.Options{})
//	defer stack.Close()
//	http.Get(stack.URL + "/workspaces/demo")
//
// Functions, their settings, streams, schedules and tables are read from
// template.yaml, so nothing is declared twice. Several stacks may run in one
// process and share an engine: each has its own access key, and with it its own
// tables.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/infra"
	"safekeep/infra/dynamodblocal"
	"safekeep/infra/local/codehost"
	"safekeep/infra/local/faults"
	"safekeep/infra/local/host"
	"safekeep/infra/local/outbox"
	"safekeep/infra/local/pump"
	"safekeep/infra/local/secrets"
	"safekeep/shared/password/pwnedtest"
	"safekeep/shared/sms/smstest"
	"safekeep/shared/snowflake/snowflaketest"
)

// A Stack is a running stack. Its methods may be called at the same time.
type Stack struct {
	// URL is the address of everything: http://127.0.0.1 and the port.
	URL string
	// Template is what the stack was made from.
	Template *infra.Stack
	// Faults stands between the functions and what they call.
	Faults *faults.Proxy
	// Outbox holds the mails, Secrets the secrets.
	Outbox  *outbox.Outbox
	Secrets *secrets.Vault
	// GitHub and GitLab report leaked tokens.
	GitHub, GitLab *codehost.Host
	// Snowflake is the customers' data warehouse.
	Snowflake *snowflaketest.Server
	// Pwned knows the passwords that were breached.
	Pwned *pwnedtest.Double
	// Phones are where text messages end up.
	Phones *smstest.Server
	// DynamoDB sees the stack's tables, past the fault proxy.
	DynamoDB *dynamodb.Client
	// Endpoint and Credentials are what DynamoDB was made from.
	Endpoint    string
	Credentials aws.CredentialsProvider

	options Options
	log     io.Writer
	// accessKey is random. The engine keeps the tables of each key apart, and
	// listens on every interface: without the key nobody finds ours.
	accessKey string
	lock      *os.File              // on the state; nil without one
	engine    *dynamodblocal.Server // nil when somebody else runs it
	front     *http.Server
	listener  net.Listener
	functions map[string]*host.Function
	pumps     []*pump.Pump
	ticks     context.CancelFunc
	ticking   sync.WaitGroup
	closing   sync.Once
	closed    error
}

// Start starts a stack and returns when it is up. What is missing on the machine
// is an error that says which command mends it.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	s := &Stack{
		options: o, log: &serial{to: o.Log}, Secrets: &secrets.Vault{}, Pwned: pwnedtest.New(), Phones: smstest.New(), functions: make(map[string]*host.Function),
	}
	defer func() {
		if err != nil {
			_ = s.Close() // the reason for closing is the error to report
		}
	}()
	if s.options.Root == "" {
		if s.options.Root, err = infra.Root(); err != nil {
			return nil, err
		}
	}
	if err := s.openState(); err != nil {
		return nil, err
	}
	s.listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.Port))
	if err != nil {
		return nil, fmt.Errorf("opening the local address (PORT chooses another): %w", err)
	}
	s.URL = "http://" + s.listener.Addr().String()

	// The engine takes seconds to start and the functions to build: both at once.
	var starting sync.WaitGroup
	var engineErr error
	starting.Go(func() { engineErr = s.openEngine(ctx) })
	err = s.prepare(ctx)
	starting.Wait()
	if err = errors.Join(err, engineErr); err != nil {
		return nil, err
	}
	// In this order, because each needs the one before it: the seed is put in
	// through the front, and what it writes goes through the stream.
	for _, step := range []func(context.Context) error{s.createTables, s.startFunctions, s.startFront, s.startPumps, s.startTicks, s.seed} {
		if err = step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// prepare does all that needs no engine: stand-ins, template, programs.
func (s *Stack) prepare(ctx context.Context) error {
	if err := s.openStandIns(); err != nil {
		return err
	}
	if err := s.loadTemplate(); err != nil {
		return err
	}
	return s.build(ctx)
}

// Close ends everything that the stack started and returns when it is gone.
// Tables go too, unless State keeps them.
func (s *Stack) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
}

func (s *Stack) close() error {
	var errs []error
	// From the outside in: first nothing new comes, then what works is ended, then
	// what it works with.
	if s.ticks != nil {
		s.ticks()
	}
	for _, p := range s.pumps {
		p.Close()
	}
	if s.front != nil {
		_ = s.front.Close()
	} else if s.listener != nil {
		_ = s.listener.Close()
	}
	var all sync.WaitGroup
	for _, f := range s.functions {
		all.Go(f.Close)
	}
	all.Wait()
	s.ticking.Wait()
	if s.Faults != nil {
		s.Faults.Close()
	}
	if s.Outbox != nil {
		s.Outbox.Close()
	}
	if s.options.State == "" {
		errs = append(errs, s.dropTables())
	}
	if s.engine != nil {
		s.engine.Close()
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
	return errors.Join(errs...)
}

// Function is the running function of that name, nil when there is none.
func (s *Stack) Function(name string) *host.Function { return s.functions[name] }

// Invoke invokes a function with a payload, as Lambda's Invoke does.
func (s *Stack) Invoke(ctx context.Context, function string, payload []byte) (host.Result, error) {
	f := s.functions[function]
	if f == nil {
		return host.Result{}, fmt.Errorf("invoking %s: there is no such function in the template", function)
	}
	return f.Invoke(ctx, payload)
}

// Kill kills every process of a function with SIGKILL. The next call starts one.
func (s *Stack) Kill(function string) {
	if f := s.functions[function]; f != nil {
		f.Kill()
	}
}

// Drain returns when all that was written to the streams before the call has
// been worked off by the functions behind them, or given up.
func (s *Stack) Drain(ctx context.Context) error {
	for _, p := range s.pumps {
		if err := p.Drain(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) logf(format string, a ...any) {
	_, _ = fmt.Fprintf(s.log, "[local] "+format+"\n", a...)
}

// serial lets many write to one log, a line at a time.
type serial struct {
	to io.Writer
	mu sync.Mutex
}

func (s *serial) Write(p []byte) (int, error) {
	if s.to == nil {
		return len(p), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(p)
}
