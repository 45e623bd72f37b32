package envelope_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/envelope"
	"safekeep/shared/envelope/kmstest"
	"safekeep/shared/keyservice"
)

const marker = "s3cret-of-acme-corp"

var acme = envelope.Context{Workspace: "acme", Credential: "0b5e3c1e-7a52-4a3c-9a3f-1c2d3e4f5a6b", Version: 3}

func open(t testing.TB) (*envelope.Envelope, *kmstest.KMS) {
	t.Helper()
	k := kmstest.New(t)
	e, err := envelope.New(t.Context(), keyservice.NewClient(k.Config()), kmstest.Key)
	if err != nil {
		t.Fatal(err)
	}
	return e, k
}

func seal(t testing.TB, e *envelope.Envelope, c envelope.Context, plaintext string) []byte {
	t.Helper()
	message, err := e.Seal(t.Context(), c, []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// refused sees that nothing comes out but the one sentinel, and that its text is
// fit for a log.
func refused(t testing.TB, what string, got []byte, err, want error) {
	t.Helper()
	if got != nil || !errors.Is(err, want) {
		t.Errorf("%s: %d bytes, %v; want %v", what, len(got), err, want)
		return
	}
	for _, other := range []error{envelope.ErrSealed, envelope.ErrUnavailable, envelope.ErrInvalid} {
		if !errors.Is(want, other) && errors.Is(err, other) {
			t.Errorf("%s: %v is two errors at once", what, err)
		}
	}
	for _, leak := range []string{marker, base64.StdEncoding.EncodeToString([]byte(marker))[:20], hex.EncodeToString([]byte(marker)), "%!", "0xc0"} {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err.Error()); strings.Contains(text, leak) {
			t.Errorf("%s: the error holds %q: %s", what, leak, text)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	e, k := open(t)
	for _, n := range []int{1, 31, 1900, 4095, 4096, 4097, 8192, envelope.MaxPlaintext} {
		plaintext := bytes.Repeat([]byte{0, 0xff, 'x'}, n)[:n]
		message := seal(t, e, acme, string(plaintext))
		got, err := e.Open(t.Context(), acme, message)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
		if len(message) > n+1024 || message[0] != 1 || n > 100 && bytes.Contains(message, plaintext[:50]) {
			t.Errorf("%d bytes: %d in the message, which begins %x", n, len(message), message[:4])
		}
		if again := seal(t, e, acme, string(plaintext)); bytes.Equal(again, message) {
			t.Errorf("%d bytes: sealed twice the same", n)
		}
	}
	want := map[string]string{"workspace": acme.Workspace, "credential": acme.Credential, "version": "3", "kind": "warehouse-credential"}
	for _, c := range k.Calls() {
		if diff := cmp.Diff(kmstest.Call{Operation: c.Operation, KeyID: kmstest.Key, Context: want}, c); diff != "" {
			t.Errorf("KMS sees (-want +got):\n%s", diff)
		}
	}
	if k.Count("GenerateDataKey") != 16 || k.Count("Decrypt") != 8 || len(k.Calls()) != 24 {
		t.Errorf("calls: %v", k.Calls())
	}
}

// A message that was copied elsewhere stays shut.
func TestOnlyItsOwnContextOpens(t *testing.T) {
	t.Parallel()
	e, _ := open(t)
	message := seal(t, e, acme, marker)
	for what, change := range map[string]func(*envelope.Context){
		"other tenant":     func(c *envelope.Context) { c.Workspace = "globex" },
		"tenant's case":    func(c *envelope.Context) { c.Workspace = "Acme" },
		"tenant's prefix":  func(c *envelope.Context) { c.Workspace = "acm" },
		"no tenant":        func(c *envelope.Context) { c.Workspace = "" },
		"other credential": func(c *envelope.Context) { c.Credential = "0b5e3c1e-7a52-4a3c-9a3f-1c2d3e4f5a6c" },
		"no credential":    func(c *envelope.Context) { c.Credential = "" },
		"swapped":          func(c *envelope.Context) { c.Workspace, c.Credential = c.Credential, c.Workspace },
		"shifted":          func(c *envelope.Context) { c.Workspace, c.Credential = "acme0", c.Credential[1:] },
		"older version":    func(c *envelope.Context) { c.Version = 2 },
		"newer version":    func(c *envelope.Context) { c.Version = 4 },
		"no version":       func(c *envelope.Context) { c.Version = 0 },
		"nothing":          func(c *envelope.Context) { *c = envelope.Context{} },
	} {
		c := acme
		change(&c)
		got, err := e.Open(t.Context(), c, message)
		refused(t, what, got, err, envelope.ErrSealed)
	}
	if got, err := e.Open(t.Context(), acme, message); err != nil || string(got) != marker {
		t.Errorf("the right one: %q %v", got, err)
	}
}

func TestDamagedMessagesStayShut(t *testing.T) {
	t.Parallel()
	e, k := open(t)
	message := seal(t, e, acme, marker)
	try := func(what string, message []byte) {
		t.Helper()
		got, err := e.Open(t.Context(), acme, message)
		refused(t, what, got, err, envelope.ErrSealed)
	}
	for i := range message {
		for _, bit := range []byte{0x01, 0x80} {
			changed := bytes.Clone(message)
			changed[i] ^= bit
			try(fmt.Sprintf("byte %d with %#x", i, bit), changed)
		}
	}
	for n := range message {
		try(fmt.Sprintf("cut off at %d", n), message[:n])
		if n > 1 && n < len(message)-1 {
			try(fmt.Sprintf("the last %d", n), append([]byte{1}, message[len(message)-n:]...))
		}
	}
	try("one byte more", append(bytes.Clone(message), 0))
	try("twice", append(bytes.Clone(message), message...))

	// None of these costs a call of KMS.
	k.Set(nil)
	for first := range 256 {
		if first != 1 {
			try(fmt.Sprintf("format %d", first), append([]byte{byte(first)}, message[1:]...))
		}
	}
	try("nil", nil)
	try("empty", []byte{})
	try("the format alone", []byte{1})
	try("zeros", make([]byte, 500))
	try("a megabyte", append([]byte{1}, make([]byte, 1<<20)...))
	try("our beginning and no end", append(bytes.Clone(message), make([]byte, 1<<20)...))
	other := envelope.Context{Workspace: strings.Repeat("w", 129), Credential: "c", Version: 1}
	got, err := e.Open(t.Context(), other, message)
	refused(t, "no such workspace", got, err, envelope.ErrSealed)
	if len(k.Calls()) != 0 {
		t.Errorf("KMS was asked: %v", k.Calls())
	}
}

func TestWhatCannotBeSealed(t *testing.T) {
	t.Parallel()
	e, k := open(t)
	long := strings.Repeat("w", 129)
	for _, c := range []envelope.Context{
		{}, {Credential: "c", Version: 1}, {Workspace: "w", Version: 1}, {Workspace: "w", Credential: "c"},
		{Workspace: "w", Credential: "c", Version: -1}, {Workspace: long, Credential: "c", Version: 1},
		{Workspace: "w", Credential: "\xff", Version: 1},
	} {
		got, err := e.Seal(t.Context(), c, []byte(marker))
		refused(t, fmt.Sprintf("%+v", c), got, err, envelope.ErrInvalid)
	}
	for _, plaintext := range [][]byte{nil, {}, make([]byte, envelope.MaxPlaintext+1)} {
		got, err := e.Seal(t.Context(), acme, plaintext)
		refused(t, fmt.Sprint(len(plaintext), " bytes"), got, err, envelope.ErrInvalid)
	}
	if len(k.Calls()) != 0 {
		t.Errorf("KMS was asked: %v", k.Calls())
	}
	for _, key := range []string{"", "VaultKey", "alias/safekeep-vault", "arn:aws:kms:us-east-1:000000000000:alias/safekeep-vault", "arn:key/", "arn::key/x"} {
		if _, err := envelope.New(t.Context(), keyservice.NewClient(k.Config()), key); err == nil {
			t.Errorf("a key called %q will do", key)
		}
	}
}

// Whatever is wrong with KMS is not the message's fault.
func TestKMSFails(t *testing.T) {
	t.Parallel()
	always := func(f kmstest.Fault) func(int, kmstest.Call) kmstest.Fault {
		return func(int, kmstest.Call) kmstest.Fault { return f }
	}
	short := base64.StdEncoding.EncodeToString([]byte(marker))
	for _, c := range []struct {
		what  string
		fault kmstest.Fault
		tries int
	}{
		{"throttling", kmstest.Fault{Status: 400, Code: "ThrottlingException"}, 3},
		{"limits", kmstest.Fault{Status: 400, Code: "LimitExceededException"}, 0},
		{"internal", kmstest.Fault{Status: 500, Code: "KMSInternalException"}, 3},
		{"dependency", kmstest.Fault{Status: 503, Code: "DependencyTimeoutException"}, 3},
		{"key unavailable", kmstest.Fault{Status: 500, Code: "KeyUnavailableException"}, 3},
		{"denied", kmstest.Fault{Status: 400, Code: "AccessDeniedException"}, 1},
		{"disabled", kmstest.Fault{Status: 400, Code: "DisabledException"}, 1},
		{"to be deleted", kmstest.Fault{Status: 400, Code: "KMSInvalidStateException"}, 1},
		{"gone", kmstest.Fault{Status: 400, Code: "NotFoundException"}, 1},
		{"expired", kmstest.Fault{Status: 400, Code: "ExpiredTokenException"}, 1},
		{"hanging up", kmstest.Fault{Drop: true}, 3},
		{"an error of no shape", kmstest.Fault{Status: 400, Body: "<html>" + marker}, 0},
		{"no JSON", kmstest.Fault{Body: "oops " + marker}, 0},
		{"half an answer", kmstest.Fault{Body: `{"KeyId":"` + kmstest.Key + `","Plaintext":"` + short[:9]}, 0},
		{"not base64", kmstest.Fault{Body: `{"KeyId":"` + kmstest.Key + `","Plaintext":"` + marker + `!"}`}, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel() // most of it is waiting for another try
			e, k := open(t)
			message := seal(t, e, acme, marker)
			k.Set(always(c.fault))
			got, err := e.Open(t.Context(), acme, message)
			refused(t, "open", got, err, envelope.ErrUnavailable)
			if n := len(k.Calls()); c.tries != 0 && n != c.tries {
				t.Errorf("open: %d tries, want %d", n, c.tries)
			}
			k.Set(always(c.fault))
			got, err = e.Seal(t.Context(), acme, []byte(marker))
			refused(t, "seal", got, err, envelope.ErrUnavailable)
			if n := len(k.Calls()); c.tries != 0 && n != c.tries {
				t.Errorf("seal: %d tries, want %d", n, c.tries)
			}
		})
	}
	e, k := open(t)
	message := seal(t, e, acme, marker)
	// What KMS would never say opens nothing and seals nothing.
	for what, body := range map[string]string{
		"nothing":     `{}`,
		"a short key": `{"KeyId":"` + kmstest.Key + `","Plaintext":"` + short + `","CiphertextBlob":"AAAA"}`,
		"another key": `{"KeyId":"arn:aws:kms:us-east-1:000000000000:key/Other","Plaintext":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `"}`,
		"a wrong key": `{"KeyId":"` + kmstest.Key + `","Plaintext":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `"}`,
		"no key":      `{"KeyId":"` + kmstest.Key + `"}`,
	} {
		k.Set(always(kmstest.Fault{Body: body}))
		got, err := e.Open(t.Context(), acme, message)
		refused(t, "open, "+what, got, err, envelope.ErrSealed)
		got, err = e.Seal(t.Context(), acme, []byte(marker))
		refused(t, "seal, "+what, got, err, envelope.ErrUnavailable)
	}
	k.Set(always(kmstest.Fault{Status: 400, Code: "IncorrectKeyException"}))
	got, err := e.Open(t.Context(), acme, message)
	refused(t, "open, incorrect key", got, err, envelope.ErrSealed)

	// And afterwards all is well, also within one call.
	k.Set(func(n int, _ kmstest.Call) kmstest.Fault {
		return []kmstest.Fault{{Status: 400, Code: "ThrottlingException"}, {Drop: true}, {}}[min(n, 3)-1]
	})
	if got, err := e.Open(t.Context(), acme, message); err != nil || string(got) != marker || k.Count("Decrypt") != 3 {
		t.Errorf("at the third try: %q %v after %d", got, err, k.Count("Decrypt"))
	}
}

func TestKMSIsDown(t *testing.T) {
	t.Parallel()
	e, k := open(t)
	message := seal(t, e, acme, marker)
	down := k.Config()
	nowhere := "http://127.0.0.1:1"
	down.BaseEndpoint = &nowhere
	e, err := envelope.New(t.Context(), keyservice.NewClient(down), kmstest.Key)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got, err := e.Open(t.Context(), acme, message)
	refused(t, "open", got, err, envelope.ErrUnavailable)
	got, err = e.Seal(t.Context(), acme, []byte(marker))
	refused(t, "seal", got, err, envelope.ErrUnavailable)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s to say so", took)
	}
}

// A try that hangs is given up and made again.
func TestKMSIsSlow(t *testing.T) {
	t.Parallel()
	e, k := open(t)
	message := seal(t, e, acme, marker)
	k.Set(func(n int, _ kmstest.Call) kmstest.Fault {
		if n == 1 {
			return kmstest.Fault{Delay: time.Minute}
		}
		return kmstest.Fault{}
	})
	if got, err := e.Open(t.Context(), acme, message); err != nil || string(got) != marker || k.Count("Decrypt") != 2 {
		t.Errorf("%q %v after %d tries", got, err, k.Count("Decrypt"))
	}
}

// The library knows nothing of contexts; a call ends with its own all the same.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	e, k := open(t)
	message := seal(t, e, acme, marker)
	k.Set(func(int, kmstest.Call) kmstest.Fault { return kmstest.Fault{Delay: time.Minute} })
	for what, end := range map[string]func() (context.Context, context.CancelFunc){
		"deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 200*time.Millisecond)
		},
		"cancelled": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(200*time.Millisecond, cancel)
			return ctx, cancel
		},
		"before": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, cancel
		},
	} {
		for _, operation := range []string{"open", "seal"} {
			ctx, cancel := end()
			began := time.Now()
			var got []byte
			var err error
			if operation == "open" {
				got, err = e.Open(ctx, acme, message)
			} else {
				got, err = e.Seal(ctx, acme, []byte(marker))
			}
			refused(t, operation+", "+what, got, err, envelope.ErrUnavailable)
			if !errors.Is(err, context.Cause(ctx)) {
				t.Errorf("%s, %s: %v does not say why", operation, what, err)
			}
			// Three tries of 2 s would take longer, whatever else this machine does.
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s, %s: it took %s", operation, what, took)
			}
			cancel()
		}
	}
	// A worker that one context ended serves the next.
	k.Set(nil)
	if got, err := e.Open(t.Context(), acme, message); err != nil || string(got) != marker {
		t.Errorf("afterwards: %q %v", got, err)
	}
}

