package infra

// checkPasswords sees that what a company chooses about passwords arrives, and
// that who chooses nothing has what NIST demands and the well-known corpus.
func checkPasswords(p project) (complaints []string) {
	for _, c := range []struct {
		parameters []string
		want       map[string]string
	}{
		{nil, map[string]string{
			"HIBP_URL": "https://api.pwnedpasswords.com", "GUIDANCE_PERCENT": "100", "MIN_LENGTH": "15", "MIN_LENGTH_WITH_MFA": "8",
		}},
		{
			[]string{"PwnedPasswordsUrl", "https://pwned.acme.example", "GuidancePercent", "50", "PasswordMinLength", "12", "PasswordMinLengthWithMfa", "10"},
			map[string]string{
				"HIBP_URL": "https://pwned.acme.example", "GUIDANCE_PERCENT": "50", "MIN_LENGTH": "12", "MIN_LENGTH_WITH_MFA": "10",
			},
		},
	} {
		complaints = append(complaints, p.settings("PasswordsFunction", c.parameters, c.want)...)
	}
	return complaints
}
