package tokenservice

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"safekeep/shared/identity"
	"safekeep/shared/token"
)

// MaxHint is the longest hint in characters: what may be shown of a token.
const MaxHint = 32

// answered is a token as the service shows it. What Safekeep does not know is
// ignored, so that a service may show more. Each field but the first is read on
// its own, so that an odd one costs no more than it has to.
type answered struct {
	SHA256     token.Hash      `json:"sha256"`
	ID         json.RawMessage `json:"id"`
	Workspace  json.RawMessage `json:"workspace"`
	Name       json.RawMessage `json:"name"`
	Hint       json.RawMessage `json:"hint"`
	CreatedBy  json.RawMessage `json:"created_by"`
	CreatedAt  json.RawMessage `json:"created_at"`
	LastUsedOn json.RawMessage `json:"last_used_on"`
	Status     json.RawMessage `json:"status"`
	EndedAt    json.RawMessage `json:"ended_at"`
}

// What stands where a name cannot be shown, and where a name or hint must not be.
const (
	noName    = "(no name)"
	heldToken = "(held the token)"
)

// What is wrong with an answer that the service did sign. Which token it is
// about is told by its place in the answer and by the hash that we asked for,
// not by anything else in it.
var (
	errNotJSON  = errors.New("the answer is not the JSON object that the protocol has")
	errNoTokens = errors.New(`the answer has no list "tokens"; none known is an empty one`)
	errUnknown  = errors.New("the service does not know a token that it has just shown")
	errResult   = errors.New(`"result" is not revoked, already_revoked or unknown`)
)

// readLookup reads the answer about the hashes that were asked for. An error
// beside tokens, even none, is about those that are missing among them; tokens
// are nil when nothing in the answer can be relied on.
func readLookup(body []byte, asked []token.Hash) ([]token.Token, error) {
	var answer struct {
		Tokens []answered `json:"tokens"`
	}
	if json.Unmarshal(body, &answer) != nil { // its error may quote the answer
		return nil, errNotJSON
	}
	// A missing list must not pass for an empty one: every token in the report
	// would be called a false positive.
	if answer.Tokens == nil {
		return nil, errNoTokens
	}
	// Anything beside what was asked for would let a mistake at the service end
	// tokens that nobody has reported.
	open := make(map[token.Hash]bool, len(asked))
	for _, hash := range asked {
		open[hash] = true
	}
	tokens := make([]token.Token, 0, len(answer.Tokens))
	var odd []error
	for i, a := range answer.Tokens {
		if !open[a.SHA256] {
			return nil, fmt.Errorf("tokens[%d] is not one that was asked for, or stands there twice", i)
		}
		open[a.SHA256] = false
		t, err := a.token()
		if err != nil {
			// The other tokens of the report must not stay alive for this one.
			// Not wrapped: a problem would be answered to the code host, as if
			// it could do anything about it.
			odd = append(odd, fmt.Errorf("tokens[%d], %s: %s", i, short(a.SHA256), err.Error()))
			continue
		}
		tokens = append(tokens, t)
	}
	return tokens, errors.Join(odd...)
}

// token checks what is answered about one token. Without its id, its workspace
// and whether it has ended, nothing can be decided or told, so those are errors,
// which name a field and repeat no value. What is only shown is made fit to be:
// a leaked token must not stay alive because of its name.
func (a *answered) token() (token.Token, error) {
	id, workspace := text(a.ID), text(a.Workspace)
	if err := identity.Check("id", id); err != nil {
		return token.Token{}, err
	}
	if err := identity.Check("workspace", workspace); err != nil {
		return token.Token{}, err
	}
	t := token.Token{
		Hash: a.SHA256, ID: id, Workspace: workspace, Status: token.Active,
		Name: a.clean(a.Name, token.MaxName, noName), Hint: a.clean(a.Hint, MaxHint, short(a.SHA256)),
	}
	// The mail leaves out what is not known of these: who has kept tokens for
	// long may not know it of all.
	if by := text(a.CreatedBy); identity.Check("created_by", by) == nil {
		t.CreatedBy = by
	}
	if at, ok := moment(a.CreatedAt); ok && at != nil {
		t.CreatedAt = at.UTC()
	}
	if day := text(a.LastUsedOn); day != "" {
		if _, err := time.Parse(time.DateOnly, day); err == nil {
			t.LastUsedOn = day
		}
	}
	status := text(a.Status)
	endedAt, ok := moment(a.EndedAt)
	if !ok || (endedAt == nil) != (status == "active") {
		return token.Token{}, errors.New("ended_at: must be a time when the token is revoked or expired, and null when it is active")
	}
	switch status {
	case "active":
	case "revoked":
		// Without a reason: the service does not say it, and whether anybody was
		// told of the leak only the ledger knows.
		t.Status, t.RevokedAt = token.Revoked, endedAt.UTC()
	case "expired":
		t.ExpiresAt = endedAt.UTC()
	default:
		return token.Token{}, errors.New("status: must be active, revoked or expired")
	}
	return t, nil
}

// text returns a field's text, "" when it is missing, null or no text.
func text(field json.RawMessage) string {
	var s string
	if json.Unmarshal(field, &s) != nil {
		return ""
	}
	return s
}

// moment returns a field's time, nil when it is missing or null; ok is false
// when it is anything else.
func moment(field json.RawMessage) (at *time.Time, ok bool) {
	if field == nil {
		return nil, true
	}
	if json.Unmarshal(field, &at) != nil {
		return nil, false
	}
	return at, true
}

// short is what may be shown of a hash, so that the company finds the token.
func short(hash token.Hash) string { return "sha256:" + string(hash[:min(8, len(hash))]) }

// clean makes a name or hint fit for mails and the ledger: visible, one line, at
// most so many characters, and not the token itself.
func (a *answered) clean(field json.RawMessage, most int, missing string) string {
	whole := text(field)
	visible := strings.TrimSpace(strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, whole))
	shown := visible
	if runes := []rune(visible); len(runes) > most {
		shown = strings.TrimSpace(string(runes[:most]))
	}
	switch {
	case visible == "":
		return missing
	// Before and after: dropping what is invisible can put a token together, and
	// cutting can leave most of one.
	case a.word(whole), a.word(visible), a.within(shown):
		return heldToken
	}
	return shown
}

// word says whether a word of a text, or all of it, is the token.
func (a *answered) word(text string) bool {
	return token.HashOf(text) == a.SHA256 ||
		slices.ContainsFunc(strings.Fields(text), func(word string) bool { return token.HashOf(word) == a.SHA256 })
}

// within says whether the token stands anywhere in a text, such as after "key=".
// Only its hash is known, so every part is tried: some 5,000 at most, a
// millisecond.
func (a *answered) within(shown string) bool {
	runes := []rune(shown)
	for from := range runes {
		for to := from + 1; to <= len(runes); to++ {
			if token.HashOf(string(runes[from:to])) == a.SHA256 {
				return true
			}
		}
	}
	return false
}

// readRevoke returns nil when the token has ended, whoever ended it.
func readRevoke(body []byte) error {
	var answer struct {
		Result string `json:"result"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return errNotJSON
	}
	switch answer.Result {
	case "revoked", "already_revoked":
		return nil
	case "unknown":
		return errUnknown
	default:
		return errResult
	}
}
