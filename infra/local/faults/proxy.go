package faults

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Process is a function's process as the proxy needs to know it.
type Process interface {
	Function() string
	ID() int
	PID() int
	Invocation() string
	Kill()
}

// A Proxy passes calls on to services. Its zero value is not ready; see [New].
type Proxy struct {
	services sync.Map // name to http.Handler
	listener net.Listener
	server   *http.Server
	rule     atomic.Pointer[Rule]
	peers    sync.Map // "function/id" to *peer
	record   record
}

// peer is a process and what it has called.
type peer struct {
	process    Process
	mu         sync.Mutex
	invocation string
	calls      int
}

// New opens a proxy on a free port of 127.0.0.1.
func New() (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the fault proxy: %w", err)
	}
	p := &Proxy{listener: l}
	p.record.totals = make(map[string]int)
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

// Serve puts a service behind the proxy. It sees requests without the part of
// the path that names the process and the service.
func (p *Proxy) Serve(name string, service http.Handler) { p.services.Store(name, service) }

// Attach makes a process known and returns the base URL under which it finds the
// services: base/dynamodb, base/ses and so on.
func (p *Proxy) Attach(process Process) string {
	key := process.Function() + "/" + strconv.Itoa(process.ID())
	p.peers.Store(key, &peer{process: process})
	return "http://" + p.listener.Addr().String() + "/" + key
}

// Detach forgets a process that is gone.
func (p *Proxy) Detach(process Process) {
	p.peers.Delete(process.Function() + "/" + strconv.Itoa(process.ID()))
}

// Anonymous is a base URL that is the same for every process. Addresses that a
// function keeps in a table, as it does those of the code hosts, must not differ
// from one process to the next; who calls is then found out by [Proxy.caller].
func (p *Proxy) Anonymous() string { return "http://" + p.listener.Addr().String() + "/-/-" }

// Set puts a rule in force for all calls from now on. Nil takes it away.
func (p *Proxy) Set(rule Rule) {
	if rule == nil {
		p.rule.Store(nil)
		return
	}
	p.rule.Store(&rule)
}

// Close stops the proxy.
func (p *Proxy) Close() { _ = p.server.Close() }

// ServeHTTP takes a call apart: /function/instance/service/rest.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/", 4)
	if len(parts) < 3 {
		http.NotFound(w, r)
		return
	}
	from := p.caller(parts[0], parts[1], r.RemoteAddr)
	found, ok := p.services.Load(parts[2])
	if from == nil || !ok {
		http.NotFound(w, r)
		return
	}
	service := found.(http.Handler)
	rest := "/"
	if len(parts) == 4 {
		rest += parts[3]
	}
	r.URL.Path, r.URL.RawPath = rest, ""

	// Without a rule this is all: the body is not looked at and streams through.
	c := Call{
		At: time.Now(), Service: parts[2], Operation: operation(r, parts[2], rest),
		Function: from.process.Function(), Instance: from.process.ID(),
	}
	c.Invocation, c.N = from.count()
	c.Total = p.record.add(c)
	rule := p.rule.Load()
	if rule == nil {
		service.ServeHTTP(w, r)
		return
	}
	p.judge(w, r, c, *rule, service, from.process)
}

// count numbers a call within the invocation that it belongs to.
func (f *peer) count() (invocation string, n int) {
	invocation = f.process.Invocation()
	f.mu.Lock()
	defer f.mu.Unlock()
	if invocation != f.invocation {
		f.invocation, f.calls = invocation, 0
	}
	f.calls++
	return invocation, f.calls
}

// operation names what a request asks for. The JSON protocols say it in a
// header, SES and Snowflake in their path.
func operation(r *http.Request, service, path string) string {
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return op
	}
	if service == SES && r.Method == http.MethodPost && path == "/v2/email/outbound-emails" {
		return "SendEmail"
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if service == Snowflake { // the account stands before it
		return rest
	}
	return name
}
