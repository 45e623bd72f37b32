package infra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The rooms under shared/. A new one must be entered here: which of the two it
// is, is a decision.
var (
	rooms = []string{
		"alert", "credential", "envelope", "grant", "hygiene", "ledger", "letter", "mfa", "notice", "password", "rotation", "sms", "snowflake", "token", "tokenservice", "warehouse", "workspace",
	}
	// technicalRooms say whether they may import AWS's packages.
	technicalRooms = map[string]bool{
		"dynamo": true, "function": true, "identity": false, "keyservice": true, "metrics": false, "problem": false, "secret": true, "web": true,
	}
)

// heavy packages make a cold start slower, so only the functions that cannot
// do without them have them.
var heavy = map[string][]string{
	"html/template":                     {"notify"},
	"text/template":                     {"notify"}, // html/template needs it
	"github.com/trustelem/zxcvbn":       {"passwords"},
	"safekeep/shared/password/strength": {"passwords"},
	"golang.org/x/text":                 {"mfa", "passwords"},
	"github.com/go-webauthn/webauthn":   {"mfa"},
	"github.com/nyaruka/phonenumbers":   {"mfa"},
	"golang.org/x/crypto/argon2":        {"mfa"},
	"rsc.io/qr":                         {"mfa"},
	"github.com/aws/aws-encryption-sdk": vault,
	"github.com/aws/aws-cryptographic-material-providers-library": vault,
	"github.com/go-jose/go-jose":                                  vault,
	sdk + "service/kms":                                           append([]string{"mfa"}, vault...),
	sdk + "service/pinpointsmsvoicev2":                            {"mfa"},
	"github.com/snowflakedb/gosnowflake":                          nil,
	"gopkg.in/yaml.v3":                                            nil,
	"net/rpc":                                                     nil, // what the tag lambda.norpc leaves out
	"safekeep/infra":                                              nil,
	"testing":                                                     nil,
	sdk + "service/sesv2":                                         {"notify"},
	sdk + "service/secretsmanager":                                {"alerts", "mfa"},
}

// vault are the functions that open credentials, or make the grants to.
var vault = []string{"connect", "credentials", "rotate"}

const sdk = "github.com/aws/aws-sdk-go-v2/"

// listed is a package as go list shows it.
type listed struct {
	ImportPath    string
	Imports, Deps []string
}

