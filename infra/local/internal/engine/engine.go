// Package engine gives tests one DynamoDB Local for the whole test binary.
package engine

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/infra/dynamodblocal"
)

var used atomic.Bool

var server = sync.OnceValues(func() (*dynamodblocal.Server, error) {
	used.Store(true)
	// Tests hold little data, and several test binaries run at a time.
	return dynamodblocal.Open(context.Background(), dynamodblocal.Options{Heap: "512m", Log: os.Stderr})
})

// Endpoint is where the engine answers. What is missing on this machine fails
// the test and says which command mends it. The engine ends with the test binary.
func Endpoint(t testing.TB) string {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return s.Endpoint
}

// Close ends the engine, if one was started. TestMain calls it last: outside
// Linux nothing else would.
func Close() {
	if !used.Load() {
		return
	}
	if s, err := server(); err == nil {
		s.Close()
	}
}

// Credentials are random, so that what is made with them is seen by nobody else.
func Credentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(rand.Text(), "secret", "")
}

// Client is a client with these credentials.
func Client(endpoint string, who aws.CredentialsProvider) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: who})
}
