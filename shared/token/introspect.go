package token

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// Introspector answers whether a token is good: RFC 7662, and nothing else.
type Introspector struct {
	Store *Store
	Now   func() time.Time
}

// Routes lists what the introspector answers.
func (i *Introspector) Routes() *web.Router {
	r := web.NewRouter()
	r.Handle("POST /tokens/introspect", i.introspect)
	return r
}

// maxForm bounds the form; a token is 40 characters, an imported one may be
// some thousands.
const maxForm = 64 << 10

// maxTouch is how long noting a use may hold an answer up, once a token a day.
const maxTouch = 300 * time.Millisecond

// activeAnswer is RFC 7662 section 2.2 with two members of our own.
type activeAnswer struct {
	Active    bool   `json:"active"`
	Workspace string `json:"workspace"`
	TokenID   string `json:"token_id"`
	Scope     string `json:"scope"`
	Sub       string `json:"sub"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp,omitempty"`
}

type inactiveAnswer struct {
	Active bool `json:"active"` // always false: RFC 7662 says no more than that
}

func (i *Introspector) introspect(w http.ResponseWriter, r *http.Request) error {
	text, use, err := readForm(r)
	if err != nil {
		return err
	}
	now := i.Now()
	t, err := i.Store.Lookup(r.Context(), HashOf(text))
	if errors.Is(err, ErrNotFound) || err == nil && !t.GoodAt(now) {
		return web.WriteJSON(w, http.StatusOK, inactiveAnswer{})
	}
	if err != nil {
		return err
	}
	// The caller waits for an answer about the token, not for our bookkeeping.
	ctx, cancel := context.WithTimeout(r.Context(), maxTouch)
	defer cancel()
	if err := i.Store.Touch(ctx, t, use, now); err != nil {
		slog.WarnContext(r.Context(), "use not noted", "token", t.ID, "error", err.Error())
	}
	answer := activeAnswer{
		Active: true, Workspace: t.Workspace, TokenID: t.ID, Scope: strings.Join(t.Scopes, " "),
		Sub: t.CreatedBy, IssuedAt: t.CreatedAt.Unix(),
	}
	if end, _ := t.GoodUntil(); !end.IsZero() {
		answer.ExpiresAt = end.Unix()
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

// maxAgent is how much of a User-Agent is kept, in bytes.
const maxAgent = 256

// readForm reads the token and, as the company's API may say, who used it.
func readForm(r *http.Request) (text string, use Use, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return "", use, problem.New(problem.Unreadable, "Send the token as a form: Content-Type application/x-www-form-urlencoded, body token=….")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return "", use, problem.New(problem.Unreadable, "The body could not be read.")
	}
	if len(body) > maxForm {
		return "", use, problem.New(problem.TooLarge, "The body is longer than 64 KB.")
	}
	// ParseQuery's error would quote the body, and so the token.
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", use, problem.New(problem.Unreadable, "The body is not a form.")
	}
	if len(form["token"]) != 1 || form["token"][0] == "" {
		return "", use, &problem.Error{Kind: problem.Unreadable, Field: "token", Detail: "must be given once"}
	}
	text = form["token"][0]
	if ip := form.Get("ip"); ip != "" {
		address, err := netip.ParseAddr(ip)
		if err != nil || address.Zone() != "" {
			return "", use, problem.Field("ip", "must be an IPv4 or IPv6 address")
		}
		use.IP = address.Unmap().String()
	}
	use.Agent = cleanAgent(form.Get("user_agent"), text)
	return text, use, nil
}

// cleanAgent makes a User-Agent fit to be shown in a mail. Whoever used the
// token chose it, so the token may even stand in it.
func cleanAgent(agent, text string) string {
	agent = strings.ReplaceAll(agent, text, Hint(text))
	agent = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(agent, ""))
	if len(agent) > maxAgent {
		agent = strings.ToValidUTF8(agent[:maxAgent], "")
	}
	return agent
}
