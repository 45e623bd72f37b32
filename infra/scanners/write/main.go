// Write writes the rules for secret scanners into a folder: `make scanners`.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"safekeep/infra/scanners"
)

func main() {
	prefix := flag.String("prefix", "skp", "what the stack's tokens begin with (its parameter TokenPrefix)")
	out := flag.String("out", filepath.Join("infra", "scanners"), "the folder to write to")
	flag.Parse()
	if err := write(*prefix, *out); err != nil {
		fmt.Fprintln(os.Stderr, "scanners:", err)
		os.Exit(1)
	}
}

func write(prefix, out string) error {
	files, err := scanners.Files(prefix)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		at := filepath.Join(out, name)
		if err := os.WriteFile(at, files[name], 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", at)
	}
	return nil
}
