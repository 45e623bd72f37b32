// Command size says how large each function is as it is deployed: built for
// arm64 with the shipping flags and zipped as SAM does, one program called
// bootstrap in a plain zip. The size of the zip decides how long Lambda takes to
// fetch a function before it can start. `make size` starts it.
//
// The exit code is 1 when a function is over its bar.
package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"safekeep/infra"
	"safekeep/infra/local"
)

// bars are the largest zips that are still good, in bytes.
var bars = map[string]int64{"alerts": 4_500_000}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	root, err := infra.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "safekeep-size-")
	if err != nil {
		return fmt.Errorf("making a folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	names, err := build(root, dir)
	if err != nil {
		return err
	}

	var over []string
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "function\tprogram\tzip\tbar\t\t")
	for _, name := range names {
		program, zipped, err := measure(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("zipping %s: %w", name, err)
		}
		bar, verdict := "", ""
		if limit, ok := bars[name]; ok {
			bar, verdict = fmt.Sprint(limit), "ok"
			if zipped > limit {
				verdict = "over"
				over = append(over, name)
			}
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t\n", name, program, zipped, bar, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(over) > 0 {
		return errors.New("over the bar: " + strings.Join(over, ", "))
	}
	return nil
}

// build compiles every folder under functions/ into dir and returns their names.
// Built in one call, they share the work.
func build(root, dir string) ([]string, error) {
	cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./functions/...")
	cmd.Dir = root
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOFLAGS=")
	}), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS="+local.ShippingFlags)
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the functions: %w\n%s", err, output)
	}
	entries, err := os.ReadDir(dir) // in the order of their names
	if err != nil {
		return nil, fmt.Errorf("looking for the functions: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// measure returns the bytes of a program and of its zip.
func measure(path string) (program, zipped int64, err error) {
	from, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = from.Close() }()
	var size counter // nobody needs the zip itself
	z := zip.NewWriter(&size)
	// The name that Lambda starts; the method and level are SAM's too.
	to, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Deflate})
	if err != nil {
		return 0, 0, err
	}
	if program, err = io.Copy(to, from); err != nil {
		return 0, 0, err
	}
	err = z.Close()
	return program, int64(size), err
}

// counter counts what is written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
