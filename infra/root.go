package infra

import (
	"errors"
	"os"
	"path/filepath"
)

// Root returns the repository's top folder: the nearest one, upwards from the
// working directory, that holds template.yaml.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "template.yaml")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no template.yaml here or above; run this inside the repository")
		}
		dir = parent
	}
}
