package alert

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"safekeep/shared/token"
)

func newServer(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

const leaked = "skp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"

func TestRedactURL(t *testing.T) {
	format, err := token.NewFormat("skp")
	if err != nil {
		t.Fatal(err)
	}
	hex := strings.ReplaceAll(leaked, "_", "%5F")
	deep := hex
	for range 6 {
		deep = strings.ReplaceAll(deep, "%", "%25")
	}
	other := strings.Replace(leaked, "z", "y", 1)
	imported := "abc+def=0001"
	const host = "https://github.com/…"
	for name, c := range map[string]struct{ in, literal, want string }{
		"plain":              {"https://github.com/a/b%20c?d=%zz", leaked, "https://github.com/a/b%20c?d=%zz"},
		"in the path":        {"https://github.com/a/" + leaked, leaked, "https://github.com/a/skp_…Lq17"},
		"another of ours":    {"https://github.com/" + other, "x", "https://github.com/skp_…Lq17"},
		"encoded":            {"https://github.com/a/" + hex, leaked, host},
		"seven times":        {"https://github.com/?q=" + deep, leaked, host},
		"raw and encoded":    {"https://github.com/" + leaked + "/" + hex, leaked, host},
		"other raw":          {"https://github.com/" + other + "/" + hex, leaked, host},
		"behind a mistake":   {"https://github.com/%zz%25zz" + hex, leaked, host},
		"mistake inside":     {"https://github.com/%25zz%2573kp_" + leaked[4:], leaked, host},
		"imported":           {"https://github.com/" + imported, imported, "https://github.com/" + token.Hint(imported)},
		"imported, encoded":  {"https://github.com/abc+def%3D0001", imported, host},
		"imported, plus too": {"https://github.com/abc%2Bdef%3D0001", imported, host},
		"token is a slash":   {"https://github.com/a", "/", "https://github.com/a"},
		"in the host":        {"https://" + hex + ".example/", leaked, ""},
		"far too long":       {"https://github.com/" + strings.Repeat("a", maxRawURL), leaked, host},
		"empty":              {"", leaked, ""},
	} {
		if got := redactURL(c.in, format, c.literal); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	long := "https://github.com/" + strings.Repeat("a", maxURL-30) + leaked
	if got := redactURL(long, format); strings.Contains(got, leaked[4:12]) || len(got) > maxURL {
		t.Errorf("the end of a long URL keeps a part of the token: …%s", got[len(got)-40:])
	}
}

func TestCleanSource(t *testing.T) {
	for in, want := range map[string]string{
		"commit": "commit", "Pull_request_title": "pull_request_title", " Npm ": "npm", "": "",
		"<b>": "", "com mit": "", strings.Repeat("a", 41): "", leaked: "",
	} {
		if got := cleanSource(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(`[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]`))
	f.Add([]byte(`[{"token": "` + leaked + `", "url": "https://github.com/%73kp_` + leaked + `"}, null, 7, {"token":"\ud800"}]`))
	f.Add([]byte(strings.Repeat("[", 11000)))
	f.Add([]byte("[\"\xff\"]"))
	format, err := token.NewFormat("skp")
	if err != nil {
		f.Fatal(err)
	}
	receiver := &Receiver{Format: format}
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := parseReport(body, format)
		if err != nil {
			return
		}
		outcomes := make([]token.Outcome, len(items))
		leads := receiver.leads(items)
		for i, it := range items {
			if len(leads[i]) == 0 {
				t.Error("an item without a lead")
			}
			for decoded := it.place.URL; ; decoded = decodeOnce(decoded) {
				if len(format.Within(decoded)) > 0 {
					t.Errorf("a token is left in %q", it.place.URL)
				}
				if decoded == decodeOnce(decoded) {
					break
				}
			}
			if len(it.place.URL) > maxURL {
				t.Errorf("a URL of %d bytes", len(it.place.URL))
			}
			outcomes[i] = receiver.missed(it.received)
		}
		if got := feedback(items, outcomes); len(got) > len(items) {
			t.Error("more verdicts than items")
		}
	})
}

func FuzzSignature(f *testing.F) {
	f.Add("MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==", []byte("[]"))
	f.Add("", []byte{})
	f.Add("MAA=", []byte("x"))
	keys, err := parseKeys([]byte(`{"public_keys":[{"key_identifier":"k","key":"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n"}]}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		if der, ok := decodeSignature(header); ok && verify(keys["k"], body, der) && len(body) < 104 {
			t.Error("a signature of nobody's verifies")
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"public_keys":[{"key_identifier":"k","key":"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n","is_current":true}]}`))
	f.Add([]byte(`{"public_keys":null}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := parseKeys(document)
		if err == nil && len(keys) == 0 {
			t.Error("no keys and no error")
		}
	})
}
