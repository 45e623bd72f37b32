package token_test

import (
	"strings"
	"testing"

	"safekeep/shared/token"
)

func TestAuthorizerReadsTheHeader(t *testing.T) {
	t.Parallel()
	header := func(pairs ...string) token.AuthorizerRequest {
		e := token.AuthorizerRequest{Version: "2.0", Headers: map[string]string{"accept": "*/*", "x-authorization": "Bearer good"}}
		for i := 0; i < len(pairs); i += 2 {
			e.Headers[pairs[i]] = pairs[i+1]
		}
		return e
	}
	for _, c := range []struct {
		name  string
		event token.AuthorizerRequest
		good  bool
		asked int64 // lookups
	}{
		{"identity source", asking("Bearer good"), true, 1},
		{"lower case", asking("bearer good"), true, 1},
		{"upper case", asking("BEARER good"), true, 1},
		{"several spaces", asking("Bearer    good"), true, 1},
		{"space around", asking(" Bearer good \t"), true, 1},
		{"other sources beside it", asking("GET /orders", "Bearer good", ""), true, 1},
		{"said twice", asking("Bearer good", "bearer  good"), true, 1},
		{"header, lower case", header("authorization", "Bearer good"), true, 1},
		{"header, any case", header("AUTHORIZATION", "Bearer good"), true, 1},
		{"unknown", asking("Bearer unknown"), false, 1},
		{"another case is another token", asking("Bearer Good"), false, 1},
		{"two tokens", asking("Bearer good", "Bearer unknown"), false, 0},
		{"two headers", header("Authorization", "Bearer good", "authorization", "Bearer unknown"), false, 0},
		{"two headers joined", asking("Bearer good, Bearer unknown"), false, 0},
		{"two headers joined tightly", asking("Bearer good,Bearer good"), false, 0},
		// What the owner of the API configured counts, and not what is sent beside it.
		{"source instead of header", token.AuthorizerRequest{Version: "2.0", IdentitySource: []string{"Bearer unknown"}, Headers: map[string]string{"authorization": "Bearer good"}}, false, 1},
		{"nothing", asking(), false, 0},
		{"empty", asking(""), false, 0},
		{"no header", header(), false, 0},
		{"token alone", asking("good"), false, 0},
		{"scheme alone", asking("Bearer"), false, 0},
		{"scheme and spaces", asking("Bearer   "), false, 0},
		{"another scheme", asking("Basic good"), false, 0},
		{"no space", asking("Bearergood"), false, 0},
		{"tab", asking("Bearer\tgood"), false, 0},
		{"two words", asking("Bearer good good"), false, 0},
		{"line end", asking("Bearer good\n"), false, 0},
		{"zero byte", asking("Bearer good\x00"), false, 0},
		{"not ASCII", asking("Bearer gööd"), false, 0},
		{"not UTF-8", asking("Bearer good\xff"), false, 0},
	} {
		g := newGate(t)
		g.shelf.set("good", nil)
		answer, err := g.Handle(t.Context(), c.event)
		if err != nil || answer.IsAuthorized != c.good || g.shelf.lookups.Load() != c.asked {
			t.Errorf("%s: authorized %v by %d lookups, %v; want %v by %d", c.name, answer.IsAuthorized, g.shelf.lookups.Load(), err, c.good, c.asked)
		}
	}
	// Format 1.0 wants another answer: ours would be read as a failure anyway.
	event := asking("Bearer good")
	event.Version = "1.0"
	if answer, err := newGate(t).Handle(t.Context(), event); err == nil || answer.IsAuthorized || !strings.Contains(err.Error(), "AuthorizerPayloadFormatVersion") {
		t.Errorf("format 1.0: %v %v", answer, err)
	}
}

// Whatever comes in, only the exact token in a well-formed header passes.
func FuzzAuthorizerHeader(f *testing.F) {
	for _, seed := range []string{
		"", "Bearer good", "bearer  good ", "Bearer", "Basic Z29vZA==", "Bearer good,Bearer good", "Bearer good\x00", "Bearer\u00a0good", "good",
	} {
		f.Add(seed, "Bearer other", byte(2))
	}
	f.Fuzz(func(t *testing.T, one, two string, way byte) {
		g := newGate(t)
		g.shelf.set("good", nil)
		event := asking(one, two)
		switch way % 3 {
		case 0:
			event = asking(one)
		case 1:
			event = token.AuthorizerRequest{Version: "2.0", Headers: map[string]string{"Authorization": one, "authorization": two}}
		}
		answer, err := g.Handle(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		// The same said in another way: two words, and the second is the token.
		says := func(s string) bool {
			words := strings.FieldsFunc(strings.Trim(s, " \t"), func(c rune) bool { return c == ' ' })
			return len(words) == 2 && strings.EqualFold(words[0], "bearer") && words[1] == "good"
		}
		if answer.IsAuthorized && !says(one) && !says(two) {
			t.Errorf("%q and %q are let through", one, two)
		}
		if way%3 == 0 && answer.IsAuthorized != says(one) {
			t.Errorf("%q: authorized %v", one, answer.IsAuthorized)
		}
	})
}
