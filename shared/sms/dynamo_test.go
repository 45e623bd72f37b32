package sms

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/dynamo/dynamotest"
)

// table is a table with the keys of Accounts.
const table = "SmsCounters"

func counters(t *testing.T) *Counters {
	t.Helper()
	client := dynamotest.New(t)
	text := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS}
	}
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{text("user"), text("item")},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("user"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("item"), KeyType: types.KeyTypeRange},
		},
	})
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) { // the client asks again when it is late
		t.Fatal(err)
	}
	return &Counters{Client: client, Table: table}
}

func meter(t *testing.T, limits Limits, now func() time.Time) *Meter {
	t.Helper()
	secret := func(context.Context) (string, error) { return `{"hmac_current":"` + keyA + `"}`, nil }
	return &Meter{Limits: limits, Limiter: counters(t), Secret: secret, Now: now}
}

func always(at time.Time) func() time.Time { return func() time.Time { return at } }

// items returns all counters, by their keys.
func items(t *testing.T, m *Meter) map[string]dynamo.Item {
	t.Helper()
	out, err := m.Limiter.(*Counters).Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table), ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]dynamo.Item{}
	for _, item := range out.Items {
		all[dynamo.Text(item, "user")+" "+dynamo.Text(item, "item")] = item
	}
	return all
}

// Of any number of sends at once, as many get through as the limit says.
func TestReserveAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits Limits
		user   func(int) string
		phone  func(int) string
		want   int64
		reason string
	}{
		"a user":    {Limits{5, 100, 100, 100, 1000}, func(int) string { return "ann" }, phoneOf, 5, UserLimit},
		"a number":  {Limits{100, 100, 100, 7, 1000}, func(i int) string { return fmt.Sprint("user", i) }, func(int) string { return phone }, 7, NumberLimit},
		"the stack": {Limits{100, 100, 100, 100, 93}, func(i int) string { return fmt.Sprint("user", i) }, phoneOf, 19, StackLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := meter(t, c.limits, always(noon))
			var passed atomic.Int64
			var group sync.WaitGroup
			for i := range 40 {
				group.Go(func() {
					err := m.Enrolment(t.Context(), c.user(i), number(t, c.phone(i)))
					switch {
					case err == nil:
						passed.Add(1)
					case !errors.Is(err, ErrTooMany) || Reason(err) != c.reason || !Until(err).After(noon):
						t.Errorf("%v is %q until %v", err, Reason(err), Until(err))
					}
				})
			}
			group.Wait()
			if passed.Load() != c.want {
				t.Errorf("%d got through, want %d", passed.Load(), c.want)
			}
		})
	}
}

func phoneOf(i int) string { return fmt.Sprintf("+1604555%04d", 200+i) }

// Five an hour, over the boundary of hours and of days; whoever keeps asking is
// not counted for it.
func TestReserveOverTime(t *testing.T) {
	t.Parallel()
	w := &world{t: t, now: noon.Add(55 * time.Minute)}
	m := meter(t, DefaultLimits(1000), w.clock)
	send := func() error { return m.SignIn(t.Context(), "ann") }
	for range 5 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(10 * time.Minute) // the next hour
	for range 9 {
		if err := send(); Reason(err) != UserLimit || !Until(err).Equal(noon.Add(2*time.Hour)) {
			t.Fatalf("%v until %v", err, Until(err))
		}
	}
	w.now = noon.Add(2 * time.Hour)
	for n := range 5 {
		if err := send(); err != nil {
			t.Fatalf("send %d after an hour: %v", n+1, err)
		}
	}
	// Ten a day are used up, and it is the first five that end first.
	w.pass(13 * time.Hour) // the next day
	if err := send(); Reason(err) != UserLimit || !Until(err).Equal(noon.Add(26*time.Hour)) {
		t.Errorf("%v until %v", err, Until(err))
	}
	w.now = noon.Add(26 * time.Hour)
	if err := send(); err != nil {
		t.Errorf("after a day: %v", err)
	}
}

// A stranger who says that a number is theirs uses up what enrolments of it have,
// and nothing of its owner's. Whoever meets that limit loses nothing by it.
func TestEnrolmentsLeaveSignInsAlone(t *testing.T) {
	t.Parallel()
	w := &world{t: t, now: noon}
	m := meter(t, DefaultLimits(1000), w.clock)
	to := number(t, phone)
	for n, stranger := range []string{"s1", "s2", "s3"} {
		if err := m.Enrolment(t.Context(), stranger, to); err != nil {
			t.Fatalf("enrolment %d: %v", n+1, err)
		}
	}
	if err := m.Enrolment(t.Context(), "s4", to); Reason(err) != NumberLimit {
		t.Errorf("the fourth in an hour: %v", err)
	}
	w.pass(2 * time.Hour)
	for _, stranger := range []string{"s4", "s5"} {
		if err := m.Enrolment(t.Context(), stranger, to); err != nil {
			t.Error(err)
		}
	}
	if err := m.Enrolment(t.Context(), "s6", to); Reason(err) != NumberLimit {
		t.Errorf("the sixth in a day: %v", err)
	}
	for key := range items(t, m) {
		if strings.HasPrefix(key, "s6 ") {
			t.Errorf("%s was counted", key)
		}
	}
	for n := range 5 {
		if err := m.SignIn(t.Context(), "ann"); err != nil {
			t.Errorf("the owner's sign-in %d: %v", n+1, err)
		}
	}
}

