package local

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
)

//go:embed page/page.html
var pageHTML []byte

//go:embed page/page.css
var pageCSS []byte

//go:embed page/page.js
var pageJS []byte

// page is the one document that GET /local/ answers, with its style and script
// in it, and the policy that lets this very script run and no other: the page
// shows mails, whose text comes from anywhere. Sandboxed frames are the first
// wall before that, this is the second.
var page, pagePolicy = func() ([]byte, string) {
	js := bytes.Join([][]byte{[]byte("\n"), pageJS}, nil)
	document := bytes.Replace(pageHTML, []byte("/* page.css */"), bytes.Join([][]byte{[]byte("\n"), pageCSS}, nil), 1)
	document = bytes.Replace(document, []byte("/* page.js */"), js, 1)
	sum := sha256.Sum256(js)
	return document, "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'" +
		"; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

func servePage(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(page)
}
