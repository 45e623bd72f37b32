package token_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// A long import in one call. How long it takes is logged and not judged: that
// depends on the machine. IMPORT_LINES=10000 tries the limit, which takes half
// a minute.
func TestLongImport(t *testing.T) {
	lines := 2000
	if n, err := strconv.Atoi(os.Getenv("IMPORT_LINES")); err == nil {
		lines = min(n, token.MaxImport)
	}
	service := token.NewService(newStore(t), anywhere{}, format(t, "skp"))
	run := ledger.NewSeq()
	var body strings.Builder
	for i := range lines {
		body.WriteString(line(fmt.Sprint(run, i), `,"scopes":["read"]`))
	}
	for _, want := range []string{"created", "unchanged"} {
		begun := time.Now()
		w := httptest.NewRecorder()
		service.Routes().ServeHTTP(w, httptest.NewRequest("POST", "/workspaces/acme/tokens:import", strings.NewReader(body.String())))
		t.Logf("%d lines %s in %v", lines, want, time.Since(begun).Round(time.Millisecond))
		if got := strings.Count(w.Body.String(), `"result":"`+want+`","id":"tok_`); w.Code != 200 || got != lines {
			t.Fatalf("%d: %d of %d %s", w.Code, got, lines, want)
		}
	}
}
