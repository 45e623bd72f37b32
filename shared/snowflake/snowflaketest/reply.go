package snowflaketest

import (
	"encoding/json"
	"net/http"
)

// reply is an answer that is not written yet, so that it can still be lost.
type reply struct {
	status int
	body   any // a page, or else what is put into JSON
}

// page is an answer for a browser: what stands before Snowflake answers so, and
// a client must not take it for JSON.
type page string

// envelope is the form of all answers but the SQL API's. A success has no code
// and no message.
type envelope struct {
	Data    any     `json:"data"`
	Code    *string `json:"code"`
	Message *string `json:"message"`
	Success bool    `json:"success"`
}

// notFound is said of an account that does not exist: its host has no more to
// say than any unknown host under the domain.
var notFound = reply{http.StatusNotFound, page("404 Not Found")}

// malformed is the answer to a body that cannot be read. What Snowflake says
// then is not known.
var malformed = reply{http.StatusBadRequest, page("400 Bad Request")}

// refused is a refusal in an envelope, which comes with status 200.
func refused(code, message string) reply {
	return reply{http.StatusOK, envelope{Code: &code, Message: &message}}
}

func (a reply) write(w http.ResponseWriter) {
	if text, ok := a.body.(page); ok {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte("<html><body><h1>" + string(text) + "</h1></body></html>\n"))
		return
	}
	text, err := json.Marshal(a.body)
	if err != nil {
		panic("snowflaketest: an answer that has no JSON form") // they are all made here
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(text)
}
