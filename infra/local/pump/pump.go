// Package pump brings a table's stream to a function as Lambda's event source
// mapping does: in order within a shard, filtered, in batches, with retries that
// split a failing batch, giving up on a record in the end.
//
// It differs in being quick. Lambda polls a few times a second and waits out the
// batching window; the pump polls ten times a second and takes a window to be
// over as soon as the stream has been quiet for a moment.
package pump

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"safekeep/infra"
)

// Config says what to pump where.
type Config struct {
	// Endpoint, Region and Credentials reach the engine that has the table.
	Endpoint    string
	Region      string
	Credentials aws.CredentialsProvider
	// Stream is the event source as the template has it, its table's name being
	// the one to read.
	Stream infra.Stream
	// Invoke hands one batch to the function. An error, whatever it is, counts as
	// a failed batch.
	Invoke func(ctx context.Context, event []byte) error
	// Log takes a line for each batch that failed and each record given up.
	Log io.Writer
	// State is a file that keeps how far the stream was read; empty keeps
	// nothing.
	State string
}

const (
	interval = 100 * time.Millisecond // between two looks at the stream
	quiet    = 150 * time.Millisecond // ends a batching window early
	lookout  = 2 * time.Second        // between two looks for new shards
	// patience is what retries of a failing batch wait at most; the first waits a
	// tenth of it. Lambda's are slower.
	patience = 2 * time.Second
)

// A Pump runs until it is closed.
type Pump struct {
	config  Config
	api     *api
	stream  string
	filters []filter
	cancel  context.CancelFunc
	done    chan struct{}

	shards  map[string]*shard
	order   []string // of shards, as they were found
	looked  time.Time
	started bool // the shards that there were at the start are known

	mu     sync.Mutex
	rounds int // full looks at the stream that found it empty, see Drain
	round  chan struct{}
}

// Start opens the stream and pumps in the background.
func Start(ctx context.Context, c Config) (*Pump, error) {
	p := &Pump{
		config: c,
		api:    &api{endpoint: c.Endpoint, region: c.Region, credentials: c.Credentials, signer: v4.NewSigner()},
		done:   make(chan struct{}), round: make(chan struct{}),
		shards: make(map[string]*shard),
	}
	for _, pattern := range c.Stream.Filters {
		f, err := parseFilter(pattern)
		if err != nil {
			return nil, err
		}
		p.filters = append(p.filters, f)
	}
	stream, err := p.api.streamOf(ctx, c.Stream.Table)
	if err != nil {
		return nil, fmt.Errorf("opening the stream of %s: %w", c.Stream.Table, err)
	}
	p.stream = stream
	if err := p.load(); err != nil {
		return nil, err
	}
	// The first look is taken now: with LATEST, what is written after Start has
	// returned is read.
	if err := p.lookout(ctx); err != nil {
		return nil, err
	}
	// The pump outlives the call that started it, and its context.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	go p.run(running)
	return p, nil
}

// Close stops the pump and returns when it has; a batch on its way is not
// waited for.
func (p *Pump) Close() {
	p.cancel()
	<-p.done
}

// Drain returns when everything that was in the stream when it was called has
// been handed over or given up.
func (p *Pump) Drain(ctx context.Context) error {
	p.mu.Lock()
	// The look that is being taken may have begun before the call.
	enough := p.rounds + 2
	p.mu.Unlock()
	for {
		p.mu.Lock()
		rounds, next := p.rounds, p.round
		p.mu.Unlock()
		if rounds >= enough {
			return nil
		}
		select {
		case <-next:
		case <-p.done:
			return errors.New("waiting for the stream to be read: the pump is closed")
		case <-ctx.Done():
			return fmt.Errorf("waiting for the stream to be read: %w", ctx.Err())
		}
	}
}

func (p *Pump) run(ctx context.Context) {
	defer close(p.done)
	for ctx.Err() == nil {
		found, err := p.turn(ctx)
		if err != nil && ctx.Err() == nil {
			// The engine may be busy or on its way out; neither ends the pump.
			p.logf("reading the stream of %s: %v", p.config.Stream.Table, err)
			pause(ctx, time.Second)
		}
		if err == nil && !found {
			p.mu.Lock()
			p.rounds++
			close(p.round)
			p.round = make(chan struct{})
			p.mu.Unlock()
			pause(ctx, interval)
		}
	}
}

// turn looks once at every open shard and hands over what is there. found says
// whether there was anything.
func (p *Pump) turn(ctx context.Context) (found bool, err error) {
	if time.Since(p.looked) > lookout {
		if err := p.lookout(ctx); err != nil {
			return false, err
		}
	}
	for _, id := range p.order {
		s := p.shards[id]
		if !s.open(p.shards) {
			continue
		}
		records, err := p.read(ctx, s)
		if err != nil {
			return found, err
		}
		if len(records) == 0 && !s.Done {
			continue
		}
		found = true
		if s.Done {
			p.looked = time.Time{} // its children, if any, are due
		}
		p.deliver(ctx, p.fitting(records))
		if err := ctx.Err(); err != nil {
			return found, err // what was not delivered is read again
		}
		// Only now: until the function has had its say, or the records were given
		// up, a restart must read them again.
		if len(records) > 0 {
			s.Last = sequence(records[len(records)-1])
		}
		p.save()
	}
	return found, nil
}

// read takes what a shard has. With a batching window it waits for more until
// the batch is full, the window over or the shard quiet.
func (p *Pump) read(ctx context.Context, s *shard) ([]json.RawMessage, error) {
	var all []json.RawMessage
	var first, last time.Time
	for {
		records, err := p.step(ctx, s)
		if err != nil {
			return nil, err
		}
		if len(records) > 0 {
			last = time.Now()
			if first.IsZero() {
				first = last
			}
			all = append(all, records...)
		}
		if len(all) == 0 || s.Done || len(all) >= p.config.Stream.BatchSize ||
			time.Since(first) >= p.config.Stream.BatchingWindow || time.Since(last) >= quiet {
			return all, nil
		}
		pause(ctx, interval/4)
	}
}

func (p *Pump) logf(format string, a ...any) {
	_, _ = fmt.Fprintf(p.config.Log, "[stream] "+format+"\n", a...)
}

// pause sleeps unless ctx ends first.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
