package scanners

import (
	"fmt"
	"strings"

	"safekeep/shared/token"
)

// known are the prefixes that other vendors' tokens begin with, as scanners'
// rules have them, before the first underscore or hyphen. A test in
// infra/realclients holds the list against all of gitleaks' own rules; the rest
// is from the vendors' pages and TruffleHog's detectors.
var known = []struct{ vendor, prefixes string }{
	{"1Password", "ops a3"},
	{"Adobe", "p8e"},
	{"Age", "age"},
	{"Airtable or HubSpot", "pat"},
	{"Alibaba Cloud", "ltai"},
	{"Artifactory", "akcp cmvmd"},
	{"Atlassian", "atatt3 atctt3"},
	{"Authress", "sc ext scauth authress"},
	{"AWS", "akia asia abia acca a3t aroa aida absk bedrock"},
	{"Brevo", "xkeysib xsmtpsib"},
	{"Buildkite", "bkua bkat bkpt"},
	{"CircleCI", "ccipat cciprj"},
	{"Clojars", "clojars"},
	{"Cloudflare", "cfk cfut cfat v1"},
	{"Contentful", "cfpat"},
	{"crates.io", "cio"},
	{"Databricks", "dapi dkea"},
	{"DigitalOcean", "dop doo dor"},
	{"Docker", "dckr"},
	{"Doppler", "dp"},
	{"Duffel", "duffel"},
	{"Dynatrace", "dt0c01 dt0s16"},
	{"EasyPost", "ezak eztk"},
	{"Figma", "figd figdr"},
	{"Flutterwave", "flwpubk flwseck"},
	{"Fly.io", "fo1 fm1 fm2"},
	{"Frame.io", "fio"},
	{"GitHub", "ghp gho ghu ghs ghr github"},
	{"GitLab", "glpat gldt glrt glptt glft glsoat glimt glagent glcbt glffct gloas glrtr glwt"},
	{"GoCardless or Lob", "live test"},
	{"Google", "aiza ya29 gocspx"},
	{"Grafana", "glsa glc"},
	{"Groq", "gsk"},
	{"Harness", "sat"},
	{"HashiCorp Vault", "hvs hvb hvr"},
	{"Heroku", "hrku"},
	{"Hugging Face", "hf api"},
	{"Infracost", "ico"},
	{"Intra42", "s"},
	{"Linear", "lin"},
	{"Mailgun", "key pubkey"},
	{"Netlify", "nfp nfc nfu nfo"},
	{"New Relic", "nrak nrii nrjs"},
	{"Notion", "ntn secret"},
	{"npm", "npm"},
	{"NuGet", "oy2"},
	{"Perplexity", "pplx"},
	{"PlanetScale", "pscale"},
	{"PostHog", "phc phs phx phr"},
	{"Postman", "pmak"},
	{"Prefect", "pnu pnb"},
	{"Pulumi", "pul"},
	{"PyPI", "pypi"},
	{"ReadMe", "rdme"},
	{"Render", "rnd"},
	{"Replicate", "r8"},
	{"Resend", "re"},
	{"RubyGems", "rubygems"},
	{"Scalingo", "tk"},
	{"SendGrid", "sg"},
	{"Sentry", "sntrys sntryu sntrya sntryi"},
	{"SettleMint", "sm"},
	{"Shippo", "shippo"},
	{"Shopify", "shpat shpca shppa shpss shptka shpua"},
	{"Slack", "xoxb xoxp xoxa xoxr xoxs xoxe xoxo xoxc xoxd xapp xwfp"},
	{"Snyk", "snyk"},
	{"SonarQube", "sonar squ sqp sqa"},
	{"Sourcegraph and Segment", "sgp"},
	{"Square", "sq0atp sq0csp sq0idp eaaa"},
	{"Stripe, OpenAI, Anthropic and more", "sk rk pk whsec"},
	{"Supabase", "sbp sb"},
	{"Tailscale", "tskey"},
	{"Typeform", "tfp"},
	{"Vercel", "vcp vci vca vcr vck"},
	{"xAI", "xai"},
}

// endsTold is how long a known prefix must be for another that ends in it to be
// refused too: some rules, such as gitleaks' for GitHub, look for no border
// before it.
const endsTold = 3

// Check says why a prefix cannot be a stack's, or nil.
func Check(prefix string) error {
	if _, err := token.NewFormat(prefix); err != nil {
		return err
	}
	var nearest, whose string // the longest is the one that a rule goes by
	for _, k := range known {
		for _, taken := range strings.Fields(k.prefixes) {
			collides := prefix == taken || len(taken) >= endsTold && strings.HasSuffix(prefix, taken)
			if collides && len(taken) > len(nearest) {
				nearest, whose = taken, k.vendor
			}
		}
	}
	if nearest != "" {
		return fmt.Errorf("token prefix %q: scanners take what begins with %s for a token of %s, so they would report yours wrongly or send it there to be checked; choose one that is yours alone", prefix, nearest, whose)
	}
	return nil
}
