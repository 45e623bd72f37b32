package codehost

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP serves the key document with an ETag, and 304 to whoever has it
// already. It demands no token, as the real one does not, but remembers whether
// one came.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the key document can only be read", http.StatusMethodNotAllowed)
		return
	}
	h.mu.Lock()
	document, tag := h.document()
	status := http.StatusOK
	switch {
	case h.outage != 0:
		status = h.outage
	case matches(r.Header.Get("If-None-Match"), tag):
		status = http.StatusNotModified
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	h.fetches = append(h.fetches, Fetch{At: time.Now(), Bearer: bearer, Status: status})
	h.mu.Unlock()

	// An outage shows no tag: what a cache holds must not seem confirmed.
	if status != http.StatusOK && status != http.StatusNotModified {
		http.Error(w, `{"message":"out of order"}`, status)
		return
	}
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "public, max-age=60, s-maxage=60")
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(document)
}

// document is the published keys as both hosts spell them. h.mu is held.
func (h *Host) document() (body []byte, tag string) {
	type published struct {
		ID      string `json:"key_identifier"`
		Key     string `json:"key"`
		Current bool   `json:"is_current"`
	}
	list := []published{} // never nil: a host without keys says [], not null
	for _, k := range h.keys {
		if !k.withdrawn {
			list = append(list, published{ID: k.id, Key: k.pem})
		}
	}
	if len(list) > 0 {
		list[len(list)-1].Current = true
	}
	body, _ = json.Marshal(map[string]any{"public_keys": list}) // strings and booleans always marshal
	sum := sha256.Sum256(body)
	return body, `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// matches compares weakly, as If-None-Match demands.
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
