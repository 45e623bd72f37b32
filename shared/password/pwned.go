package password

import (
	"context"
	"crypto/sha1" //nolint:gosec // the corpus is of SHA-1 hashes; nothing is kept or signed by it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Budget is how long a password is looked for in the corpus, over all tries and
// the shared cache, before its answer is not waited for any longer.
const Budget = 800 * time.Millisecond

// The parts of the budget.
const (
	shelfTime = 150 * time.Millisecond // for one call of the shelf
	tryTime   = 400 * time.Millisecond // for one try, so that another is left
	leastTime = 100 * time.Millisecond // less than that is no try
	maxPause  = 50 * time.Millisecond
	maxTries  = 3
)

// maxRange is the longest answer in bytes. A range has some 2,000 rows of 40.
const maxRange = 512 << 10

// freshFor is how long a range is used again. The corpus grows by a handful of
// breaches a month.
const freshFor = 24 * time.Hour

// Corpus looks passwords up in Have I Been Pwned's "Pwned Passwords", or a
// mirror of it, by its range API: only the first five of the forty characters
// of the password's hash leave the house, and what comes back are the ends of
// all hashes that begin so.
//
// Source: haveibeenpwned.com/API/v3, "Searching by range"; padding:
// "Enhancing Pwned Passwords Privacy with Padding", troyhunt.com, 2020.
type Corpus struct {
	// URL is where the API is, without "/range/": https://api.pwnedpasswords.com.
	URL string
	// Transport is what requests go through, nil for a plain one.
	Transport http.RoundTripper
	// Shelf is what instances share; nil for nothing.
	Shelf Shelf
	Now   func() time.Time

	client *http.Client
	memory *memory
}

// Shelf shares ranges between instances. Its time is short, and its errors are
// only logged: what is not on it is fetched.
type Shelf interface {
	// Load returns the range with a prefix of five characters, or nil.
	Load(ctx context.Context, prefix string) (*Range, error)
	Store(ctx context.Context, prefix string, r *Range) error
}

// NewCorpus completes a corpus.
func NewCorpus(c Corpus) *Corpus {
	c.URL = strings.TrimRight(c.URL, "/")
	c.memory = newMemory()
	c.client = &http.Client{
		Transport: c.Transport,
		// The answer comes from the address that was configured or not at all.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &c
}

// Count implements Breaches, within Budget.
func (c *Corpus) Count(ctx context.Context, s Secret) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, Budget)
	defer cancel()
	prefix, suffix := hashOf(s)
	r, err := c.find(ctx, prefix)
	if err != nil {
		return 0, err
	}
	return r.count(suffix), nil
}

// hashOf returns the SHA-1 of a password as the corpus has it: the five
// characters that are asked for and the other 35.
func hashOf(s Secret) (prefix, suffix string) {
	sum := sha1.Sum([]byte(s.Reveal())) //nolint:gosec // see the import
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	return text[:5], text[5:]
}

// find returns a range from the nearest place that has it.
func (c *Corpus) find(ctx context.Context, prefix string) (*Range, error) {
	if r := c.memory.get(prefix); c.good(r) {
		return r, nil
	}
	if r := c.load(ctx, prefix); c.good(r) {
		c.memory.put(prefix, r)
		return r, nil
	}
	r, err := c.fetch(ctx, prefix)
	if err != nil {
		return nil, err
	}
	c.memory.put(prefix, r)
	c.store(ctx, prefix, r)
	return r, nil
}

// good says whether a range is there, from where we look, and fresh. One from
// the future was put there by a clock that is wrong.
func (c *Corpus) good(r *Range) bool {
	if r == nil || r.Source != c.URL {
		return false
	}
	age := c.Now().Sub(r.FetchedAt)
	return age > -time.Hour && age < freshFor
}

func (c *Corpus) load(ctx context.Context, prefix string) *Range {
	if c.Shelf == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, shelfTime)
	defer cancel()
	r, err := c.Shelf.Load(ctx, prefix)
	if err != nil {
		slog.WarnContext(ctx, "the shared ranges of breached passwords cannot be read", "error", err.Error())
		return nil
	}
	return r
}

func (c *Corpus) store(ctx context.Context, prefix string, r *Range) {
	if c.Shelf == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, shelfTime)
	defer cancel()
	if err := c.Shelf.Store(ctx, prefix, r); err != nil {
		slog.WarnContext(ctx, "a range of breached passwords cannot be shared", "error", err.Error())
	}
}

// errRefused says that the same request will not be answered otherwise.
var errRefused = errors.New("the corpus refused the request")

// fetch asks the API until it answers, the tries or the time are used up.
func (c *Corpus) fetch(ctx context.Context, prefix string) (*Range, error) {
	for try := 1; ; try++ {
		r, err := c.try(ctx, prefix)
		if err == nil {
			return r, nil
		}
		// The address in an HTTP error says which range it was about.
		if hidden := (*url.Error)(nil); errors.As(err, &hidden) {
			err = hidden.Err
		}
		end, _ := ctx.Deadline()
		if try == maxTries || errors.Is(err, errRefused) || errors.Is(err, errNoRows) || time.Until(end) < maxPause+leastTime {
			return nil, fmt.Errorf("asking for a range of breached passwords, try %d: %w", try, err)
		}
		select {
		case <-time.After(maxPause/2 + rand.N(maxPause/2)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *Corpus) try(ctx context.Context, prefix string) (*Range, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/range/"+prefix, nil) //nolint:gosec // the address is configuration
	if err != nil {
		return nil, err
	}
	request.Header.Set("Add-Padding", "true") // so that the length of the answer does not tell the range
	request.Header.Set("User-Agent", "Safekeep/1")
	answer, err := c.client.Do(request) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return nil, fmt.Errorf("HTTP status %d", status)
	default:
		return nil, fmt.Errorf("%w: HTTP status %d", errRefused, status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxRange+1))
	if err == nil {
		err = ctx.Err() // what ends with our time is not a whole range
	}
	if err != nil {
		return nil, err
	}
	if len(body) > maxRange {
		return nil, fmt.Errorf("%w: an answer of more than %d kB", errRefused, maxRange>>10)
	}
	r, err := parseRange(string(body))
	if err != nil {
		return nil, err
	}
	r.Source, r.FetchedAt = c.URL, c.Now()
	return r, nil
}
