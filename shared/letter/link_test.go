package letter

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLinkTo(t *testing.T) {
	t.Parallel()
	const page = "https://github.com/acme/etl/blob/9f2c/.env#L3"
	tests := []struct {
		name, host, raw, want string
	}{
		{"a page on GitHub", "github", page, page},
		{"only the host", "github", "https://github.com", "https://github.com"},
		{"a gist", "github", "https://gist.github.com/a/1", "https://gist.github.com/a/1"},
		{"a raw file", "github", "https://raw.githubusercontent.com/a/b/c", "https://raw.githubusercontent.com/a/b/c"},
		{"a raw gist", "github", "https://gist.githubusercontent.com/a/b", "https://gist.githubusercontent.com/a/b"},
		{"an npm page", "github", "https://www.npmjs.com/package/x", "https://www.npmjs.com/package/x"},
		{"a file on GitLab", "gitlab", "https://gitlab.com/a/b/-/raw/c/.env", "https://gitlab.com/a/b/-/raw/c/.env"},
		{"spaces around it", "github", " \t" + page + "\n", page},
		{"a query", "github", "https://github.com?q=1", "https://github.com?q=1"},
		{"a path in another script", "github", "https://github.com/a/データ.env", "https://github.com/a/%E3%83%87%E3%83%BC%E3%82%BF.env"},
		{"a direction override in the path", "github", "https://github.com/a/\u202egpj.exe", "https://github.com/a/%E2%80%AEgpj.exe"},
		{"quotes and brackets", "github", `https://github.com/"><script>`, "https://github.com/%22%3E%3Cscript%3E"},
		{"a backslash in the path", "github", `https://github.com/\evil.example`, "https://github.com/%5Cevil.example"},

		{"empty", "github", "", ""},
		{"no reporter", "", page, ""},
		{"an unknown reporter", "bitbucket", page, ""},
		{"the other reporter's host", "gitlab", page, ""},
		{"GitLab by GitHub", "github", "https://gitlab.com/a", ""},
		{"http", "github", "http://github.com/a", ""},
		{"another scheme", "github", "javascript:alert(1)//https://github.com/", ""},
		{"a scheme in capitals", "github", "HTTPS://github.com/a", ""},
		{"a host in capitals", "github", "https://GitHub.com/a", ""},
		{"no scheme", "github", "//github.com/a", ""},
		{"user", "github", "https://github.com@evil.example/", ""},
		{"user and password", "github", "https://a:b@github.com/", ""},
		{"an empty user", "github", "https://@github.com/", ""},
		{"a port", "github", "https://github.com:443/a", ""},
		{"an empty port", "github", "https://github.com:/a", ""},
		{"a longer host", "github", "https://github.com.evil.example/a", ""},
		{"a host that ends alike", "github", "https://evilgithub.com/a", ""},
		{"a subdomain", "github", "https://x.github.com/a", ""},
		{"a trailing dot", "github", "https://github.com./a", ""},
		{"pages that users publish", "github", "https://acme.github.io/a", ""},
		{"a download", "github", "https://packages.example.org/x/-/x.tgz", ""},
		{"an escaped host", "github", "https://%67ithub.com/a", ""},
		{"a host in look-alike letters", "github", "https://gіthub.com/a", ""},
		{"a backslash after the host", "github", `https://github.com\@evil.example/`, ""},
		{"a backslash for a slash", "github", `https:\\github.com/a`, ""},
		{"a line break inside", "github", "https://github.com/a\nb", ""},
		{"a null byte", "github", "https://github.com/a\x00b", ""},
		{"a bad escape", "github", "https://github.com/%zz", ""},
		{"invalid UTF-8", "github", "https://github.com/\xff", ""},
		{"our token was taken out", "github", "https://github.com/search?q=skp_…a1B2", ""},
		{"as long as may be", "github", pad("https://github.com/", hrefLen), pad("https://github.com/", hrefLen)},
		{"too long", "github", pad("https://github.com/", hrefLen+1), ""},
		{"too long once escaped", "github", pad("https://github.com/é", hrefLen-1), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := linkTo(tt.host, tt.raw); got != tt.want {
				t.Errorf("linkTo(%q, %q) = %q, want %q", tt.host, tt.raw, got, tt.want)
			}
		})
	}
}