// Enrolments have a fifth of the stack's day, and leave the rest to sign-ins.
func TestEnrolmentsHaveAShare(t *testing.T) {
	t.Parallel()
	m := meter(t, DefaultLimits(10), always(noon))
	for i := range 3 {
		err := m.Enrolment(t.Context(), fmt.Sprint("user", i), number(t, phoneOf(i)))
		if i < 2 && err != nil || i == 2 && Reason(err) != StackLimit {
			t.Errorf("enrolment %d: %v", i+1, err)
		}
	}
	for i := range 9 {
		err := m.SignIn(t.Context(), fmt.Sprint("owner", i))
		if i < 8 && err != nil || i == 8 && Reason(err) != StackLimit {
			t.Errorf("sign-in %d: %v", i+1, err)
		}
	}
	// Once the stack's day is used up, whoever asks is not counted for it.
	for key := range items(t, m) {
		if strings.HasPrefix(key, "owner8 ") || strings.HasPrefix(key, "user2 ") {
			t.Errorf("%s was counted", key)
		}
	}
}

// Every counter stands where package mfa expects it, ends by itself, and holds
// neither number nor more than a count.
func TestReserveItems(t *testing.T) {
	t.Parallel()
	m := meter(t, DefaultLimits(1000), always(noon))
	if err := m.Enrolment(t.Context(), "ann", number(t, phone)); err != nil {
		t.Fatal(err)
	}
	patterns := []string{
		`^ann window#sms-user-hour#00029\d{5}$`, `^ann window#sms-user-day#0000\d{6}$`,
		`^sms#[0-9a-f]{64} window#sms-number-enrol-hour#00029\d{5}$`, `^sms#[0-9a-f]{64} window#sms-number-enrol-day#0000\d{6}$`,
		`^sms#stack window#sms-stack-day-[0-7]#00000\d{5}$`, `^sms#stack window#sms-stack-enrol-day-[0-7]#00000\d{5}$`,
	}
	all := items(t, m)
	for _, pattern := range patterns {
		found := 0
		for key, item := range all {
			if !regexp.MustCompile(pattern).MatchString(key) {
				continue
			}
			found++
			purge := time.Unix(dynamo.Number(item, "purge_at"), 0)
			if len(item) != 4 || dynamo.Number(item, "n") != 1 || purge.Before(noon.Add(time.Hour)) || purge.After(noon.Add(28*time.Hour)) {
				t.Errorf("%s: %v", key, item)
			}
		}
		if found != 1 {
			t.Errorf("%d items like %s", found, pattern)
		}
	}
	if len(all) != len(patterns) {
		t.Errorf("%d items", len(all))
	}
}

// The stack's day is UTC's, and its limit may be any number, also none.
func TestReserveStackDay(t *testing.T) {
	t.Parallel()
	w := &world{t: t, now: noon.Add(12*time.Hour - time.Second)}
	m := meter(t, DefaultLimits(3), w.clock)
	for i := range 4 {
		err := m.SignIn(t.Context(), fmt.Sprint("user", i))
		if i < 3 && err != nil || i == 3 && (Reason(err) != StackLimit || !Until(err).Equal(noon.Add(12*time.Hour))) {
			t.Fatalf("%d: %v until %v", i, err, Until(err))
		}
	}
	w.pass(time.Second)
	if err := m.Enrolment(t.Context(), "ann", number(t, phone)); err != nil {
		t.Errorf("after midnight: %v", err)
	}
	m.Limits.StackDay = 0
	before := len(items(t, m))
	if err := m.SignIn(t.Context(), "eve"); Reason(err) != StackLimit || len(items(t, m)) != before {
		t.Errorf("without a budget: %v", err)
	}
}

// A table that does not answer is an error that says so, not a free send.
func TestReserveWithoutTable(t *testing.T) {
	t.Parallel()
	m := meter(t, DefaultLimits(3), always(noon))
	m.Limiter.(*Counters).Table = "Another"
	if err := m.Enrolment(t.Context(), "ann", number(t, phone)); err == nil || errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	m.Secret = func(context.Context) (string, error) { return "{}", nil }
	if err := m.Enrolment(t.Context(), "ann", number(t, phone)); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}
