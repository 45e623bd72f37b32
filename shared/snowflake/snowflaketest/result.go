package snowflaketest

import (
	"errors"
	"fmt"
	"time"
)

// Result is what a statement gives.
type Result struct {
	Columns []string
	// Rows are as they go over the wire, where all is text: a point in time is
	// the seconds since 1970 with nine decimals. A nil is NULL.
	Rows [][]*string
	// Message is what a statement says that has no rows to show; it then is also
	// in the one row, in the column "status".
	Message string

	types []columnType // of the columns; text where there are fewer
	show  bool         // whether it is of SHOW or DESCRIBE
}

// columnType is the type of a column, as rowType names it.
type columnType string

const (
	typeText  columnType = "text"
	typeFixed columnType = "fixed"
	typeTime  columnType = "timestamp_ltz"
)

// column describes a column in both kinds of answers.
type column struct {
	Name       string     `json:"name"`
	Database   string     `json:"database"`
	Schema     string     `json:"schema"`
	Table      string     `json:"table"`
	Nullable   bool       `json:"nullable"`
	Type       columnType `json:"type"`
	Length     *int       `json:"length"`
	ByteLength *int       `json:"byteLength"`
	Precision  *int       `json:"precision"`
	Scale      *int       `json:"scale"`
	Collation  *string    `json:"collation"`
}

// columns describes the columns. Lengths and precisions are the longest that
// there are, because drivers only use them to choose a type.
func (r Result) columns() []column {
	all := make([]column, len(r.Columns))
	for i, name := range r.Columns {
		c := column{Name: name, Nullable: true, Type: typeText}
		if i < len(r.types) {
			c.Type = r.types[i]
		}
		switch c.Type {
		case typeText:
			c.Length, c.ByteLength = new(16777216), new(16777216)
		case typeFixed:
			c.Nullable, c.Precision, c.Scale = false, new(38), new(0)
		case typeTime:
			c.Precision, c.Scale = new(0), new(9)
		}
		all[i] = c
	}
	return all
}

// rows are the rows, never null in JSON.
func (r Result) rows() [][]*string {
	if r.Rows == nil {
		return [][]*string{}
	}
	return r.Rows
}

// done is the result of a statement that only does something.
func done(message string) Result {
	return Result{Columns: []string{"status"}, Rows: [][]*string{{&message}}, Message: message}
}

// executed is what most statements say.
func executed() Result { return done("Statement executed successfully.") }

// instant is a time as the wire has it; the zero time is NULL.
func instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()))
}

// Error is a statement that fails.
type Error struct {
	Code    string // six digits
	State   string // the SQLSTATE
	Message string
}

// Error implements error, in the form of the drivers.
func (e *Error) Error() string { return e.Code + " (" + e.State + "): " + e.Message }

// coded is what every failure of a statement is.
func coded(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		panic("snowflaketest: a statement failed without a code") // all errors are made here
	}
	return e
}

// The codes of statements that fail, with those that are used in one place only
// standing there.
const (
	syntaxError    = "001003"
	invalidValue   = "001008"
	notThere       = "002003"
	noPrivilege    = "003001"
	emptyStatement = "000900"
)

// forcedError is the failure that a Fault orders.
func forcedError(code, message string) error {
	if message == "" {
		message = wording(code)
	}
	state := map[string]string{syntaxError: "42000", notThere: "02000", noPrivilege: "42501"}[code]
	return &Error{code, state, message}
}

// missing is said of what is not there, and would be of what one may not see.
func missing(kind, name string) error {
	return &Error{notThere, "02000", fmt.Sprintf("SQL compilation error:\n%s '%s' does not exist or not authorized.", kind, name)}
}

// forbidden is said of what one may not do.
func forbidden(kind, name string) error {
	return &Error{noPrivilege, "42501", fmt.Sprintf("SQL access control error:\nInsufficient privileges to operate on %s '%s'", kind, name)}
}

// exists is said of a name that is taken.
func exists(name string) error {
	return &Error{"002002", "42710", fmt.Sprintf("SQL compilation error:\nObject '%s' already exists.", name)}
}

// compilation is an error of a statement that can be read and makes no sense.
func compilation(code, state, format string, args ...any) error {
	return &Error{code, state, "SQL compilation error:\n" + fmt.Sprintf(format, args...)}
}

// rejected is an error of a value that a rule of the account forbids. The words
// are Snowflake's; its number for them is not known, and this one is ours.
func rejected(reason string) error {
	return &Error{"003002", "28000", "SQL execution error: " + reason}
}

// rejectedKey is the same of a public key.
func rejectedKey(reason string) error {
	return rejected("\nNew public key rejected by current policy. Reason: '" + reason + "'")
}
