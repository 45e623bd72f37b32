package tokenservice

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"safekeep/shared/identity"
	"safekeep/shared/token"
)

// MaxHint is the longest hint in characters: what may be shown of a token.
const MaxHint = 32

// answered is a token as the service shows it. What Safekeep does not know is
// ignored, so that a service may show more.
type answered struct {
	SHA256     token.Hash `json:"sha256"`
	ID         string     `json:"id"`
	Workspace  string     `json:"workspace"`
	Name       string     `json:"name"`
	Hint       string     `json:"hint"`
	CreatedBy  string     `json:"created_by"`
	CreatedAt  *time.Time `json:"created_at"`
	LastUsedOn *string    `json:"last_used_on"`
	Status     string     `json:"status"`
	EndedAt    *time.Time `json:"ended_at"`
}

// What is wrong with an answer that the service did sign. Which token
// it is about is told by its place in the answer and not by anything in it.
var (
	errNotJSON  = errors.New("the answer is not the JSON object that the protocol has")
	errNoTokens = errors.New(`the answer has no list "tokens"; none known is an empty one`)
	errUnknown  = errors.New("the service does not know a token that it has just shown")
	errResult   = errors.New(`"result" is not revoked, already_revoked or unknown`)
)

// readLookup reads the answer about the hashes that were asked for.
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
	for i, a := range answer.Tokens {
		if !open[a.SHA256] {
			return nil, fmt.Errorf("tokens[%d] is not one that was asked for, or stands there twice", i)
		}
		open[a.SHA256] = false
		t, err := a.token()
		if err != nil {
			// Not wrapped: a problem would be answered to the code host, as if
			// it could do anything about it.
			return nil, fmt.Errorf("tokens[%d].%s", i, err.Error())
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// token checks what is answered about one token. The errors name a field and
// repeat no value.
func (a *answered) token() (token.Token, error) {
	for _, id := range [][2]string{{"id", a.ID}, {"workspace", a.Workspace}, {"created_by", a.CreatedBy}} {
		if err := identity.Check(id[0], id[1]); err != nil {
			return token.Token{}, err
		}
	}
	if err := a.checkText("name", a.Name, token.MaxName); err != nil {
		return token.Token{}, err
	}
	if err := a.checkText("hint", a.Hint, MaxHint); err != nil {
		return token.Token{}, err
	}
	t := token.Token{
		Hash: a.SHA256, ID: a.ID, Workspace: a.Workspace, Name: a.Name, Hint: a.Hint,
		CreatedBy: a.CreatedBy, Status: token.Active,
	}
	// Both may be null: who has kept tokens for long may not know it of all.
	if a.CreatedAt != nil {
		t.CreatedAt = a.CreatedAt.UTC()
	}
	if a.LastUsedOn != nil {
		if _, err := time.Parse(time.DateOnly, *a.LastUsedOn); err != nil {
			return token.Token{}, errors.New("last_used_on: must be a day such as 2026-11-22, or null")
		}
		t.LastUsedOn = *a.LastUsedOn
	}
	if (a.EndedAt == nil) != (a.Status == "active") {
		return token.Token{}, errors.New("ended_at: must be a time when the token is revoked or expired, and null when it is active")
	}
	switch a.Status {
	case "active":
	case "revoked":
		// Without a reason: the service does not say it, and whether anybody was
		// told of the leak only the ledger knows.
		t.Status, t.RevokedAt = token.Revoked, a.EndedAt.UTC()
	case "expired":
		t.ExpiresAt = a.EndedAt.UTC()
	default:
		return token.Token{}, errors.New("status: must be active, revoked or expired")
	}
	return t, nil
}

// checkText keeps names and hints fit for mails and the ledger: short, visible,
// and not the token itself.
func (a *answered) checkText(field, text string, most int) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s: is missing", field)
	case utf8.RuneCountInString(text) > most:
		return fmt.Errorf("%s: is longer than %d characters", field, most)
	case strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }):
		return fmt.Errorf("%s: must hold no control characters or line breaks", field)
	case slices.ContainsFunc(strings.Fields(text), func(word string) bool { return token.HashOf(word) == a.SHA256 }):
		return fmt.Errorf("%s: holds the token itself", field)
	}
	return nil
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
