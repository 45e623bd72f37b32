package local

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"

	"safekeep/infra"
	"safekeep/infra/local/faults"
	"safekeep/infra/local/host"
)

// startFunctions deploys every function of the template and, unless NoWarm,
// brings up one process of each: a function that cannot start is found out now.
func (s *Stack) startFunctions(ctx context.Context) error {
	for _, f := range s.Template.Functions {
		timeout := f.Timeout
		if t, ok := s.options.Timeouts[f.Name]; ok {
			timeout = t
		}
		s.functions[f.Name] = host.New(host.Config{
			Name:      f.Name,
			Bootstrap: s.bootstrap(f.Name),
			Timeout:   timeout,
			MemoryMB:  f.MemoryMB,
			Instances: s.options.Instances,
			Env:       s.environment(f),
			Log:       s.log,
			Backend:   func(i *host.Instance) string { return s.Faults.Attach(i) },
			Ended:     func(i *host.Instance) { s.Faults.Detach(i) },
		})
	}
	if s.options.NoWarm {
		return nil
	}
	// All at once: each takes some 10 ms, nearly all of it waiting.
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for _, f := range s.functions {
		all.Go(func() {
			if err := f.Warm(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// environment is what the template says, and the way to the services.
func (s *Stack) environment(f infra.Function) map[string]string {
	env := maps.Clone(f.Environment)
	if env == nil {
		env = make(map[string]string)
	}
	// The names are the SDK's own (AWS_ENDPOINT_URL_ and the service's id), so the
	// functions need no setting for a local run. The address behind them differs
	// from process to process; that is how the proxy knows who calls.
	maps.Copy(env, map[string]string{
		"AWS_ACCESS_KEY_ID":                      s.accessKey,
		"AWS_SECRET_ACCESS_KEY":                  secretKey,
		"AWS_ENDPOINT_URL_DYNAMODB":              host.Backend + "/" + faults.DynamoDB,
		"AWS_ENDPOINT_URL_SESV2":                 host.Backend + "/" + faults.SES,
		"AWS_ENDPOINT_URL_KMS":                   host.Backend + "/" + faults.KMS,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER":       host.Backend + "/" + faults.SecretsManager,
		"AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2": host.Backend + "/" + faults.SMS,
		// Any other service: a call must end here, and not in somebody's account.
		"AWS_ENDPOINT_URL": host.Backend + "/aws",
	})
	if _, ok := env["SNOWFLAKE_URL"]; ok {
		env["SNOWFLAKE_URL"] = host.Backend + "/" + faults.Snowflake + "/{account}"
	}
	if _, ok := env["HIBP_URL"]; ok {
		env["HIBP_URL"] = host.Backend + "/" + faults.Pwned
	}
	// Browsers take no IP address for the domain of a passkey.
	if _, ok := env["PASSKEY_RP_ID"]; ok {
		env["PASSKEY_RP_ID"], env["PASSKEY_ORIGINS"] = "localhost", strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	}
	// Who has this setting goes by scheduled times, and here they may be any.
	if _, ok := env["TIME_TRAVEL"]; ok {
		env["TIME_TRAVEL"] = "true"
	}
	maps.Copy(env, s.options.Env[f.Name])
	return env
}
