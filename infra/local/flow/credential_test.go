package flow_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra"
	"safekeep/infra/local"
	"safekeep/infra/local/faults"
)

// keyFile makes an RSA key with the machine's openssl, as a customer does.
func keyFile(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").Output()
	if err != nil {
		t.Fatalf("making a key with openssl: %v", err)
	}
	return string(out)
}

// fingerprint is what openssl says that the key's public half is.
func fingerprint(t *testing.T, key string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-c", "openssl rsa -pubout -outform DER 2>/dev/null | openssl dgst -sha256 -binary | openssl enc -base64")
	command.Stdin = strings.NewReader(key)
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return "SHA256:" + strings.TrimSpace(string(out))
}

// store puts a snowflake credential and returns its id.
func (w *world) store(workspace, key string) string {
	w.t.Helper()
	text, _ := json.Marshal(key)
	made := w.call("POST", "/workspaces/"+workspace+"/credentials?test=false",
		`{"warehouse":"snowflake","name":"main","settings":{"account":"myorg-myaccount","user":"LOADER"},"secret":{"private_key":`+string(text)+`}}`, 201)
	if want := fingerprint(w.t, key); made["fingerprint"] != want {
		w.t.Errorf("the fingerprint is %v, openssl says %s", made["fingerprint"], want)
	}
	return made["id"].(string)
}

func (w *world) grantFor(workspace string, ids ...string) string {
	w.t.Helper()
	list, _ := json.Marshal(ids)
	return w.call("POST", "/workspaces/"+workspace+"/grants", `{"credentials":`+string(list)+`,"purpose":"extract","run":"r1"}`, 201)["grant"].(string)
}

func opening(grant, id string) string {
	text, _ := json.Marshal(map[string]string{"grant": grant, "credential": id})
	return string(text)
}

// opens counts the ledger's entries of opened credentials.
func (w *world) opens(workspace string) int {
	w.t.Helper()
	n := 0
	page := w.call("GET", "/workspaces/"+workspace+"/ledger?limit=200", "", 200)
	for _, e := range page["entries"].([]any) {
		if e.(map[string]any)["kind"] == "credential.opened" {
			n++
		}
	}
	return n
}

// assertSealed fails when one of the secrets stands anywhere that outlives a
// request, in clear or as base64.
func (w *world) assertSealed(secrets ...string) {
	w.t.Helper()
	places := map[string]string{"the log": w.log.String()}
	for _, table := range w.Template.Tables {
		places["table "+table.Name] = w.raw(table.Name)
	}
	if !strings.Contains(places["table Credentials"], "myorg-myaccount") {
		w.t.Error("the settings are not where they should be: this check looks in the wrong places")
	}
	for _, secret := range secrets {
		needle := secret
		if block, _ := pem.Decode([]byte(secret)); block != nil {
			needle = base64.StdEncoding.EncodeToString(block.Bytes)[400:440] // of the body
		}
		for place, text := range places {
			text = strings.ReplaceAll(strings.ReplaceAll(text, "\n", ""), `\n`, "")
			for form, form64 := range map[string]string{"clear": needle, "base64": base64.StdEncoding.EncodeToString([]byte(needle))[2:30]} {
				if strings.Contains(text, form64) {
					w.t.Errorf("%s holds a secret in %s", place, form)
				}
			}
		}
	}
}

// raw is all that a table holds, byte for byte: texts, and what is in binary.
func (w *world) raw(table string) string {
	w.t.Helper()
	var all strings.Builder
	var write func(types.AttributeValue)
	write = func(v types.AttributeValue) {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			all.WriteString(v.Value + " ")
		case *types.AttributeValueMemberB:
			all.Write(v.Value)
		case *types.AttributeValueMemberM:
			for _, inner := range v.Value {
				write(inner)
			}
		}
	}
	pages := dynamodb.NewScanPaginator(w.DynamoDB, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range page.Items {
			write(&types.AttributeValueMemberM{Value: item})
		}
	}
	return all.String()
}

