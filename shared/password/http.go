package password

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"safekeep/shared/problem"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// Directory knows what workspaces have chosen.
type Directory interface {
	// Get returns a workspace or workspace.ErrNotFound.
	Get(ctx context.Context, id string) (workspace.Workspace, error)
}

// Service answers the calls of function passwords.
type Service struct {
	*Assessor
	Directory Directory
	Lengths   Lengths
	Rollout   Rollout
}

// Routes lists what the service answers.
func (s *Service) Routes() *web.Router {
	r := web.NewRouter()
	r.Handle("POST /passwords/assess", s.assess)
	return r
}

// The bounds of what may come with a password.
const (
	MaxInputs      = 20  // how many words the user is known by
	MaxInputLength = 254 // characters of one, as long as a mail address may be
	MaxSubject     = 256 // bytes of the id of a person
)

type request struct {
	Password  Secret   `json:"password"`
	Inputs    []string `json:"user_inputs"`
	Event     Event    `json:"event"`
	Workspace string   `json:"workspace"`
	Subject   string   `json:"subject"`
}

func (s *Service) assess(w http.ResponseWriter, r *http.Request) error {
	var q request
	if err := web.ReadJSON(r, &q); err != nil {
		return err
	}
	secret, err := q.Password.normalized("password")
	if err != nil {
		return err
	}
	if err := q.check(); err != nil {
		return err
	}
	policy, err := s.policy(r.Context(), q.Workspace)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, s.Assess(r.Context(), Question{
		Password: secret, Words: words(q.Inputs), Event: q.Event, Policy: policy, Variant: s.Rollout.VariantOf(q.Subject),
	}))
}

func (q *request) check() error {
	if !slices.Contains(events, q.Event) {
		return problem.Field("event", "must be typing, signup, change, reset or login")
	}
	if len(q.Inputs) > MaxInputs {
		return problem.Field("user_inputs", fmt.Sprintf("holds more than %d words; give what the user is known by", MaxInputs))
	}
	for i, input := range q.Inputs {
		if utf8.RuneCountInString(input) > MaxInputLength {
			return problem.Field(fmt.Sprintf("user_inputs[%d]", i), fmt.Sprintf("is longer than %d characters", MaxInputLength))
		}
	}
	if len(q.Subject) > MaxSubject {
		return problem.Field("subject", fmt.Sprintf("is longer than %d bytes", MaxSubject))
	}
	return nil
}

// policy returns what a password must meet in a workspace, or in none.
func (s *Service) policy(ctx context.Context, id string) (Policy, error) {
	if id == "" {
		return Policy{MinLength: s.Lengths.Alone}, nil
	}
	found, err := s.Directory.Get(ctx, id)
	if err != nil {
		return Policy{}, err
	}
	policy := Policy{MinLength: s.Lengths.Alone, BlockBreached: found.BlockBreached}
	if found.RequireMFA {
		policy.MinLength = s.Lengths.WithMFA
	}
	return policy, nil
}

// leastPart is the shortest part of an input that counts as a word.
const leastPart = 3

// words returns the inputs and, after them, their parts, first those between "@"
// and spaces: whoever gives "ann.lee@acme.example" does not want "ann.lee" or
// "acme" in a password either.
func words(inputs []string) []string {
	all := make([]string, len(inputs))
	for i, input := range inputs {
		all[i] = norm.NFC.String(input)
	}
	for _, parts := range []func(rune) bool{betweenNames, betweenWords} {
		for _, input := range all[:len(inputs):len(inputs)] {
			for part := range strings.FieldsFuncSeq(input, parts) {
				if part != input && utf8.RuneCountInString(part) >= leastPart {
					all = append(all, part)
				}
			}
		}
	}
	return all
}

func betweenNames(r rune) bool { return r == '@' || unicode.IsSpace(r) }

func betweenWords(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}
