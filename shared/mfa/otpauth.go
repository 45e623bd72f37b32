package mfa

import (
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"rsc.io/qr"

	"safekeep/shared/identity"
	"safekeep/shared/problem"
)

// base32Seed is how a secret is typed in by hand, and stands in a URI.
var base32Seed = base32.StdEncoding.WithPadding(base32.NoPadding)

// maxLabel is the longest label, in bytes: an address of the longest sort fits.
const maxLabel = 254

// checkLabel refuses what an app could not show as the name of the account. A
// colon would end the issuer's name.
//
// Source: "Key Uri Format" in the wiki of google-authenticator.
func checkLabel(field, label string) error {
	if err := identity.CheckLine(field, label, maxLabel, "it is the name that the app shows"); err != nil {
		return err
	}
	if len(label) > maxLabel || strings.Contains(label, ":") {
		return problem.Field(field, "must be at most 254 bytes, without a colon")
	}
	return nil
}

// otpauth is the URI that an authenticator app reads. Spaces become %20, as
// some apps show a plus as one.
func otpauth(issuer, label, secret string) string {
	return fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
		escape(issuer), escape(label), secret, escape(issuer), codeDigits, int(stepLength.Seconds()))
}

// escape encodes all but letters, digits and "-_.~".
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// quiet is the white border that a reader needs, in modules.
//
// Source: ISO/IEC 18004, 9.1.
const quiet = 4

// picture draws a QR code of a text: a PNG as a data URI, and an SVG that can
// stand in a page as it is. Neither holds anything but the squares.
func picture(text string) (png, svg string, err error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", "", fmt.Errorf("drawing a QR code of %d bytes: %w", len(text), err)
	}
	side := code.Size + 2*quiet
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := x
			for run < code.Size && code.Black(run, y) {
				run++
			}
			if run > x {
				_, _ = fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run-x, run-x)
				x = run
			}
		}
	}
	svg = fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`, side, side, side, side, path.String())
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG()), svg, nil
}