// deployed returns the packages that the functions are made of, each after those
// it imports, as they are built for Lambda.
func deployed() ([]listed, error) {
	command := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", "-tags=lambda.norpc", "./functions/...")
	command.Dir = ".."
	command.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// floor says how high a package of ours stands: imports go down or stay level.
func floor(importPath string) int {
	folder, name, _ := strings.Cut(strings.TrimPrefix(importPath, "safekeep/"), "/")
	name, _, _ = strings.Cut(name, "/") // what a room is divided into stands as high as the room
	_, technical := technicalRooms[name]
	switch {
	case folder == "functions":
		return 3
	case folder == "shared" && slices.Contains(rooms, name):
		return 2
	case folder == "shared" && technical:
		return 1
	default:
		return 0
	}
}

func checkImports(all []listed) (complaints []string) {
	seen := map[string]bool{}
	for _, p := range all {
		seen[p.ImportPath] = true
		own := strings.HasPrefix(p.ImportPath, "safekeep/")
		if own && floor(p.ImportPath) == 0 {
			complaints = append(complaints, p.ImportPath+" is neither a function nor a room, and part of a function")
		}
		for _, i := range p.Imports {
			if !own || !strings.HasPrefix(i, "safekeep/") {
				continue
			}
			if floor(i) == 3 || floor(i) > floor(p.ImportPath) {
				complaints = append(complaints, p.ImportPath+" imports "+i+", which stands above it or is a function")
			}
			if !seen[i] {
				complaints = append(complaints, p.ImportPath+" and "+i+" import each other")
			}
		}
	}
	return complaints
}

func checkWeight(all []listed) (complaints []string) {
	functions := 0
	for _, p := range all {
		function, ok := strings.CutPrefix(p.ImportPath, "safekeep/functions/")
		if !ok {
			continue
		}
		functions++
		for name, in := range heavy {
			carries := slices.ContainsFunc(p.Deps, func(dep string) bool { return dep == name || strings.HasPrefix(dep, name+"/") })
			if carries && !slices.Contains(in, function) {
				complaints = append(complaints, function+" carries "+name)
			}
		}
	}
	if functions < 5 {
		complaints = append(complaints, fmt.Sprintf("go list shows %d functions", functions))
	}
	return complaints
}

// adapter says whether a file is named after the service of AWS that it talks
// to: dynamo.go, dynamo_item.go, ses.go; Pinpoint is how AWS's texts are called
// there.
func adapter(name string) bool {
	return slices.ContainsFunc(strings.Split(strings.TrimSuffix(path.Base(name), ".go"), "_"), func(part string) bool {
		return slices.Contains([]string{"dynamo", "kms", "pinpoint", "ses"}, part)
	})
}

// checkDomain sees that only adapters import AWS's packages, or package dynamo,
// which hands out AWS's types.
func checkDomain(p project) (complaints []string) {
	err := fs.WalkDir(p.files, "shared", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		room := strings.Split(name, "/")[1]
		mayImport, technical := technicalRooms[room]
		if !technical && !slices.Contains(rooms, room) {
			complaints = append(complaints, "the test does not know what sort of room shared/"+room+" is")
		}
		text, err := fs.ReadFile(p.files, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		imports := slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
			return strings.HasPrefix(i.Path.Value, `"github.com/aws/`) || i.Path.Value == `"safekeep/shared/dynamo"`
		})
		if imports && !mayImport && (technical || !adapter(name)) {
			complaints = append(complaints, name+" imports AWS's packages and is no adapter")
		}
		return nil
	})
	if err != nil {
		complaints = append(complaints, err.Error())
	}
	return complaints
}

// checkHouse sees that the top of the repository is what the design says, and
// that every package is named for what it is.
func checkHouse(p project) (complaints []string) {
	house := map[string]bool{ // whether it is a folder
		"functions": true, "shared": true, "infra": true, "events": true,
		"template.yaml": false, "samconfig.toml": false, "go.mod": false, "go.sum": false, "Makefile": false, "README.md": false,
	}
	entries, err := fs.ReadDir(p.files, ".")
	if err != nil {
		return []string{err.Error()}
	}
	for _, entry := range entries {
		if folder, known := house[entry.Name()]; known && folder == entry.IsDir() {
			delete(house, entry.Name())
		} else if !strings.HasPrefix(entry.Name(), ".") {
			complaints = append(complaints, entry.Name()+" does not belong at the top")
		}
	}
	for name := range house {
		complaints = append(complaints, name+" is missing at the top")
	}
	err = fs.WalkDir(p.files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || name != "." && strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := fs.ReadFile(p.files, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.PackageClauseOnly)
		if err != nil {
			return err
		}
		for _, called := range []string{path.Base(path.Dir(name)), strings.TrimSuffix(file.Name.Name, "_test")} {
			if slices.Contains([]string{"utils", "util", "common", "helpers", "helper", "models", "model", "types"}, called) {
				complaints = append(complaints, name+": a package called "+called+" is called nothing")
			}
		}
		return nil
	})
	if err != nil {
		complaints = append(complaints, err.Error())
	}
	return complaints
}

