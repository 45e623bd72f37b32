package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// demoWorkspace is the customer that the page shows.
const demoWorkspace = "demo"

// seed puts a customer with three members into an empty stack, by the contract
// and nothing else.
func (s *Stack) seed(ctx context.Context) error {
	if s.options.NoSeed || s.functions["workspaces"] == nil {
		return nil
	}
	path := "/workspaces/" + demoWorkspace
	// What somebody changed in a kept state is theirs: a workspace that is there is
	// left alone as a whole.
	status, err := s.put(ctx, http.MethodGet, path, nil)
	if err != nil || status == http.StatusOK {
		return err
	}
	for _, step := range []struct {
		path string
		body map[string]any
	}{
		{path, map[string]any{"name": "Acme Analytics"}},
		{path + "/members/ann", map[string]any{"email": "ann@acme.example", "role": "owner"}},
		{path + "/members/bob", map[string]any{"email": "bob@acme.example", "role": "admin"}},
		{path + "/members/cleo", map[string]any{"email": "cleo@acme.example", "role": "member"}},
	} {
		if _, err := s.put(ctx, http.MethodPut, step.path, step.body); err != nil {
			return err
		}
	}
	return nil
}

// put calls the front. A 404 is an answer, any other refusal an error.
func (s *Stack) put(ctx context.Context, method, path string, body any) (int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("seeding the demo workspace: %w", err)
	}
	q, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(text))
	if err != nil {
		return 0, fmt.Errorf("seeding the demo workspace: %w", err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("X-Actor", "the local stack")
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, fmt.Errorf("seeding the demo workspace: %w", err)
	}
	defer a.Body.Close()
	if a.StatusCode >= 300 && a.StatusCode != http.StatusNotFound {
		said, _ := io.ReadAll(io.LimitReader(a.Body, 500))
		return 0, fmt.Errorf("seeding the demo workspace: %s %s answers %d: %s", method, path, a.StatusCode, said)
	}
	return a.StatusCode, nil
}
