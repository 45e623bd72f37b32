package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra/dynamodblocal"
	"safekeep/infra/local/faults"
	"safekeep/infra/local/host"
)

// secretKey goes with the random access key. Nobody checks it.
const secretKey = "local"

// statePath is the place of something to be kept, empty when nothing is.
func (s *Stack) statePath(name string) string {
	if s.options.State == "" {
		return ""
	}
	return filepath.Join(s.options.State, name)
}

// openState makes up the access key or finds the one of an earlier run: under
// another the engine would show none of its tables.
func (s *Stack) openState() error {
	s.accessKey = rand.Text() // letters and digits, as the engine demands
	if s.options.State == "" {
		return nil
	}
	if err := os.MkdirAll(s.options.State, 0o700); err != nil {
		return fmt.Errorf("making the folder for the state: %w", err)
	}
	if err := s.lockState(); err != nil {
		return err
	}
	var kept struct {
		AccessKey string `json:"access_key"`
	}
	path := s.statePath("stack.json")
	text, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(text, &kept); err != nil || kept.AccessKey == "" {
			return fmt.Errorf("reading the state: %s is damaged; remove the folder to start anew", path)
		}
		s.accessKey = kept.AccessKey
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the state: %w", err)
	}
	kept.AccessKey = s.accessKey
	text, _ = json.Marshal(kept) // a string always marshals
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("keeping the state: %w", err)
	}
	return nil
}

// lockState keeps a second stack away: two engines over the same files would
// damage them.
func (s *Stack) lockState() error {
	lock, err := os.Create(s.statePath(".lock"))
	if err != nil {
		return fmt.Errorf("locking the state: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return fmt.Errorf("another stack uses the state in %s; end it or choose another folder: %w", s.options.State, err)
	}
	s.lock = lock // closing it unlocks
	return nil
}

// openEngine finds or starts DynamoDB.
func (s *Stack) openEngine(ctx context.Context) error {
	s.Endpoint = s.options.DynamoDB
	if s.Endpoint == "" {
		engine, err := dynamodblocal.Open(ctx, dynamodblocal.Options{Root: s.options.Root, State: s.statePath("dynamodb"), Log: s.log})
		if err != nil {
			return err
		}
		s.engine, s.Endpoint = engine, engine.Endpoint
	}
	s.Credentials = credentials.NewStaticCredentialsProvider(s.accessKey, secretKey, "")
	s.DynamoDB = dynamodb.New(dynamodb.Options{Region: host.Region, BaseEndpoint: &s.Endpoint, Credentials: s.Credentials})
	return nil
}

// createTables makes the template's tables; those that a kept state has already
// stay as they are.
func (s *Stack) createTables(ctx context.Context) error {
	forward, err := faults.Forward(s.Endpoint)
	if err != nil {
		return fmt.Errorf("reaching DynamoDB: %w", err)
	}
	s.Faults.Serve(faults.DynamoDB, forward)

	errs := make([]error, len(s.Template.Tables))
	var all sync.WaitGroup
	for i, table := range s.Template.Tables {
		all.Go(func() {
			_, err := s.DynamoDB.CreateTable(ctx, table.CreateInput())
			var exists *types.ResourceInUseException
			if err != nil && !errors.As(err, &exists) {
				errs[i] = fmt.Errorf("creating the table %s: %w", table.Name, err)
				return
			}
			waiter := dynamodb.NewTableExistsWaiter(s.DynamoDB, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond })
			if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &table.Name}, time.Minute); err != nil {
				errs[i] = fmt.Errorf("creating the table %s: %w", table.Name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// dropTables gives back the memory of an engine that lives on. One that ends
// with the stack forgets by itself.
func (s *Stack) dropTables() error {
	if s.engine.Owned() || s.Template == nil || s.DynamoDB == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var errs []error
	for _, table := range s.Template.Tables {
		_, err := s.DynamoDB.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table.Name})
		var gone *types.ResourceNotFoundException
		if err != nil && !errors.As(err, &gone) {
			errs = append(errs, fmt.Errorf("dropping the table %s: %w", table.Name, err))
		}
	}
	return errors.Join(errs...)
}
