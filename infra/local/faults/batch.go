package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// halve lets the service do the first half of a batch and adds the rest to its
// answer as unprocessed, as DynamoDB does when a table is busy.
func halve(w http.ResponseWriter, r *http.Request, c Call, service http.Handler) {
	var field string
	switch c.Operation {
	case "BatchWriteItem":
		field = "UnprocessedItems"
	case "BatchGetItem":
		field = "UnprocessedKeys"
	}
	now, later, ok := split(c.Body, c.Operation == "BatchGetItem")
	if field == "" || !ok {
		service.ServeHTTP(w, r)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(now)), int64(len(now))
	r.Header.Set("Content-Length", strconv.Itoa(len(now)))
	done := httptest.NewRecorder()
	service.ServeHTTP(done, r)
	var answer map[string]json.RawMessage
	if done.Code != http.StatusOK || json.Unmarshal(done.Body.Bytes(), &answer) != nil {
		reply{status: done.Code, body: done.Body.Bytes()}.write(w)
		return
	}
	answer[field] = later
	body, err := json.Marshal(answer)
	if err != nil {
		body = done.Body.Bytes() // it was JSON a moment ago; it cannot fail
	}
	reply{status: http.StatusOK, body: body}.write(w)
}

// split divides every table's items in a batch request: the request with the
// first half (rounded up), and the RequestItems of the rest. A batch of single
// items cannot be divided.
func split(body []byte, get bool) (now, later []byte, ok bool) {
	var q map[string]json.RawMessage
	var tables map[string]json.RawMessage
	if json.Unmarshal(body, &q) != nil || json.Unmarshal(q["RequestItems"], &tables) != nil {
		return nil, nil, false
	}
	rest := make(map[string]json.RawMessage)
	for table, raw := range tables {
		first, second := divide(raw, get)
		if second != nil {
			tables[table], rest[table] = first, second
		}
	}
	if len(rest) == 0 {
		return nil, nil, false
	}
	items, err := json.Marshal(tables)
	if err != nil {
		return nil, nil, false
	}
	q["RequestItems"] = items
	now, err = json.Marshal(q)
	if err != nil {
		return nil, nil, false
	}
	later, err = json.Marshal(rest)
	return now, later, err == nil
}

// divide halves one table's part: a list of writes, or an object whose Keys are
// a list.
func divide(raw json.RawMessage, get bool) (first, second json.RawMessage) {
	list := raw
	var object map[string]json.RawMessage
	if get {
		if json.Unmarshal(raw, &object) != nil {
			return raw, nil
		}
		list = object["Keys"]
	}
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil || len(items) < 2 {
		return raw, nil
	}
	half := (len(items) + 1) / 2
	join := func(part []json.RawMessage) json.RawMessage {
		b, _ := json.Marshal(part) // raw JSON always marshals
		if !get {
			return b
		}
		object["Keys"] = b
		whole, _ := json.Marshal(object)
		return whole
	}
	return join(items[:half]), join(items[half:])
}
