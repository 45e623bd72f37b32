// Package function starts a Lambda: the logger that CloudWatch can filter, the
// environment as a map, and an error at the start that says what is missing.
package function

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/caarlos0/env/v11"
)

// Main runs a function until Lambda ends it. An error from run ends the
// process, and Lambda shows its text as the reason.
func Main(run func(ctx context.Context, environment map[string]string) error) {
	slog.SetDefault(lambdacontext.NewLogger())
	if err := run(context.Background(), env.ToMap(os.Environ())); err != nil {
		slog.Error("cannot start", "error", err.Error())
		os.Exit(1)
	}
}

// Config reads the environment into a struct with `env` tags.
func Config[T any](environment map[string]string) (T, error) {
	return env.ParseAsWithOptions[T](env.Options{Environment: environment})
}

// Days is the length of so many days, as parameters of the stack give times.
func Days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