// A key stored, granted and opened is the same key, and stands nowhere in clear.
func TestCredentialRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann")
	w.workspace("other", "", "bob")
	key := keyFile(t)
	id := w.store("acme", key)
	grant := w.grantFor("acme", "safekeep:credential/"+id)
	opened := w.call("POST", "/credentials/open", opening(grant, id), 200)
	if got := opened["secret"].(map[string]any)["private_key"]; fingerprint(t, got.(string)) != fingerprint(t, key) {
		t.Error("another key came out")
	}
	w.call("POST", "/credentials/open", opening(grant, id), 409)
	w.call("POST", "/workspaces/other/grants", `{"credentials":["`+id+`"],"purpose":"extract","run":"r1"}`, 404)
	if w.opens("acme") != 1 {
		t.Errorf("%d opens in the ledger", w.opens("acme"))
	}
	w.assertSealed(key)
	// Secrets of other shapes, taken and refused, with all that is said about them.
	const passphrase, password = "a-passphrase-nobody-else-has", "a-password-nobody-else-has"
	locked := exec.CommandContext(t.Context(), "openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:"+passphrase)
	locked.Stdin = strings.NewReader(key)
	encrypted, err := locked.Output()
	if err != nil {
		t.Fatal(err)
	}
	snowflake := func(text, passphrase string) string {
		secret, _ := json.Marshal(map[string]string{"private_key": text, "passphrase": passphrase})
		return `{"warehouse":"snowflake","name":"main","settings":{"account":"myorg-myaccount","user":"LOADER"},"secret":` + string(secret) + `}`
	}
	w.call("POST", "/workspaces/acme/credentials?test=false", snowflake(string(encrypted), passphrase), 201)
	w.call("POST", "/credentials/validate", snowflake(string(encrypted), passphrase), 200)
	w.call("POST", "/credentials/validate", snowflake(string(encrypted), passphrase+"-wrong"), 422)
	w.call("POST", "/workspaces/acme/credentials", `{"warehouse":"redshift","name":"x","settings":{"host":"c.abc.eu-central-1.redshift.amazonaws.com","database":"d","user":"u"},"secret":{"password":"`+password+`"}}`, 201)
	w.call("POST", "/workspaces/acme/credentials", `{"warehouse":"redshift","name":"x","settings":{"host":"evil.example","database":"d","user":"u"},"secret":{"password":"`+password+`"}}`, 422)
	w.call("PUT", "/workspaces/acme/credentials/"+id+"?test=false", `{"name":"x","settings":{"account":"myorg-myaccount","user":"L"},"secret":{"password":"`+password+`"}}`, 200)
	w.assertSealed(key, passphrase, password)
	if strings.Contains(w.log.String(), grant[len(grant)-40:]) {
		t.Error("the log holds a grant")
	}
}

// Keys in the shapes that openssl makes are the same key when they are opened.
func TestCredentialShapesRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann")
	key := keyFile(t)
	want := fingerprint(t, key)
	for _, args := range []string{
		"rsa -traditional", "rsa -traditional -aes256 -passout pass:four-words-nobody-else-says", "pkcs8 -topk8 -nocrypt",
		"pkcs8 -topk8 -v2 aes-256-cbc -passout pass:four-words-nobody-else-says", "pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA512 -passout pass:four-words-nobody-else-says",
		"pkcs8 -topk8 -v2 des3 -v2prf hmacWithSHA1 -passout pass:four-words-nobody-else-says", "pkcs8 -topk8 -scrypt -passout pass:four-words-nobody-else-says",
		"pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout pass:four-words-nobody-else-says",
	} {
		words := strings.Fields(args)
		passphrase := ""
		if strings.Contains(args, "passout") {
			passphrase = "four-words-nobody-else-says"
		}
		command := exec.CommandContext(t.Context(), "openssl", words...)
		command.Stdin = strings.NewReader(key)
		made, err := command.Output()
		if err != nil {
			t.Fatalf("openssl %s: %v", args, err)
		}
		for shape, text := range map[string]string{"as made": string(made), "in one line": strings.ReplaceAll(string(made), "\n", `\n`)} {
			secret, _ := json.Marshal(map[string]string{"private_key": text, "passphrase": passphrase})
			stored := w.call("POST", "/workspaces/acme/credentials?test=false",
				`{"warehouse":"snowflake","name":"main","settings":{"account":"myorg-myaccount","user":"LOADER"},"secret":`+string(secret)+`}`, 201)
			id := stored["id"].(string)
			opened := w.call("POST", "/credentials/open", opening(w.grantFor("acme", id), id), 200)["secret"].(map[string]any)
			if got := fingerprint(t, opened["private_key"].(string)); got != want || stored["fingerprint"] != want || opened["passphrase"] != nil {
				t.Errorf("openssl %s, %s: another key came out", args, shape)
			}
		}
	}
	w.assertSealed(key, "four-words-nobody-else-says")
}

