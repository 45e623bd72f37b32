package local

import (
	"io"
	"net/http"
	"time"
)

// Options says what stack to start. The zero value starts the repository around
// the working directory on a free port, in memory, with an engine of its own.
type Options struct {
	// Root is the repository's root. Empty means the nearest folder upwards from
	// the working directory that holds template.yaml.
	Root string
	// Port of 127.0.0.1 to listen on; 0 picks a free one.
	Port int
	// DynamoDB is the endpoint of an engine that runs already, to be shared. Empty
	// means the one in DYNAMODB_ENDPOINT or, without that, one that is started.
	DynamoDB string
	// State is the folder that keeps tables, mails and host keys over a restart.
	// Empty keeps them in memory.
	State string
	// Log takes what the functions print and what the stack has to say, a line a
	// Write and one at a time. Nil drops it.
	Log io.Writer

	// Parameters are laid over those that the stack gives the template.
	Parameters map[string]string
	// Functions are the names of the functions to run; nil runs all.
	Functions []string
	// Bootstraps replaces the program of a function, by name; such a function is
	// not built and need not exist under functions/.
	Bootstraps map[string]string
	// Timeouts replaces a function's timeout, by name.
	Timeouts map[string]time.Duration
	// Env adds to a function's environment, or replaces in it, by name. The address
	// of the fault proxy goes where a value says [host.Backend].
	Env map[string]map[string]string
	// Services adds services behind the fault proxy, by name: a function finds
	// one at [host.Backend] + "/" + name.
	Services map[string]http.Handler
	// Instances is the number of processes of a function at most; 0 means 8.
	Instances int
	// ForceBase64 hands over every HTTP body as base64.
	ForceBase64 bool
	// NoPump leaves the streams alone, NoTicks the rate schedules, NoSeed the
	// tables empty. NoWarm starts no process before the first invocation.
	NoPump, NoTicks, NoSeed, NoWarm bool
}

// The company that the local stack plays.
const (
	product         = "Acme"
	mailDomain      = "acme.example"
	mailFrom        = "security@acme.example"
	securityContact = "security@company.example"
	githubSecret    = "safekeep/github-token"
	smsSecret       = "safekeep/sms"
	smsOrigination  = "arn:aws:sms-voice:us-east-1:000000000000:phone-number/phone-local"
)
