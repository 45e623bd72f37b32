package mfa_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"image/png"
	"net/url"
	"strings"
	"testing"

	"rsc.io/qr"

	"safekeep/shared/mfa"
)

const seedText = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestOtpauth(t *testing.T) {
	got := mfa.Otpauth("Acme & Söhne", "ann+test@acme.example", seedText)
	want := "otpauth://totp/Acme%20%26%20S%C3%B6hne:ann%2Btest%40acme.example?secret=" + seedText +
		"&issuer=Acme%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// readURI is how an app reads a URI.
func readURI(uri string) (issuer, label string, query url.Values, err error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", "", nil, err
	}
	if u.Scheme != "otpauth" || u.Host != "totp" {
		return "", "", nil, fmt.Errorf("%s %s", u.Scheme, u.Host)
	}
	issuer, label, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), ":")
	query, err = url.ParseQuery(u.RawQuery)
	return issuer, label, query, err
}

func FuzzLabel(f *testing.F) {
	for _, label := range []string{"ann@acme.example", "a&issuer=Evil&secret=AAAA", "a?b#c", "%41%3a", "a:b", "å", "a b+c", "/../x", "\"><script>", strings.Repeat("ä", 127), "\x00"} {
		f.Add(label)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := mfa.CheckLabel("label", text); err != nil {
			return
		}
		uri := mfa.Otpauth("Acme & Co", text, seedText)
		issuer, label, query, err := readURI(uri)
		if err != nil || issuer != "Acme & Co" || label != text {
			t.Fatalf("%q is read as %q of %q, %v", text, label, issuer, err)
		}
		if len(query) != 5 || query.Get("secret") != seedText || query.Get("issuer") != "Acme & Co" || query.Get("digits") != "6" {
			t.Errorf("%q: %v", text, query)
		}
		_, svg, err := mfa.Picture(uri)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if strings.Contains(svg, "script") || xml.Unmarshal([]byte(svg), new(struct{})) != nil {
			t.Errorf("%q: the SVG is not only squares", text)
		}
	})
}

// Both pictures show the modules of the code, and a border of four around them.
func TestPicture(t *testing.T) {
	uri := mfa.Otpauth("Acme", "ann@acme.example", seedText)
	code, err := qr.Encode(uri, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	data, svg, err := mfa.Picture(uri)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(data, "data:image/png;base64,")
	raw, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil {
		t.Fatal("the PNG is no data URI")
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	side := code.Size + 8
	scale := img.Bounds().Dx() / side
	drawn := map[[2]int]bool{}
	path := svg[strings.LastIndex(svg, ` d="`)+4:]
	path, _, _ = strings.Cut(path, `"`)
	for _, run := range strings.Split(path, "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || n != back {
			continue
		}
		for i := range n {
			drawn[[2]int{x + i, y}] = true
		}
	}
	for y := range side {
		for x := range side {
			black := code.Black(x-4, y-4)
			r, _, _, _ := img.At(x*scale+scale/2, y*scale+scale/2).RGBA()
			if (r == 0) != black || drawn[[2]int{x, y}] != black {
				t.Fatalf("at %d, %d: black %v, PNG %v, SVG %v", x, y, black, r == 0, drawn[[2]int{x, y}])
			}
		}
	}
	if !strings.Contains(svg, fmt.Sprintf(`viewBox="0 0 %d %d"`, side, side)) {
		t.Error("the SVG has no border")
	}
}
