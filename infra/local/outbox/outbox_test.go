package outbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"safekeep/infra/local/outbox"
)

// request is a signed SendEmail that is accepted as it stands.
func request(edit func(q map[string]any)) *http.Request {
	q := map[string]any{
		"FromEmailAddress": "Acme Security <security@acme.example>",
		"Destination":      map[string]any{"ToAddresses": []string{"ann@customer.example"}},
		"EmailTags":        []any{map[string]string{"Name": "kind", "Value": "token_exposed"}},
		"Content": map[string]any{"Simple": map[string]any{
			"Subject": map[string]string{"Data": "A token was exposed – see", "Charset": "UTF-8"},
			"Body":    map[string]any{"Text": map[string]string{"Data": "text"}, "Html": map[string]string{"Data": "<p>html"}},
			"Headers": []any{map[string]string{"Name": "X-Entity-Ref-ID", "Value": "1"}},
		}},
	}
	if edit != nil {
		edit(q)
	}
	b, _ := json.Marshal(q)
	r := httptest.NewRequest(http.MethodPost, "/v2/email/outbound-emails", strings.NewReader(string(b)))
	now := time.Now().UTC()
	r.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/"+now.Format("20060102")+"/us-east-1/ses/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("a", 64))
	return r
}

func simple(q map[string]any) map[string]any {
	return q["Content"].(map[string]any)["Simple"].(map[string]any)
}

func send(o *outbox.Outbox, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w
}

// A good mail is kept as it would be delivered.
func TestAccepts(t *testing.T) {
	for _, identity := range []string{"security@acme.example", "acme.example", "example"} {
		o, _ := outbox.New(identity, "")
		w := send(o, request(nil))
		var answer struct{ MessageID string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", identity, w.Code, w.Body)
		}
		m := o.Mails()[0]
		if m.ID != answer.MessageID || m.To[0] != "ann@customer.example" || m.Text != "text" || m.HTML != "<p>html" ||
			m.Headers["From"] != "Acme Security <security@acme.example>" || m.Headers["X-Entity-Ref-ID"] != "1" || m.Headers["X-SES-MESSAGE-TAGS"] != "kind=token_exposed" {
			t.Errorf("%+v", m)
		}
	}
}

// What SES would refuse is refused, in SES's words.
func TestRefuses(t *testing.T) {
	to := func(list ...string) func(map[string]any) {
		return func(q map[string]any) { q["Destination"] = map[string]any{"ToAddresses": list} }
	}
	header := func(name, value string) func(map[string]any) {
		return func(q map[string]any) { simple(q)["Headers"] = []any{map[string]string{"Name": name, "Value": value}} }
	}
	for _, tt := range []struct {
		name string
		edit func(map[string]any)
		code string
	}{
		{"another sender", func(q map[string]any) { q["FromEmailAddress"] = "x@other.example" }, "MessageRejected"},
		{"a domain that only ends like ours", func(q map[string]any) { q["FromEmailAddress"] = "x@notacme.example" }, "MessageRejected"},
		{"no sender", func(q map[string]any) { delete(q, "FromEmailAddress") }, "BadRequestException"},
		{"a raw UTF-8 name", func(q map[string]any) { q["FromEmailAddress"] = "Äcme <security@acme.example>" }, "BadRequestException"},
		{"nobody", to(), "BadRequestException"},
		{"51 people", to(strings.Split(strings.Repeat("a@b.example ", 51), " ")[:51]...), "BadRequestException"},
		{"a display name", to("Ann <ann@customer.example>"), "BadRequestException"},
		{"no domain", to("ann"), "BadRequestException"},
		{"a header in the address", to("ann@customer.example\nBcc: x@y.example"), "BadRequestException"},
		{"two in one", to("a@b.example,c@d.example"), "BadRequestException"},
		{"beyond ASCII", to("änn@customer.example"), "BadRequestException"},
		{"a newline in the subject", func(q map[string]any) { simple(q)["Subject"] = map[string]string{"Data": "a\nb"} }, "BadRequestException"},
		{"a charset is missing", func(q map[string]any) { simple(q)["Subject"] = map[string]string{"Data": "–"} }, "BadRequestException"},
		{"no body", func(q map[string]any) { simple(q)["Body"] = map[string]any{} }, "BadRequestException"},
		{"a reserved header", header("Return-Path", "x"), "BadRequestException"},
		{"a bad header name", header("X Y", "x"), "BadRequestException"},
		{"a newline in a header", header("X-Y", "a\r\nb"), "BadRequestException"},
		{"a long header", header("X-Y", strings.Repeat("x", 996)), "BadRequestException"},
		{"a bad tag", func(q map[string]any) {
			q["EmailTags"] = []any{map[string]string{"Name": "kind", "Value": "token.exposed"}}
		}, "BadRequestException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := outbox.New("acme.example", "")
			w := send(o, request(tt.edit))
			if w.Code != 400 || w.Header().Get("X-Amzn-Errortype") != tt.code || len(o.Mails()) != 0 {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
		})
	}
}

// Nothing is sent without a fresh signature for SES.
func TestSignature(t *testing.T) {
	for name, edit := range map[string]func(*http.Request){
		"none":     func(r *http.Request) { r.Header.Del("Authorization") },
		"not ours": func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
		"other service": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/ses/", "/sns/", 1))
		},
		"old": func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") },
	} {
		o, _ := outbox.New("acme.example", "")
		r := request(nil)
		edit(r)
		if w := send(o, r); w.Code != 403 || len(o.Mails()) != 0 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

// The outbox misbehaves on demand, and those who wait for mail are woken.
func TestRefuseAndWait(t *testing.T) {
	o, _ := outbox.New("acme.example", "")
	o.Refuse(func(outbox.Mail) *outbox.Error { return &outbox.Error{Status: 429, Code: "TooManyRequestsException"} })
	if w := send(o, request(nil)); w.Code != 429 {
		t.Errorf("%d", w.Code)
	}
	o.Refuse(nil)
	go send(o, request(nil))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if mails, err := o.Wait(ctx, func(m []outbox.Mail) bool { return len(m) == 1 }); err != nil || len(mails) != 1 || o.Asked() != 2 {
		t.Errorf("%v, %d asked: %v", mails, o.Asked(), err)
	}
}

// With a file, mails are still there after a restart.
func TestKeepsMails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	for n := range 3 {
		o, err := outbox.New("acme.example", path)
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Mails()) != n {
			t.Fatalf("start %d: %d mails", n, len(o.Mails()))
		}
		send(o, request(nil))
		o.Close()
	}
}
