package token

import (
	"bytes"
	"time"
)

// ReadImport lets the fuzz target at what reads an import.
func ReadImport(body []byte) ([]Token, []int, error) {
	return readImport(bytes.NewReader(body), Format{"skp_"}, "acme", time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
}
