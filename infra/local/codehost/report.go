package codehost

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// A Finding is one token in a report. Type and Source may stay empty: GitHub
// then says "commit"; GitLab never names a source.
type Finding struct {
	Token  string
	Type   string
	URL    string
	Source string
}

// Report is the body of a report, byte for byte in the host's own style: compact,
// keys in alphabetical order, no newline at the end.
func (h *Host) Report(findings ...Finding) []byte {
	list := make([]any, len(findings))
	for i, f := range findings {
		if f.Type == "" {
			f.Type = "acme_api_token"
		}
		if f.Source == "" {
			f.Source = "commit"
		}
		if h.name == GitHub {
			list[i] = struct {
				Source string `json:"source"`
				Token  string `json:"token"`
				Type   string `json:"type"`
				URL    string `json:"url"`
			}{f.Source, f.Token, f.Type, f.URL}
		} else {
			list[i] = struct {
				Type  string `json:"type"`
				Token string `json:"token"`
				URL   string `json:"url"`
			}{f.Type, f.Token, f.URL}
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the hosts write & in a URL as it is
	_ = enc.Encode(list)     // strings always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Sign signs a body, whatever it is, with the current key and returns all the
// headers of the request.
func (h *Host) Sign(body []byte) (http.Header, error) {
	h.mu.Lock()
	k := h.keys[len(h.keys)-1]
	h.mu.Unlock()
	return h.SignWith(k.id, body)
}

// SignWith signs with the key of that id, which may be withdrawn.
func (h *Host) SignWith(id string, body []byte) (http.Header, error) {
	h.mu.Lock()
	i := slices.IndexFunc(h.keys, func(k key) bool { return k.id == id })
	if i < 0 {
		h.mu.Unlock()
		return nil, fmt.Errorf("signing a report: %s has no key with the id %s", h.name, id)
	}
	k := h.keys[i]
	h.mu.Unlock()
	sum := sha256.Sum256(body)
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, sum[:])
	if err != nil {
		return nil, fmt.Errorf("signing a report: %w", err)
	}
	return h.headers(k.id, base64.StdEncoding.EncodeToString(signature)), nil
}

// An Answer is what a report was answered with.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Deliver signs a body with the current key and posts it to url.
func (h *Host) Deliver(ctx context.Context, url string, body []byte) (Answer, error) {
	headers, err := h.Sign(body)
	if err != nil {
		return Answer{}, err
	}
	return Post(ctx, url, body, headers)
}

// Post delivers a report with the headers as they are, which tests tamper with.
func Post(ctx context.Context, url string, body []byte, headers http.Header) (Answer, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("delivering a report: %w", err)
	}
	// These and no others, but for what HTTP itself needs.
	q.Header = headers.Clone()
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return Answer{}, fmt.Errorf("delivering a report: %w", err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("reading the answer to a report: %w", err)
	}
	return Answer{Status: a.StatusCode, Header: a.Header, Body: text}, nil
}
