package snowflaketest

import (
	"encoding/json"
	"net/http"
)

// The numbers of kinds of statements, as drivers tell them apart.
const (
	statementSelect = 0x1000
	statementShow   = 0x4000
	statementOther  = 0x6000
)

// queryReply is what a driver gets for a statement.
type queryReply struct {
	Parameters []parameter `json:"parameters"`
	RowType    []column    `json:"rowtype"`
	RowSet     [][]*string `json:"rowset"`
	Total      int         `json:"total"`
	Returned   int         `json:"returned"`
	QueryID    string      `json:"queryId"`
	Database   *string     `json:"finalDatabaseName"`
	Schema     *string     `json:"finalSchemaName"`
	Warehouse  *string     `json:"finalWarehouseName"`
	Role       *string     `json:"finalRoleName"`
	Statement  int         `json:"statementTypeId"`
	Version    int         `json:"version"`
	Format     string      `json:"queryResultFormat"`
}

// queryFailure is what a driver gets for a statement that fails.
type queryFailure struct {
	Code    string `json:"errorCode"`
	State   string `json:"sqlState"`
	QueryID string `json:"queryId"`
}

// query is POST /queries/v1/query-request. A failure has status 200.
func (s *Server) query(q *request) action {
	var b struct {
		SQL string `json:"sqlText"`
	}
	if json.Unmarshal(q.body, &b) != nil {
		return refusing(kindQuery, malformed)
	}
	act := s.inSession(kindQuery, q, func(in session) reply {
		result, err := in.account.run(b.SQL, in.by, q.now)
		if err != nil {
			return failed(err)
		}
		return answered(result, in.by)
	})
	act.call.SQL = b.SQL
	act.refuse = func(code, message string) reply { return failed(forcedError(code, message)) }
	return act
}

// answered is the answer to a statement that succeeded. The format is JSON though
// drivers prefer Arrow: they take what comes.
func answered(result Result, by actor) reply {
	statement := statementOther
	switch {
	case result.show:
		statement = statementShow
	case result.Message == "":
		statement = statementSelect
	}
	return reply{http.StatusOK, envelope{Success: true, Data: queryReply{
		Parameters: []parameter{}, RowType: result.columns(), RowSet: result.rows(),
		Total: len(result.Rows), Returned: len(result.Rows), QueryID: newUUID(),
		Database: orNull(by.database), Schema: orNull(by.schema), Warehouse: orNull(by.warehouse), Role: orNull(by.role),
		Statement: statement, Version: 1, Format: "json",
	}}}
}

// failed is a statement's failure in an envelope.
func failed(err error) reply {
	e := coded(err)
	return reply{http.StatusOK, envelope{
		Data: queryFailure{e.Code, e.State, newUUID()}, Code: &e.Code, Message: &e.Message,
	}}
}
