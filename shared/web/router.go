package web

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"safekeep/shared/problem"
)

// Handler answers a request or returns the error to answer with.
type Handler func(http.ResponseWriter, *http.Request) error

// Router is an http.ServeMux whose every refusal is problem+json and which
// can list its routes, so that tests hold them against the OpenAPI file.
type Router struct {
	mux      *http.ServeMux
	patterns []string
}

// NewRouter returns a router without routes.
func NewRouter() *Router {
	return &Router{mux: http.NewServeMux()}
}

// Handle adds a route in the form of http.ServeMux: "GET /workspaces/{workspace}".
func (r *Router) Handle(pattern string, h Handler) {
	r.patterns = append(r.patterns, pattern)
	r.mux.HandleFunc(pattern, func(w http.ResponseWriter, q *http.Request) {
		if err := h(w, q); err != nil {
			WriteError(q.Context(), w, err)
		}
	})
}

// Patterns lists the routes in the order they were added.
func (r *Router) Patterns() []string { return slices.Clone(r.patterns) }

// ServeHTTP implements http.Handler.
func (r *Router) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	// ServeMux would redirect an unclean path; an API has one name a thing.
	if p := q.URL.Path; p != "/" && path.Clean(p) != p {
		WriteError(q.Context(), w, errNoRoute)
		return
	}
	if _, pattern := r.mux.Handler(q); pattern != "" {
		r.mux.ServeHTTP(w, q)
		return
	}
	if allowed := r.allowed(q); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		WriteError(q.Context(), w, problem.New(problem.WrongMethod, "This path takes "+strings.Join(allowed, ", ")+"."))
		return
	}
	WriteError(q.Context(), w, errNoRoute)
}

var errNoRoute = problem.New(problem.NotFound, "There is nothing at this path.")

// allowed lists the methods that the path does know.
func (r *Router) allowed(q *http.Request) []string {
	var methods []string
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		other := *q
		other.Method = method
		if _, pattern := r.mux.Handler(&other); pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}
