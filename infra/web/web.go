// Package web holds what a company puts into its own pages, and a page that
// shows it. The company takes password-meter.js as it is.
package web

import (
	"embed"
	"net/http"
)

//go:embed password-meter.js password-page.js password.html
var files embed.FS

// policy lets a page run the scripts that are served with it, and call back only
// the address that it came from.
const policy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Demonstration serves the page at /local/password and its scripts beside it.
// The page calls POST /passwords/assess at the same address.
func Demonstration() *http.ServeMux {
	mux := http.NewServeMux()
	for path, file := range map[string]struct{ name, kind string }{
		"GET /local/password":          {"password.html", "text/html; charset=utf-8"},
		"GET /local/password-meter.js": {"password-meter.js", "text/javascript; charset=utf-8"},
		"GET /local/password-page.js":  {"password-page.js", "text/javascript; charset=utf-8"},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			text, err := files.ReadFile(file.name)
			if err != nil { // it is embedded
				http.Error(w, "", http.StatusInternalServerError)
				return
			}
			h := w.Header()
			h.Set("Content-Type", file.kind)
			h.Set("Content-Security-Policy", policy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-store")
			_, _ = w.Write(text)
		})
	}
	return mux
}
