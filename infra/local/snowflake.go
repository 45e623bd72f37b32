package local

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"safekeep/shared/snowflake/snowflaketest"
)

// demoAccount is the Snowflake account of the customer that the page shows.
const demoAccount = "myorg-myaccount"

// demoUser makes the user that the demonstration's connector signs in as. Its role
// owns it, which is what lets it change its own keys.
const demoUser = `
	CREATE ROLE LOADER;
	CREATE USER LOADER DEFAULT_ROLE=LOADER DEFAULT_WAREHOUSE=LOADING TYPE=SERVICE;
	GRANT ROLE LOADER TO USER LOADER;
	GRANT OWNERSHIP ON USER LOADER TO ROLE LOADER;`

// openSnowflake opens a Snowflake, with the demonstration's account if wanted, or
// the one of an earlier run: what changed there is kept as the statements that
// changed it, one a line.
func openSnowflake(path string, demo bool) (*snowflaketest.Server, error) {
	s := snowflaketest.New()
	found, err := replay(s, path)
	if err != nil {
		return nil, err
	}
	if path != "" {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("keeping what changes in Snowflake: %w", err)
		}
		s.Changed = func(account, sql string) {
			line, _ := json.Marshal(change{account, sql})
			_, _ = file.Write(append(line, '\n')) // a demonstration that cannot be kept goes on
		}
	}
	if demo && !found {
		if _, err := s.Account(demoAccount).Exec(demoUser); err != nil {
			return nil, fmt.Errorf("making the demonstration's user of Snowflake: %w", err)
		}
	}
	return s, nil
}

// change is one statement that changed something.
type change struct{ Account, SQL string }

// replay runs the statements of an earlier run again; found is false when there
// was none.
func replay(s *snowflaketest.Server, path string) (found bool, err error) {
	if path == "" {
		return false, nil
	}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading what changed in Snowflake: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var c change
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return false, fmt.Errorf("reading what changed in Snowflake (remove %s to begin anew): %w", path, err)
		}
		if _, err := s.Account(c.Account).Exec(c.SQL); err != nil {
			return false, fmt.Errorf("repeating what changed in Snowflake (remove %s to begin anew): %w", path, err)
		}
	}
	return true, lines.Err()
}

// serveSnowflake plays the customer's admin: it runs the SQL in the body in
// ?account=, the demonstration's if none is given.
func (s *Stack) serveSnowflake(w http.ResponseWriter, r *http.Request) {
	account := r.URL.Query().Get("account")
	if account == "" {
		account = demoAccount
	}
	sql, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		problem(w, http.StatusRequestEntityTooLarge, "the SQL is longer than 1 MB")
		return
	}
	result, err := s.Snowflake.Account(account).Exec(string(sql))
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	answer(w, map[string]any{"account": account, "message": result.Message, "columns": result.Columns, "rows": result.Rows})
}
