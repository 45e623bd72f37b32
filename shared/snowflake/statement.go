package snowflake

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Rows is what a statement returned. NULL is "".
type Rows struct {
	Columns []string // in lower case
	Values  [][]string
}

// Each calls yield for every row with a way to its values by column.
func (r Rows) Each(yield func(value func(column string) string)) {
	at := map[string]int{}
	for i, name := range r.Columns {
		at[name] = i
	}
	for _, row := range r.Values {
		yield(func(column string) string {
			i, ok := at[column]
			if !ok || i >= len(row) {
				return ""
			}
			return row[i]
		})
	}
}

// statementReply is what we read of an answer of the SQL API.
type statementReply struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	State   string `json:"sqlState"`
	Meta    struct {
		RowType []struct {
			Name string `json:"name"`
		} `json:"rowType"`
	} `json:"resultSetMetaData"`
	Data [][]*string `json:"data"`
}

// statementSeconds is how long Snowflake may work at a statement.
const statementSeconds = 8

// Run runs one statement by the SQL API, signed in with a key. A statement that
// changes something is done once, however often it has to be sent.
// Source: "Snowflake SQL API reference".
func (c *Client) Run(ctx context.Context, p Place, key *rsa.PrivateKey, sql string) (Rows, error) {
	id := newRequestID()
	a, err := c.call(ctx, func(ctx context.Context, try int) (*http.Request, error) {
		q := url.Values{"requestId": {id}}
		if try > 1 {
			q.Set("retry", "true")
		}
		body := map[string]any{"statement": sql, "timeout": statementSeconds}
		for name, value := range map[string]string{"role": p.Role, "warehouse": p.Warehouse} {
			if value != "" {
				body[name] = exact(value)
			}
		}
		request, err := newRequest(ctx, c.base(p.Account)+"/api/v2/statements?"+q.Encode(), "application/json", body)
		if err != nil {
			return nil, err
		}
		jwt, err := signInToken(p, key, c.now())
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+jwt)
		request.Header.Set("X-Snowflake-Authorization-Token-Type", "KEYPAIR_JWT")
		return request, nil
	})
	if err != nil {
		return Rows{}, err
	}
	var reply statementReply
	readable := json.Unmarshal(a.body, &reply) == nil
	switch {
	case a.status == http.StatusOK && readable:
		return rowsOf(reply), nil
	case (a.status == http.StatusUnauthorized || a.status == http.StatusBadRequest || a.status == http.StatusForbidden) && readable && reply.Code != "":
		return Rows{}, explain(p, Proof{Key: key}, reply.Code, reply.Message, a.ahead)
	case a.status == http.StatusUnprocessableEntity && readable:
		return Rows{}, explainStatement(reply.Code, reply.State)
	case a.status == http.StatusNotFound, a.status == http.StatusForbidden:
		return Rows{}, refusalOfAccount()
	}
	// 202 says that the statement is still at work; none of ours takes so long.
	return Rows{}, fmt.Errorf("%w as it should (HTTP status %d)", ErrUnreachable, a.status)
}

// exact is a name as SHOW would show it, which is how this interface wants it: a
// sign-in takes it as people write it.
func exact(name string) string {
	if inner, ok := strings.CutPrefix(name, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return strings.ToUpper(name)
}

func rowsOf(reply statementReply) Rows {
	rows := Rows{Values: make([][]string, len(reply.Data))}
	for _, column := range reply.Meta.RowType {
		rows.Columns = append(rows.Columns, strings.ToLower(column.Name))
	}
	for i, row := range reply.Data {
		rows.Values[i] = make([]string, len(row))
		for j, value := range row {
			if value != nil {
				rows.Values[i][j] = *value
			}
		}
	}
	return rows
}
