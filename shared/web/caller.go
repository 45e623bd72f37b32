package web

import (
	"context"
	"net/http"
	"slices"
	"unicode"
	"unicode/utf8"

	"safekeep/shared/problem"
)

type principalKey struct{}

// withPrincipal remembers the ARN of the IAM principal that signed the request.
func withPrincipal(ctx context.Context, arn string) context.Context {
	return context.WithValue(ctx, principalKey{}, arn)
}

var errNoPrincipal = problem.New(problem.Forbidden, "This address takes IAM-signed requests only.")

// Private lets only IAM-authenticated requests through. AWS checks the
// signature; what is checked here is that AWS did, so that a stack whose
// AuthType was opened by mistake answers nobody.
func Private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if Principal(r) == "" {
			WriteError(r.Context(), w, errNoPrincipal)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Principal returns the ARN of the IAM principal that signed the request.
func Principal(r *http.Request) string {
	arn, _ := r.Context().Value(principalKey{}).(string)
	return arn
}

// ownNames are the actors that the ledger names when nobody called.
var ownNames = []string{"safekeep", "github", "gitlab"}

// Actor returns who the ledger shall name: the person in X-Actor when the
// company's backend says one, else the IAM principal.
func Actor(r *http.Request) (string, error) {
	actor := r.Header.Get("X-Actor")
	if actor == "" {
		return Principal(r), nil
	}
	if len(actor) > 128 || !utf8.ValidString(actor) {
		return "", problem.Field("X-Actor", "must be 1 to 128 bytes of UTF-8")
	}
	if slices.Contains(ownNames, actor) {
		return "", problem.Field("X-Actor", "is a name that the ledger keeps for itself")
	}
	for _, c := range actor {
		if !unicode.IsPrint(c) {
			return "", problem.Field("X-Actor", "must hold no control characters")
		}
	}
	return actor, nil
}
