// Package dynamotest gives a test its own tables on a real DynamoDB engine,
// made from the same templates that are deployed.
package dynamotest

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra"
	"safekeep/infra/dynamodblocal"
	"safekeep/shared/dynamo"
)

// The names of the tables.
const (
	Tokens     = "Tokens"
	Workspaces = "Workspaces"
	Ledger     = "Ledger"
	Ephemera   = "Ephemera"
)

var engine = sync.OnceValues(func() (*dynamodblocal.Server, error) {
	// Without DYNAMODB_ENDPOINT this process starts an engine of its own,
	// which ends with it.
	return dynamodblocal.Open(context.Background(), dynamodblocal.Options{})
})

var stack = sync.OnceValues(func() (*infra.Stack, error) {
	root, err := infra.Root()
	if err != nil {
		return nil, err
	}
	return infra.Load(root, map[string]string{
		"ProductName": "Acme", "MailFrom": "security@acme.example", "SecurityContact": "security@company.example",
	})
})

// New returns a client, as the functions make it, that sees empty tables which
// nobody else sees.
func New(t testing.TB) *dynamodb.Client {
	t.Helper()
	server, err := engine()
	if err != nil {
		t.Fatalf("starting DynamoDB Local: %v", err)
	}
	tables, err := stack()
	if err != nil {
		t.Fatalf("reading the templates: %v", err)
	}
	client := dynamo.NewClient(aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server.Endpoint),
		// The engine keeps a database for each access key.
		Credentials: credentials.NewStaticCredentialsProvider("T"+rand.Text(), "local", ""),
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, table := range tables.Tables {
		_, err := client.CreateTable(ctx, table.CreateInput())
		// On a busy machine the client asks again after 3 s, and the table is
		// there: nobody else has this access key.
		var exists *types.ResourceInUseException
		if err != nil && !errors.As(err, &exists) {
			t.Fatalf("making table %s: %v", table.Name, err)
		}
	}
	return client
}
