package host

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The place that every function believes to run in.
const (
	Region  = "us-east-1"
	Account = "000000000000"
)

// environment is all that the process sees. It is built from nothing: a
// developer's own AWS credentials, profiles and proxies must not reach a
// function, nor must anything that a deployed one would not have.
func (i *Instance) environment() []string {
	c := i.function.config
	env := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          i.api.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME":        c.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(c.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + c.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      fmt.Sprintf("%s[$LATEST]%08d", i.started.UTC().Format("2006/01/02/"), i.id),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_LEVEL":            "INFO",
		"AWS_EXECUTION_ENV":               "AWS_Lambda_provided.al2023",
		"AWS_REGION":                      Region,
		"AWS_DEFAULT_REGION":              Region,
		"_HANDLER":                        "bootstrap",
		"LAMBDA_TASK_ROOT":                filepath.Dir(c.Bootstrap),
		"LANG":                            "en_US.UTF-8",
		"PATH":                            "/usr/local/bin:/usr/bin:/bin",
		"TZ":                              "UTC",
		// The SDK would otherwise read the profile of whoever runs the stack, and
		// ask the instance metadata service of the machine it runs on.
		"AWS_CONFIG_FILE":             "/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_EC2_METADATA_DISABLED":   "true",
	}
	for name, value := range c.Env {
		env[name] = value
	}
	backend := ""
	if c.Backend != nil {
		backend = c.Backend(i)
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+strings.ReplaceAll(value, Backend, backend))
	}
	return list
}