func pad(s string, n int) string { return s + strings.Repeat("a", n-len(s)) }

func TestDefang(t *testing.T) {
	t.Parallel()
	tests := []struct{ raw, want string }{
		{"https://evil.example/a.env", "hxxps://evil[.]example/a[.]env"},
		{"HTTP://evil.example", "hxxp://evil[.]example"},
		{"ftp://evil.example", "ftp[:]//evil[.]example"},
		{"www.evil.example", "www[.]evil[.]example"},
		{"https://github.com@evil.example", "hxxps://github[.]com@evil[.]example"},
		{"https://a?u=https://b.c", "hxxps://a?u=hxxps://b[.]c"},
		{"Your account is locked. Call us", "Your%20account%20is%20locked[.]%20Call%20us"},
		{"a\r\nBcc: x", "a%0D%0ABcc:%20x"},
		{"a\u202eb", "a%E2%80%AEb"},
		{"<b>", "%3Cb%3E"},
		{"\xff", "%FF"},
		{"https://x.example/skp_…a1B2", "hxxps://x[.]example/skp_…a1B2"},
	}
	for _, tt := range tests {
		if got := defang(tt.raw); got != tt.want {
			t.Errorf("defang(%q) = %q, want %q", tt.raw, got, tt.want)
		}
	}
	long := defang("https://evil.example/" + strings.Repeat("é.", 5000) + "/end.env")
	if n := utf8.RuneCountInString(long); n != displayRunes {
		t.Errorf("a long address is displayed in %d runes, want %d", n, displayRunes)
	}
	if !strings.HasPrefix(long, "hxxps://evil[.]example/") || !strings.HasSuffix(long, "/end[.]env") {
		t.Errorf("a long address does not keep its ends: %s", long)
	}
}

func TestTame(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"CI deploy", "CI deploy"},
		{"deploy.sh v1.2", "deploy.sh v1.2"},
		{"データ同期 (本番)", "データ同期 (本番)"},
		{"  a \t\n b ", "a b"},
		{"a\r\nBcc: x@y.example", "a Bcc: x@y.example"},
		{"a\u2028b\u0085c", "a b c"},
		{"\u202egnp.exe\u202c \u2066x\u2069\u200b\ufeff", "gnp.exe x"},
		{"a\x00\x1b[31mb", "a[31mb"},
		{"see https://evil.example/x", "see hxxps://evil[.]example/x"},
		{"Www.evil.example", "Www[.]evil[.]example"},
		{"", ""},
		{strings.Repeat("x", 100), strings.Repeat("x", 100)},
		{strings.Repeat("x", 101), strings.Repeat("x", 99) + "…"},
		{strings.Repeat("語", 500), strings.Repeat("語", 99) + "…"},
	}
	for _, tt := range tests {
		if got := tame(tt.in, 100); got != tt.want {
			t.Errorf("tame(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestBrandURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ tmpl, workspace, want string }{
		{"https://app.example/w/{workspace}/tokens", "acme-1", "https://app.example/w/acme-1/tokens"},
		{"https://app.example/?w={workspace}", "a|b:c@d~e", "https://app.example/?w=a%7Cb%3Ac%40d~e"},
		{"https://app.example/{workspace}/{workspace}", "a/../b", "https://app.example/a%2F..%2Fb/a%2F..%2Fb"},
		{"https://app.example/{workspace}", "a b", "https://app.example/a%20b"},
		{"http://127.0.0.1:3000/local/", "a", "http://127.0.0.1:3000/local/"},
		{"mailto:help@app.example", "a", "mailto:help@app.example"},
		{"", "a", ""},
		{"javascript:alert(1)", "a", ""},
		{"app.example/tokens", "a", ""},
		{"https://", "a", ""},
		{"https://bad host/", "a", ""},
	}
	for _, tt := range tests {
		if got := brandURL(tt.tmpl, "{workspace}", tt.workspace); got != tt.want {
			t.Errorf("brandURL(%q, %q) = %q, want %q", tt.tmpl, tt.workspace, got, tt.want)
		}
	}
}