func TestImports(t *testing.T) {
	t.Parallel()
	all, err := deployed()
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range slices.Concat(checkImports(all), checkWeight(all), checkDomain(asWritten), checkHouse(asWritten)) {
		t.Error(complaint)
	}
	// The checks can fail: on one package that imports another.
	for _, mistake := range []struct{ from, to, complaint string }{
		{"safekeep/shared/web", "safekeep/shared/token", "safekeep/shared/web imports safekeep/shared/token"},
		{"safekeep/shared/ledger", "safekeep/functions/notify", "or is a function"},
		{"safekeep/functions/tokens", "safekeep/functions/alerts", "or is a function"},
		{"safekeep/shared/ledger", "safekeep/shared/notice", "import each other"},
		{"safekeep/shared/metrics/extra", "safekeep/shared/password/strength", "safekeep/shared/metrics/extra imports safekeep/shared/password/strength"},
		{"safekeep/shared/extra", "fmt", "neither a function nor a room"},
		{"safekeep/functions/introspect", "html/template", "introspect carries html/template"},
		{"safekeep/functions/introspect", sdk + "service/sesv2/types", "introspect carries " + sdk + "service/sesv2"},
		{"safekeep/functions/introspect", sdk + "service/kms", "introspect carries " + sdk + "service/kms"},
		{"safekeep/functions/workspaces", "github.com/trustelem/zxcvbn/frequency", "workspaces carries github.com/trustelem/zxcvbn"},
		{"safekeep/functions/workspaces", "safekeep/shared/password/strength", "workspaces carries safekeep/shared/password/strength"},
		{"safekeep/functions/passwords", "github.com/nyaruka/phonenumbers", "passwords carries github.com/nyaruka/phonenumbers"},
		{"safekeep/functions/notify", "github.com/go-webauthn/webauthn/protocol", "notify carries github.com/go-webauthn/webauthn"},
		{"safekeep/functions/tokens", "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/ESDK", "tokens carries github.com/aws/aws-encryption-sdk"},
		{"safekeep/functions/workspaces", "github.com/go-jose/go-jose/v4", "workspaces carries github.com/go-jose/go-jose"},
		{"safekeep/functions/connect", "github.com/snowflakedb/gosnowflake/v2", "connect carries github.com/snowflakedb/gosnowflake"},
		{"safekeep/functions/notify", "safekeep/infra", "notify carries safekeep/infra"},
	} {
		broken := []listed{{ImportPath: mistake.from, Imports: []string{mistake.to}, Deps: []string{mistake.to}}}
		broken = append(broken, all...)
		if found := strings.Join(append(checkImports(broken), checkWeight(broken)...), "\n"); !strings.Contains(found, mistake.complaint) {
			t.Errorf("%s importing %s: %s", mistake.from, mistake.to, found)
		}
	}
}

func TestHouseChecksFindMistakes(t *testing.T) {
	t.Parallel()
	aws := "package token\n\nimport _ \"" + sdk + "aws\"\n"
	for name, c := range map[string]struct{ file, text, complaint string }{
		"domain":      {"shared/token/token.go", aws, "shared/token/token.go imports AWS's packages"},
		"dynamo":      {"shared/token/token.go", "package token\n\nimport _ \"safekeep/shared/dynamo\"\n", "shared/token/token.go imports AWS's packages"},
		"technical":   {"shared/problem/dynamo.go", aws, "shared/problem/dynamo.go imports AWS's packages"},
		"envelope":    {"shared/envelope/envelope.go", "package envelope\n\nimport _ \"" + sdk + "service/kms\"\n", "shared/envelope/envelope.go imports AWS's packages"},
		"new room":    {"shared/vault/vault.go", "package vault\n", "what sort of room shared/vault is"},
		"top":         {"cmd/x.go", "package x\n", "cmd does not belong at the top"},
		"missing":     {"README.txt", "", "README.md is missing"},
		"folder name": {"shared/utils/x.go", "package x\n", "a package called utils"},
		"clause":      {"shared/token/x.go", "package helpers_test\n", "a package called helpers"},
	} {
		broken := project{fstest.MapFS{c.file: {Data: []byte(c.text)}, "shared/ledger/dynamo.go": {Data: []byte("package ledger\n")}}}
		if found := strings.Join(append(checkDomain(broken), checkHouse(broken)...), "\n"); !strings.Contains(found, c.complaint) {
			t.Errorf("%s: %s", name, found)
		}
	}
}
