// Command safekeep-local runs the local stack until it is interrupted. It prints
// "ready http://127.0.0.1:3000" when all is up. `make run` starts it.
//
// Environment:
//
//	PORT               of 127.0.0.1; 3000 when unset, 0 for any that is free
//	STATE              folder that keeps the data over a restart; memory when unset
//	DYNAMODB_ENDPOINT  another engine instead of the one that is started
//	GITHUB_KEYS_URL    other key documents than those of the simulated hosts
//	GITLAB_KEYS_URL
//	TOKEN_SERVICE_URL     a token service of one's own, and what the secret holds
//	TOKEN_SERVICE_SECRET  that its calls are signed with
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"safekeep/infra/local"
	"safekeep/infra/local/secrets"
)

// tokenService is the secret of a token service of one's own.
const tokenService = "safekeep/token-service"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// A second Ctrl-C ends the program at once, and the kernel its children.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Getenv)
	interrupted := ctx.Err() != nil // what fails then fails because of that
	if err != nil && !interrupted {
		fmt.Fprintln(os.Stderr, "safekeep-local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	port := 3000
	if text := getenv("PORT"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 65535 {
			return fmt.Errorf("PORT=%q is no port; give a number from 0 to 65535", text)
		}
		port = n
	}
	parameters := make(map[string]string)
	for variable, parameter := range map[string]string{"GITHUB_KEYS_URL": "GitHubKeysUrl", "GITLAB_KEYS_URL": "GitLabKeysUrl"} {
		if value := getenv(variable); value != "" {
			parameters[parameter] = value
		}
	}
	if value := getenv("TOKEN_SERVICE_URL"); value != "" {
		parameters["TokenServiceUrl"], parameters["TokenServiceSecretArn"] = value, secrets.ARN(tokenService)
	}
	stack, err := local.Start(ctx, local.Options{Port: port, State: getenv("STATE"), Log: os.Stdout, Parameters: parameters})
	if err != nil {
		return err
	}
	stack.Secrets.Set(tokenService, getenv("TOKEN_SERVICE_SECRET"))
	fmt.Println("ready", stack.URL)
	<-ctx.Done()
	return stack.Close()
}