// Fifty at once, each with a context of its own and some with a KMS that fails
// them: nobody gets another's secret or error.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	e, k := open(t)
	k.Set(func(_ int, c kmstest.Call) kmstest.Fault {
		if strings.HasPrefix(c.Context["workspace"], "denied") {
			return kmstest.Fault{Status: 400, Code: "AccessDeniedException"}
		}
		return kmstest.Fault{}
	})
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			c := envelope.Context{Workspace: fmt.Sprint("w", n), Credential: "c", Version: 1}
			denied := c
			denied.Workspace = "denied"
			for range 10 {
				if n%5 == 0 {
					got, err := e.Seal(t.Context(), denied, []byte(marker))
					refused(t, "denied", got, err, envelope.ErrUnavailable)
				}
				message, err := e.Seal(t.Context(), c, []byte(c.Workspace))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := e.Open(t.Context(), c, message)
				if err != nil || string(got) != c.Workspace {
					t.Errorf("%q %v", got, err)
				}
				c2 := c
				c2.Version = 2
				got, err = e.Open(t.Context(), c2, message)
				refused(t, "next version", got, err, envelope.ErrSealed)
			}
		})
	}
	all.Wait()
}

// FuzzOpen gives Open any message in any context: it never panics, and opens
// only what was sealed.
func FuzzOpen(f *testing.F) {
	e, _ := open(f)
	message, err := e.Seal(f.Context(), acme, []byte(marker))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message, acme.Workspace, acme.Credential, acme.Version)
	for _, n := range []int{1, 4, 36, 40, 60, 200, len(message) - 1} {
		f.Add(message[:n], acme.Workspace, acme.Credential, acme.Version)
		changed := bytes.Clone(message)
		changed[n] ^= 0xff
		f.Add(changed, acme.Workspace, acme.Credential, acme.Version)
	}
	f.Add([]byte{}, "", "", int64(0))
	f.Fuzz(func(t *testing.T, text []byte, workspace, credential string, version int64) {
		c := envelope.Context{Workspace: workspace, Credential: credential, Version: version}
		got, err := e.Open(t.Context(), c, text)
		if c == acme && bytes.Equal(text, message) {
			if err != nil || string(got) != marker {
				t.Fatalf("%q %v", got, err)
			}
			return
		}
		refused(t, "fuzzed", got, err, envelope.ErrSealed)
	})
}

func BenchmarkEnvelope(b *testing.B) {
	e, _ := open(b)
	for _, n := range []int{100, 1900, envelope.MaxPlaintext} {
		plaintext := make([]byte, n)
		message := seal(b, e, acme, string(plaintext))
		b.Run(fmt.Sprint("Seal", n), func(b *testing.B) {
			for b.Loop() {
				_, _ = e.Seal(b.Context(), acme, plaintext)
			}
		})
		b.Run(fmt.Sprint("Open", n), func(b *testing.B) {
			for b.Loop() {
				_, _ = e.Open(b.Context(), acme, message)
			}
		})
	}
}
