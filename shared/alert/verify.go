package alert

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"safekeep/shared/problem"
	"safekeep/shared/token"
	"safekeep/shared/web"
)

// Verifier lets secret scanners ask whether a token that they found is live.
// It answers yes or no and nothing else: who holds the secret learns nothing of
// a token's owner, and asking leaves no trace on the token, so that "last used"
// stays what its owner did.
type Verifier struct {
	// Secret returns what a scanner must show, at least minSecret characters.
	Secret func(ctx context.Context) (string, error)
	Budget Budget
}

// Budget is a bucket that all instances share.
type Budget interface {
	// Take takes one unit, or says how long to wait for one. Buckets of another
	// Burst share the same units.
	Take(ctx context.Context, bucket Bucket, now time.Time) (wait time.Duration, err error)
}

// How often the whole stack verifies: a scanner sends a call for each string
// that it found, up to 100 at once. Calls with a wrong secret may fill only a
// half of the bucket. While they keep it there, the other half and all that
// runs out, 10 a second, is left to those who know the secret.
var (
	verifyBucket = Bucket{Burst: 100, Every: 100 * time.Millisecond}
	guessBucket  = Bucket{Burst: 50, Every: 100 * time.Millisecond}
)

const (
	// minSecret keeps a secret out of reach of guessing. The limit above does
	// not: it bounds what guesses cost us, as the answer to a right one differs.
	minSecret = 32 // characters
	// maxVerify is the longest body, in bytes; a scanner's has some hundred.
	maxVerify = 64 << 10
	// maxLeads is how many tokens one call may ask about, for it costs one unit
	// however many there are. A scanner sends its match and its capture group.
	maxLeads = 100
)

// The problems a scanner is told of. Its configuration should take 200 for
// live, 403 for dead, and anything else for no answer.
var (
	errVerifyOff   = problem.New(problem.NotFound, "Verification is switched off; set VerifySecretArn to a secret that scanners show.")
	errWrongSecret = problem.New(problem.Unauthenticated, "Send the stack's verification secret as Authorization: Bearer <secret>.")
	errTooOften    = problem.New(problem.Locked, "Too many calls for the whole stack; wait as long as Retry-After says.")
	errNotJSON     = problem.New(problem.Unreadable, `The body is not JSON; send {"token":"…"}.`)
	errLongVerify  = problem.New(problem.TooLarge, "The body is longer than 64 KB or asks about more than 100 tokens.")
	errNotLive     = problem.New(problem.Forbidden, "There is no live token in it.")
	errNoSecret    = problem.New(problem.Unavailable, "Verification cannot be used now; the log of function alerts says why.")
)

// scanner answers 200 and {} to a body that holds a live token, else 403.
func (s *Service) scanner(w http.ResponseWriter, r *http.Request) error {
	if s.Verifier == nil {
		return errVerifyOff
	}
	// Before the secret is looked at: the whole body is in memory anyway, and
	// refusing a long one costs no unit.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxVerify+1))
	if err != nil {
		return problem.New(problem.Unreadable, "The body could not be read.")
	}
	if len(body) > maxVerify {
		return errLongVerify
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	if wait, err := s.Verifier.admit(ctx, r.Header.Get("Authorization"), s.Now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return errTooOften
	} else if err != nil {
		if errors.Is(err, errWrongSecret) {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		return err
	}
	hashes, err := s.asked(body)
	if err != nil {
		return err
	}
	found, err := s.Receiver.Tokens.Find(ctx, hashes)
	if err != nil {
		slog.ErrorContext(ctx, "scanner not answered", "error", err.Error())
		return errNotNow
	}
	now := s.Now()
	for _, t := range found {
		if t.GoodAt(now) {
			return web.WriteJSON(w, http.StatusOK, struct{}{})
		}
	}
	return errNotLive
}

// admit returns nil to who shows the secret. Every call costs a unit of the
// budget, a wrong one too; wait says how long until there is one.
func (v *Verifier) admit(ctx context.Context, header string, now time.Time) (wait time.Duration, err error) {
	secret, err := v.Secret(ctx)
	if err == nil && len(secret) < minSecret {
		slog.ErrorContext(ctx, "the verification secret has fewer than 32 characters and is not used")
		return 0, errNoSecret
	}
	if err != nil {
		slog.ErrorContext(ctx, "verification secret not read", "error", err.Error())
		return 0, errNoSecret
	}
	scheme, shown, _ := strings.Cut(header, " ")
	// Hashed first, because the comparison takes its time from the lengths.
	want, got := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(strings.TrimSpace(shown)))
	// Whose the call is decides how much of the bucket it may use, so that comes
	// before the limit.
	right := subtle.ConstantTimeCompare(want[:], got[:]) == 1 && strings.EqualFold(scheme, "Bearer")
	bucket := verifyBucket
	if !right {
		bucket = guessBucket
	}
	wait, err = v.Budget.Take(ctx, bucket, now)
	if wait > 0 || err != nil {
		return wait, err
	}
	if !right {
		slog.WarnContext(ctx, "verification with a wrong secret or none")
		return 0, errWrongSecret
	}
	return 0, nil
}

// asked returns what the tokens in a body may be stored under. Scanners wrap
// what they found each in its own way, TruffleHog as
// {"<detector>":{"<regex>":["<match>","<group>"]}}, so every string counts,
// wherever it stands. Names of members are the scanner's own.
func (s *Service) asked(body []byte) ([]token.Hash, error) {
	var document any
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, errNotJSON // without err, which may quote the body
	}
	var hashes []token.Hash
	seen := map[token.Hash]bool{}
	for stack := []any{document}; len(stack) > 0; {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		switch v := top.(type) {
		case []any:
			stack = append(stack, v...)
		case map[string]any:
			for _, member := range v {
				stack = append(stack, member)
			}
		case string:
			// As in a report: a match may be a whole line, and an imported
			// token of any shape.
			for _, hash := range s.Receiver.lead(v) {
				if !seen[hash] {
					seen[hash] = true
					hashes = append(hashes, hash)
				}
			}
		}
		if len(hashes) > maxLeads {
			return nil, errLongVerify
		}
	}
	return hashes, nil
}
