package token

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"safekeep/shared/identity"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// The limits of one import.
const (
	MaxImport     = 10_000  // lines
	maxImportBody = 4 << 20 // bytes; Lambda takes 6 MB, and gets this kind in base64
	maxImportLine = 8 << 10 // bytes
)

// importLine is one token that was issued elsewhere. Scopes and expires_at are
// for those who want introspection to know them.
type importLine struct {
	SHA256     string   `json:"sha256"` // of the token's text, hex
	Name       string   `json:"name"`
	CreatedBy  string   `json:"created_by"`
	CreatedAt  string   `json:"created_at"` // RFC 3339
	LastUsedOn string   `json:"last_used_on"`
	Scopes     []string `json:"scopes"`
	ExpiresAt  *string  `json:"expires_at"`
}

// token checks the line and returns the token it describes.
func (l *importLine) token(format Format, workspace string, now time.Time) (Token, error) {
	t := Token{
		Workspace: workspace, Name: l.Name, CreatedBy: l.CreatedBy, Scopes: l.Scopes,
		Status: Active, Version: 1, ImportedAt: now, LastUsedOn: l.LastUsedOn,
	}
	sum, err := hex.DecodeString(l.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return t, problem.Field("sha256", "must be the SHA-256 of the token, 64 hex characters")
	}
	t.Hash = Hash(hex.EncodeToString(sum)) // in lower case, whatever it came in
	// The token itself is not known here, so its hint cannot be either.
	t.Hint = "sha256:" + string(t.Hash[:8])
	if err := checkName(l.Name); err != nil {
		return t, err
	}
	// Old tables often name a key by the key.
	if slices.ContainsFunc(append(strings.Fields(l.Name), l.Name), func(word string) bool { return HashOf(word) == t.Hash }) || len(format.Within(l.Name)) > 0 {
		return t, problem.Field("name", "holds a token; names stand in mails and in the ledger")
	}
	// Whoever made an old token may have left long ago, so no member is asked for.
	if err := identity.Check("created_by", l.CreatedBy); err != nil {
		return t, err
	}
	if t.CreatedAt, err = time.Parse(time.RFC3339, l.CreatedAt); err != nil || t.CreatedAt.After(now) || t.CreatedAt.UTC().Year() < 1970 {
		return t, problem.Field("created_at", "must be a time in the past such as 2024-01-31T00:00:00Z")
	}
	t.CreatedAt = t.CreatedAt.UTC()
	if l.LastUsedOn != "" {
		if _, err := time.Parse(time.DateOnly, l.LastUsedOn); err != nil || l.LastUsedOn > Day(now) {
			return t, problem.Field("last_used_on", "must be a day that has begun, such as 2024-01-31, or left out")
		}
	}
	if err := checkScopes(l.Scopes); err != nil {
		return t, err
	}
	if l.ExpiresAt != nil {
		// Whether it may lie in the past, checkExpired says.
		if t.ExpiresAt, err = parseExpiry(*l.ExpiresAt); err != nil {
			return t, problem.Field("expires_at", "must be a time such as 2027-01-31T00:00:00Z, or null for never")
		}
	}
	return t, nil
}

// readImport reads all lines and checks every one before anything is stored:
// a mistake in line 9,000 is better told than imported around.
// It returns the tokens and the number of the line of each.
func readImport(body io.Reader, format Format, workspace string, now time.Time) (tokens []Token, lines []int, err error) {
	text, err := io.ReadAll(io.LimitReader(body, maxImportBody+1))
	if err != nil {
		return nil, nil, problem.New(problem.Unreadable, "The body could not be read.")
	}
	if len(text) > maxImportBody {
		return nil, nil, problem.New(problem.TooLarge, "The body is longer than 4 MB; import in several calls.")
	}
	first := map[Hash]int{}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(tokens) == MaxImport {
			return nil, nil, problem.New(problem.TooLarge, fmt.Sprintf("There are more than %d lines; import in several calls.", MaxImport))
		}
		t, err := readImportLine(line, format, workspace, now)
		if err == nil && first[t.Hash] > 0 {
			err = problem.Field("sha256", fmt.Sprintf("stands in line %d already", first[t.Hash]))
		}
		if err != nil {
			return nil, nil, inLine(number, err)
		}
		first[t.Hash] = number
		tokens, lines = append(tokens, t), append(lines, number)
	}
	if len(tokens) == 0 {
		return nil, nil, problem.New(problem.Unreadable, `There is no line to import; send one JSON object a line: {"sha256":"…","name":"…","created_by":"…","created_at":"…"}`)
	}
	return tokens, lines, nil
}

