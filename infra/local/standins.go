package local

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"safekeep/infra/local/codehost"
	"safekeep/infra/local/faults"
	"safekeep/infra/local/kms"
	"safekeep/infra/local/outbox"
)

// openStandIns opens what plays AWS and the code hosts, and the proxy before it.
func (s *Stack) openStandIns() (err error) {
	if s.Outbox, err = outbox.New(mailDomain, s.statePath("mail.jsonl")); err != nil {
		return err
	}
	if s.GitHub, err = codehost.New(codehost.GitHub, s.statePath("github.json")); err != nil {
		return err
	}
	if s.GitLab, err = codehost.New(codehost.GitLab, s.statePath("gitlab.json")); err != nil {
		return err
	}
	if s.Snowflake, err = openSnowflake(s.statePath("snowflake.jsonl"), !s.options.NoSeed); err != nil {
		return err
	}
	// The same at every start, so that a code outlives a restart with kept tables.
	sum := sha256.Sum256([]byte(smsSecret))
	s.Secrets.Set(githubSecret, "github_pat_of_the_local_stack")
	s.Secrets.Set(smsSecret, `{"hmac_current":"`+hex.EncodeToString(sum[:])+`"}`)
	s.Phones.Originations = []string{smsOrigination}

	if s.Faults, err = faults.New(); err != nil {
		return err
	}
	s.Faults.Serve(faults.SES, s.Outbox)
	s.Faults.Serve(faults.SecretsManager, s.Secrets)
	s.Faults.Serve(faults.CodeHost, http.HandlerFunc(s.serveKeys))
	s.Faults.Serve(faults.Snowflake, s.Snowflake)
	s.Faults.Serve(faults.Pwned, s.Pwned)
	s.Faults.Serve(faults.SMS, s.Phones)
	for name, service := range s.options.Services {
		s.Faults.Serve(name, service)
	}
	return nil
}

// openKeys makes the keys that the template has, or finds those of an earlier
// run, and puts them behind the proxy.
func (s *Stack) openKeys() error {
	service, err := kms.Open(s.statePath("kms.json"), s.Template.Keys)
	if err != nil {
		return err
	}
	s.Faults.Serve(faults.KMS, service)
	return nil
}

// codeHost is the host of that name, nil for another name.
func (s *Stack) codeHost(name string) *codehost.Host {
	switch name {
	case codehost.GitHub:
		return s.GitHub
	case codehost.GitLab:
		return s.GitLab
	}
	return nil
}

// serveKeys serves /github/keys and /gitlab/keys.
func (s *Stack) serveKeys(w http.ResponseWriter, r *http.Request) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	h := s.codeHost(name)
	if h == nil || rest != "keys" {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}