// Killed before or after any call of an open: a line in the ledger without an
// answer is possible, an answer without a line is not.
func TestOpenKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]faults.Action{"before": faults.KillBefore, "after": faults.KillAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, local.Options{})
			w.workspace("acme", "", "ann")
			key := keyFile(t)
			calls := 0
			for n := 1; n < 12; n++ {
				id := w.store("acme", key)
				grant := w.grantFor("acme", id)
				before := w.opens("acme")
				w.Kill("connect") // a cold process also asks for the grant key
				rule, used := once("connect", n, action)
				w.Faults.Set(rule)
				status, body := w.send("POST", "/credentials/open", "application/json", opening(grant, id))
				w.Faults.Set(nil)
				told := w.opens("acme") - before
				if status == 200 && told != 1 || told > 1 {
					t.Errorf("call %d: answered %d, and %d entries", n, status, told)
				}
				if status != 200 && strings.Contains(string(body), "PRIVATE") {
					t.Errorf("call %d: a key in the answer %d", n, status)
				}
				if used.Load() == nil {
					break
				}
				calls++
			}
			if calls < 4 {
				t.Errorf("killed at %d calls only", calls)
			}
		})
	}
}

// A hundred connectors with one grant: one is let in.
func TestGrantOpensOnceOfAHundred(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann")
	id := w.store("acme", keyFile(t))
	grant := w.grantFor("acme", id)
	var decrypts atomic.Int64
	w.Faults.Set(func(c faults.Call) faults.Action {
		if c.Function == "connect" && c.Operation == "Decrypt" {
			decrypts.Add(1)
		}
		return faults.Pass
	})
	var won atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			status, _ := w.send("POST", "/credentials/open", "application/json", opening(grant, id))
			if status == 200 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || decrypts.Load() != 1 || w.opens("acme") != 1 {
		t.Errorf("%d were let in, %d decrypted, %d told", won.Load(), decrypts.Load(), w.opens("acme"))
	}
}

// connectors are the programs of infra/examples that open a credential.
var connectors = map[string]func(t *testing.T, root string) *exec.Cmd{
	"go": func(t *testing.T, root string) *exec.Cmd {
		program := filepath.Join(t.TempDir(), "connector")
		build := exec.Command("go", "build", "-o", program, "./infra/examples/connector-go")
		build.Dir = root
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building the example: %v\n%s", err, output)
		}
		return exec.Command(program)
	},
	"node": func(t *testing.T, root string) *exec.Cmd {
		dir := filepath.Join(root, "infra/examples/connector-node")
		if _, err := os.Stat(filepath.Join(dir, "node_modules/aws4fetch")); err != nil {
			t.Fatal("aws4fetch is not installed: run make deps (npm ci --ignore-scripts in infra/examples/connector-node)")
		}
		return exec.Command("node", filepath.Join(dir, "connector.js"))
	},
}

func TestConnectorExamples(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann")
	key := keyFile(t)
	id := w.store("acme", key)
	root, err := infra.Root()
	if err != nil {
		t.Fatal(err)
	}
	for language, program := range connectors {
		grant := w.grantFor("acme", id)
		for try, want := range []string{"connecting to myorg-myaccount as LOADER", "was not opened"} {
			command := program(t, root)
			command.Env = append(os.Environ(), "CONNECT_URL="+w.URL+"/", "GRANT="+grant, "CREDENTIAL=safekeep:credential/"+id,
				"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_REGION=us-east-1")
			output, err := command.CombinedOutput()
			if !strings.Contains(string(output), want) || (err == nil) != (try == 0) {
				t.Errorf("%s, time %d: %v\n%s", language, try+1, err, output)
			}
			if strings.Contains(string(output), "PRIVATE") || strings.Contains(string(output), grant[:20]) {
				t.Errorf("%s prints a secret", language)
			}
		}
	}
}