func readImportLine(text []byte, format Format, workspace string, now time.Time) (Token, error) {
	var line importLine
	if len(text) > maxImportLine {
		return Token{}, problem.New(problem.Unacceptable, "is longer than 8 KB")
	}
	if err := web.DecodeJSON(text, &line); err != nil {
		return Token{}, err
	}
	return line.token(format, workspace, now)
}

// inLine says which line a problem is in.
func inLine(number int, err error) error {
	p, ok := problem.Of(err)
	if !ok {
		return err
	}
	field := fmt.Sprintf("line %d", number)
	if p.Field != "" {
		field += ": " + p.Field
	}
	return &problem.Error{Kind: p.Kind, Field: field, Detail: p.Detail}
}

// importResult is what came of one line.
type importResult struct {
	Line   int    `json:"line"`
	Result string `json:"result"` // created, unchanged or conflict
	ID     string `json:"id,omitempty"`
}

// What can come of a line.
const (
	importCreated   = "created"
	importUnchanged = "unchanged" // this workspace has it already, whatever became of it
	importConflict  = "conflict"  // another workspace has it
)

func (s *Service) importTokens(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	workspace := r.PathValue("workspace")
	if err := s.Directory.CheckWorkspace(r.Context(), workspace); err != nil {
		return err
	}
	now := s.Now().UTC()
	tokens, lines, err := readImport(r.Body, s.Format, workspace, now)
	if err != nil {
		return err
	}
	if err := s.checkExpired(r.Context(), tokens, lines, now); err != nil {
		return err
	}
	for i := range tokens {
		tokens[i].ID = idPrefix + ledger.NewSeq()
	}
	stored, err := s.Store.Import(r.Context(), tokens, actor, now)
	if err != nil {
		return fmt.Errorf("importing %d tokens: %w", len(tokens), err)
	}
	if err := s.Directory.CheckWorkspace(r.Context(), workspace); err != nil {
		// It ended meanwhile, and what was imported into it ends too.
		_, revoking := s.Store.RevokeAll(r.Context(), workspace, "safekeep", now)
		return errors.Join(err, revoking)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	out := json.NewEncoder(w)
	for i, t := range tokens {
		result := importResult{Line: lines[i], Result: importConflict}
		switch has := stored[t.Hash]; {
		case has.ID == t.ID:
			result.Result, result.ID = importCreated, t.ID
		case has.Workspace == workspace:
			result.Result, result.ID = importUnchanged, has.ID
		}
		if err := out.Encode(result); err != nil {
			return err
		}
	}
	return nil
}

// checkExpired refuses tokens that have expired, except those that are here
// already: an import that was good last year can be repeated this year.
func (s *Service) checkExpired(ctx context.Context, tokens []Token, lines []int, now time.Time) error {
	var expired []Hash
	for _, t := range tokens {
		if _, _, ended := t.End(now); ended {
			expired = append(expired, t.Hash)
		}
	}
	if len(expired) == 0 {
		return nil
	}
	stored, err := s.Store.Find(ctx, expired)
	if err != nil {
		return err
	}
	for i, t := range tokens {
		_, _, ended := t.End(now)
		if has := stored[t.Hash]; ended && has.Workspace != t.Workspace {
			return inLine(lines[i], problem.Field("expires_at", "has passed; leave the line out"))
		}
	}
	return nil
}

var errImportRaced = errors.New("others keep changing the same tokens")

// missing are the tokens that are not among those stored.
func missing(tokens []Token, stored map[Hash]Token) []Token {
	return slices.DeleteFunc(slices.Clone(tokens), func(t Token) bool {
		_, ok := stored[t.Hash]
		return ok
	})
}
