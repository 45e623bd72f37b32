package codehost_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"safekeep/infra/local/codehost"
)

type document struct {
	Keys []struct {
		ID      string `json:"key_identifier"`
		Key     string `json:"key"`
		Current bool   `json:"is_current"`
	} `json:"public_keys"`
}

func read(t *testing.T, h http.Handler, header http.Header) (document, *httptest.ResponseRecorder) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var d document
	if w.Code == 200 {
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
	}
	return d, w
}

// A report is the host's, byte for byte, and its signature holds under the
// published key that it names.
func TestReportsVerify(t *testing.T) {
	for name, tt := range map[string]struct{ header, body string }{
		codehost.GitHub: {"Github-Public-Key-", `[{"source":"content","token":"skp_x","type":"acme_api_token","url":"https://github.com/a?b&c"}]`},
		codehost.GitLab: {"Gitlab-Public-Key-", `[{"type":"acme_api_token","token":"skp_x","url":"https://github.com/a?b&c"}]`},
	} {
		h, err := codehost.New(name, "")
		if err != nil {
			t.Fatal(err)
		}
		var got *http.Request
		var body []byte
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			w.WriteHeader(http.StatusNoContent)
		}))
		a, err := h.Deliver(t.Context(), s.URL, h.Report(codehost.Finding{Token: "skp_x", URL: "https://github.com/a?b&c", Source: "content"}))
		s.Close()
		if err != nil || a.Status != 204 || string(body) != tt.body {
			t.Fatalf("%s: %v %+v %s", name, err, a, body)
		}
		d, _ := read(t, h, nil)
		block, _ := pem.Decode([]byte(d.Keys[0].Key))
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := base64.StdEncoding.DecodeString(got.Header.Get(tt.header + "Signature"))
		sum := sha256.Sum256(body)
		if err != nil || !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), sum[:], signature) {
			t.Errorf("%s: the signature does not verify", name)
		}
		if got.Header.Get(tt.header+"Identifier") != d.Keys[0].ID || !d.Keys[0].Current {
			t.Errorf("%s: %v", name, got.Header)
		}
	}
}

// GitHub's key ids are the SHA-256 of the PEM text, GitLab's are as long as a
// SHA-1.
func TestKeyIDs(t *testing.T) {
	hub, _ := codehost.New(codehost.GitHub, "")
	d, _ := read(t, hub, nil)
	sum := sha256.Sum256([]byte(d.Keys[0].Key))
	if d.Keys[0].ID != hex.EncodeToString(sum[:]) {
		t.Error("GitHub's id is not the hash of the text")
	}
	lab, _ := codehost.New(codehost.GitLab, "")
	if id := lab.KeyIDs()[0]; len(id) != 40 {
		t.Errorf("GitLab's id is %q", id)
	}
}

// The document is revalidated by its tag, changes when keys do, and remembers
// who asked.
func TestDocumentRotates(t *testing.T) {
	h, _ := codehost.New(codehost.GitHub, "")
	old := h.KeyIDs()[0]
	_, w := read(t, h, nil)
	tag := http.Header{"If-None-Match": {w.Header().Get("ETag")}, "Authorization": {"Bearer ghp_x"}}
	if _, w := read(t, h, tag); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("unchanged: %d", w.Code)
	}
	id, err := h.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	d, _ := read(t, h, tag)
	if len(d.Keys) != 2 || d.Keys[0].Current || !d.Keys[1].Current || d.Keys[1].ID != id {
		t.Errorf("after adding: %+v", d)
	}
	if err := h.Withdraw(old); err != nil {
		t.Fatal(err)
	}
	if d, _ := read(t, h, nil); len(d.Keys) != 1 || d.Keys[0].ID != id {
		t.Errorf("after withdrawing: %+v", d)
	}
	if headers, err := h.SignWith(old, nil); err != nil || headers.Get("Github-Public-Key-Identifier") != old {
		t.Errorf("a withdrawn key cannot play the thief: %v", err)
	}
	h.Outage(503)
	if _, w := read(t, h, nil); w.Code != 503 {
		t.Errorf("outage: %d", w.Code)
	}
	f := h.Fetches()
	if len(f) != 5 || f[1].Bearer != "ghp_x" || f[1].Status != 304 || f[0].Bearer != "" || f[4].Status != 503 {
		t.Errorf("%+v", f)
	}
}

// With a file, the keys survive a restart, withdrawn ones withdrawn.
func TestKeepsKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "github.json")
	h, err := codehost.New(codehost.GitHub, path)
	if err != nil {
		t.Fatal(err)
	}
	old := h.KeyIDs()[0]
	id, _ := h.AddKey()
	_ = h.Withdraw(old)
	again, err := codehost.New(codehost.GitHub, path)
	if err != nil {
		t.Fatal(err)
	}
	if ids := again.KeyIDs(); len(ids) != 1 || ids[0] != id {
		t.Errorf("%v", ids)
	}
}
