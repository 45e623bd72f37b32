package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
)

// MaxAuthorizerAge is the longest that the authorizer may remember an answer:
// a revoked token is dead everywhere after that.
const MaxAuthorizerAge = 5 * time.Second

// CacheAge returns the [Authorizer.MaxAge] for a number of seconds as it is
// configured, 0 to 5. More is refused rather than cut: whoever asks for a
// minute must learn that there is none to be had.
func CacheAge(seconds int) (time.Duration, error) {
	const most = int(MaxAuthorizerAge / time.Second)
	if seconds < 0 || seconds > most {
		return 0, fmt.Errorf("CACHE_SECONDS is %d and must be 0 (no cache) to %d: a revoked token has to be dead everywhere by then", seconds, most)
	}
	return time.Duration(seconds) * time.Second, nil
}

// AuthorizerStore is what the authorizer needs of a [Store].
type AuthorizerStore interface {
	// Lookup returns the token of a hash, consistently, or ErrNotFound.
	Lookup(ctx context.Context, hash Hash) (Token, error)
	// Touch notes a use, at most once a token and day.
	Touch(ctx context.Context, t Token, use Use, now time.Time) error
}

// Authorizer answers an HTTP API of API Gateway whether a request carries a
// good token. It may be used by several goroutines, and must not be copied.
type Authorizer struct {
	Store AuthorizerStore
	Now   func() time.Time
	// MaxAge is how long an answer about a token is remembered, see [CacheAge];
	// zero asks the store every time.
	MaxAge time.Duration

	recent recent
}

// AuthorizerRequest is the part of API Gateway's event (payload format version
// 2.0) that matters here. Source: "Working with AWS Lambda authorizers for HTTP
// APIs" in the API Gateway developer guide.
type AuthorizerRequest struct {
	Version string `json:"version"`
	// IdentitySource holds the values of the authorizer's identity sources, in
	// our case one Authorization header; null when none are configured.
	IdentitySource []string          `json:"identitySource"`
	Headers        map[string]string `json:"headers"`
	RequestContext struct {
		HTTP struct {
			SourceIP  string `json:"sourceIp"`
			UserAgent string `json:"userAgent"`
		} `json:"http"`
	} `json:"requestContext"`
}

// AuthorizerResponse is API Gateway's "simple response". Refused, it says no
// more than that, whatever the reason.
type AuthorizerResponse struct {
	IsAuthorized bool               `json:"isAuthorized"`
	Context      *AuthorizerContext `json:"context,omitempty"`
}

// AuthorizerContext is what the API behind the gateway learns of the token, as
// $context.authorizer.workspace and so on. All are texts.
type AuthorizerContext struct {
	Workspace string `json:"workspace"`
	TokenID   string `json:"token_id"`
	Scope     string `json:"scope"` // joined by spaces, as RFC 7662 has it
	CreatedBy string `json:"created_by"`
}

// answerReserve is the time kept back from what Lambda grants. An error ends an
// invocation; a timeout ends the process, and the next call starts cold.
const answerReserve = 500 * time.Millisecond

// Handle answers one event. Its error makes API Gateway answer 500: what could
// not be found out is neither authorized nor refused.
func (a *Authorizer) Handle(ctx context.Context, event AuthorizerRequest) (AuthorizerResponse, error) {
	if event.Version != "2.0" {
		// Format 1.0 wants an IAM policy for an answer, so ours would be no use.
		return AuthorizerResponse{}, fmt.Errorf("the authorizer's payload format version is %q: set AuthorizerPayloadFormatVersion to 2.0", event.Version)
	}
	text, ok := event.token()
	if !ok {
		return AuthorizerResponse{}, nil
	}
	// The age of an answer counts from before the question: however long the
	// store takes, a token revoked meanwhile is not remembered for longer.
	asked, hash, age := a.Now(), HashOf(text), min(a.MaxAge, MaxAuthorizerAge)
	if f, ok := a.recent.get(hash, asked, age); ok {
		return f.answer(), nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-answerReserve))
		defer cancel()
	}
	t, err := a.Store.Lookup(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		// Not remembered: there is no end of strings that are no tokens, and
		// they would push the answers out that are worth remembering.
		return AuthorizerResponse{}, nil
	}
	if err != nil {
		slog.ErrorContext(ctx, "token not looked up", "error", err.Error())
		return AuthorizerResponse{}, fmt.Errorf("authorizing a request: %w", err)
	}
	f := finding{hash: hash, asked: asked}
	if now := a.Now(); t.GoodAt(now) {
		f.until, _ = t.GoodUntil()
		f.good = &AuthorizerContext{
			Workspace: t.Workspace, TokenID: t.ID, Scope: strings.Join(t.Scopes, " "), CreatedBy: t.CreatedBy,
		}
		a.touch(ctx, t, event.use(text), now)
	}
	if age > 0 {
		a.recent.put(f, age)
	}
	return f.answer(), nil
}

// touch notes the use as introspection does. The caller waits for an answer
// about the token, not for our bookkeeping.
func (a *Authorizer) touch(ctx context.Context, t Token, use Use, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, maxTouch)
	defer cancel()
	if err := a.Store.Touch(ctx, t, use, now); err != nil {
		slog.WarnContext(ctx, "use not noted", "token", t.ID, "error", err.Error())
	}
}

// token returns the one token that the request carries. The identity sources
// come first: they are what the owner of the API says identifies a caller.
// Two different tokens are none, as nobody could say which one counts.
func (r *AuthorizerRequest) token() (string, bool) {
	sources := r.IdentitySource
	if len(sources) == 0 {
		for name, value := range r.Headers {
			if strings.EqualFold(name, "Authorization") {
				sources = append(sources, value)
			}
		}
	}
	found := ""
	for _, source := range sources {
		text, ok := bearer(source)
		if ok && found != "" && text != found {
			return "", false
		}
		if ok {
			found = text
		}
	}
	return found, found != ""
}

// use returns where the token is used from. Behind another proxy of the
// company's that is the proxy's address; what X-Forwarded-For claims instead,
// anybody can write.
func (r *AuthorizerRequest) use(text string) Use {
	use := Use{Agent: cleanAgent(r.RequestContext.HTTP.UserAgent, text)}
	if address, err := netip.ParseAddr(r.RequestContext.HTTP.SourceIP); err == nil {
		use.IP = address.Unmap().WithZone("").String()
	}
	return use
}

// bearer takes the token out of "Bearer <token>": the scheme in any case, one
// space or more (RFC 9110 section 11, RFC 6750 section 2.1). Imported tokens
// have any shape, so all visible ASCII will do. A space within is refused, and
// with it two Authorization headers, which API Gateway joins by a comma.
func bearer(credentials string) (string, bool) {
	scheme, text, _ := strings.Cut(strings.Trim(credentials, " \t"), " ")
	text = strings.TrimLeft(text, " ")
	if text == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return "", false
		}
	}
	return text, true
}
