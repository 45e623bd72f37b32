package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"safekeep/shared/problem"
)

// maxBody is the longest JSON body in bytes. Our longest document is a few
// kilobytes; a megabyte leaves room and bounds what a caller can make us hold.
const maxBody = 1 << 20

// maxLongBody is for the calls that take whole lists: what Lambda takes.
const maxLongBody = 6 << 20

// ReadJSON decodes the request's body, of at most 1 MB, into v. An unknown field, a wrong type
// and trailing text are problems that name the field; values are not repeated.
func ReadJSON(r *http.Request, v any) error { return readJSON(r, v, maxBody) }

// ReadOptionalJSON is ReadJSON for a body that may be left out.
func ReadOptionalJSON(r *http.Request, v any) error {
	body, err := readBody(r, maxBody)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	return DecodeJSON(body, v)
}

// ReadLongJSON is ReadJSON for a body of at most 6 MB.
func ReadLongJSON(r *http.Request, v any) error { return readJSON(r, v, maxLongBody) }

func readJSON(r *http.Request, v any, limit int64) error {
	body, err := readBody(r, limit)
	if err != nil {
		return err
	}
	return DecodeJSON(body, v)
}

func readBody(r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, problem.New(problem.Unreadable, "The body could not be read.")
	}
	if int64(len(body)) > limit {
		return nil, problem.New(problem.TooLarge, fmt.Sprintf("The body is longer than %d MB.", limit>>20))
	}
	return body, nil
}

// DecodeJSON decodes one JSON document into v as strictly as ReadJSON.
func DecodeJSON(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem.New(problem.Unreadable, "There is something after the JSON document.")
	}
	return exactNames(body, v)
}

// exactNames refuses a field whose name differs from ours in case only:
// encoding/json would take "AUTO_REVOKE" for "auto_revoke", and so something
// for set that its writer may not have meant.
func exactNames(body []byte, v any) error {
	shape := reflect.TypeOf(v).Elem()
	if shape.Kind() != reflect.Struct {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return unreadable(err)
	}
	if members == nil {
		return problem.New(problem.Unreadable, "The body must be a JSON object, not null.")
	}
	for i := range shape.NumField() {
		name, _, _ := strings.Cut(shape.Field(i).Tag.Get("json"), ",")
		delete(members, name)
	}
	for name := range members {
		return &problem.Error{Kind: problem.Unreadable, Field: clip(name), Detail: "is not a field of this request"}
	}
	return nil
}

func unreadable(err error) error {
	var p *problem.Error
	if errors.As(err, &p) { // an UnmarshalJSON of ours has already said it better
		return p
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		kind, _, _ := strings.Cut(wrong.Value, " ") // a number's digits follow
		return &problem.Error{Kind: problem.Unreadable, Field: wrong.Field, Detail: "should be " + jsonName(wrong.Type.Kind().String()) + ", not " + kind}
	}
	// encoding/json has no type for this one.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if field, err := strconv.Unquote(name); err == nil {
			return &problem.Error{Kind: problem.Unreadable, Field: clip(field), Detail: "is not a field of this request"}
		}
	}
	return problem.New(problem.Unreadable, "The body is not a JSON document of the expected shape.")
}

// clip bounds a name that the caller chose.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

func jsonName(kind string) string {
	switch kind {
	case "bool":
		return "true or false"
	case "string", "struct": // a time is a struct here and a string on the wire
		return "a string"
	case "slice":
		return "a list"
	case "map":
		return "an object"
	default:
		return "a number"
	}
}

// WriteJSON answers v with the status. Answers of this API are about secrets
// or about who holds them, so no cache may keep one.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text)
	return nil
}

// The sizes of a page of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Page reads ?cursor= and ?limit= (1 to 200, default 50). The cursor is opaque
// here; the room that gave it out reads it.
func Page(r *http.Request) (cursor string, limit int, err error) {
	query := r.URL.Query()
	limit = DefaultLimit
	if text := query.Get("limit"); text != "" {
		limit, err = strconv.Atoi(text)
		if err != nil || limit < 1 || limit > MaxLimit {
			return "", 0, problem.Field("limit", "must be a whole number from 1 to 200")
		}
	}
	return query.Get("cursor"), limit, nil
}
