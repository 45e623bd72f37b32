// Package web holds what a company puts into its own pages, and pages that show
// it. The company takes password-meter.js as it is, and the ceremonies of
// passkeys.js as an example.
package web

import (
	"embed"
	"net/http"
)

//go:embed passkeys.html passkeys.js password-meter.js password-page.js password.html
var files embed.FS

// policy lets a page run the scripts that are served with it, and call back only
// the address that it came from.
const policy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Demonstration serves the pages at /local/password and /local/passkeys, and
// their scripts beside them. They call POST /passwords/assess, and GET and POST
// under /users/, at the same address. The one for passkeys has to be opened at
// http://localhost or over https, and says so elsewhere.
func Demonstration() *http.ServeMux {
	mux := http.NewServeMux()
	for path, file := range map[string]struct{ name, kind string }{
		"GET /local/passkeys":          {"passkeys.html", "text/html; charset=utf-8"},
		"GET /local/passkeys.js":       {"passkeys.js", "text/javascript; charset=utf-8"},
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
