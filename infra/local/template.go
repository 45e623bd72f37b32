package local

import (
	"fmt"
	"maps"
	"slices"

	"safekeep/infra"
	"safekeep/infra/local/codehost"
	"safekeep/infra/local/faults"
	"safekeep/infra/local/secrets"
)

// loadTemplate reads the template with the parameters of this machine. The pages
// that mails link to are those of the local page.
func (s *Stack) loadTemplate() error {
	page := s.URL + "/local/?workspace={workspace}"
	// The same address for every process: a function keeps it beside the keys that
	// it fetched there, for its other processes to use.
	keys := s.Faults.Anonymous() + "/" + faults.CodeHost + "/"
	parameters := map[string]string{
		"Stage":                "dev",
		"ProductName":          product,
		"MailFrom":             mailFrom,
		"MailDomain":           mailDomain,
		"SecurityContact":      securityContact,
		"TokensUrl":            page + "#tokens",
		"AuditUrl":             page + "#ledger",
		"DocsUrl":              page + "#leak",
		"SupportUrl":           "mailto:" + securityContact,
		"GitHubKeysUrl":        keys + codehost.GitHub + "/keys",
		"GitLabKeysUrl":        keys + codehost.GitLab + "/keys",
		"GitHubTokenSecretArn": secrets.ARN(githubSecret),
		"AccountUrl":           page + "#account",
		"SmsSender":            "aws",
		"SmsSecretArn":         secrets.ARN(smsSecret),
		"SmsOriginationArn":    smsOrigination,
	}
	maps.Copy(parameters, s.options.Parameters)
	template, err := infra.Load(s.options.Root, parameters)
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	if names := s.options.Functions; names != nil {
		for _, name := range names {
			if _, ok := template.Function(name); !ok {
				return fmt.Errorf("reading the template: it has no function %q", name)
			}
		}
		template.Functions = slices.DeleteFunc(template.Functions, func(f infra.Function) bool {
			return !slices.Contains(names, f.Name)
		})
	}
	s.Template = template
	return s.openKeys()
}
