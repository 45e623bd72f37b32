package warehouse

import (
	"encoding/json"
	"strings"

	"safekeep/shared/problem"
)

// BigQuerySettings say in which project jobs run, and where.
//
// The secret is {"service_account":<key file>}, the JSON file that Google makes
// for a service account's key, as an object or as the file's text in a string.
// It is kept as an object, with the fields that we know.
type BigQuerySettings struct {
	// Project is the id of the project that runs and pays the jobs; it need not
	// be the one that the service account lives in.
	Project string `json:"project"`
	// Dataset is the default dataset: at most 1,024 of A-Z a-z 0-9 and _.
	Dataset string `json:"dataset,omitempty"`
	// Location is a region in lower case (europe-west4) or a multi-region in
	// upper case (US, EU). Left out, BigQuery finds it from the data.
	Location string `json:"location,omitempty"`
}

// Sources: "Creating and managing projects" and "Service accounts" in Google
// Cloud's docs; datasets.insert and "BigQuery locations" in BigQuery's. The part
// before the colon is the domain of a project from the days of Google Apps.
var (
	googleProject  = matching(`^(?:[a-z0-9](?:[a-z0-9.-]{0,60}[a-z0-9])?:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	googleDataset  = matching(`^[A-Za-z0-9_]+$`)
	googleLocation = matching(`^[a-z]{2,20}(?:-[a-z0-9]{1,20}){0,4}$`)
)

// maxDataset is the longest name of a dataset in bytes.
const maxDataset = 1024

const projectForm = "must be a project's id: 6 to 30 of a-z 0-9 and -, such as acme-analytics-1234; not its name or number"

func (s *BigQuerySettings) check() error {
	switch location := strings.ToLower(s.Location); {
	case s.Project == "":
		return problem.Field("project", "is missing; give the id of the project that runs the jobs")
	case !googleProject.MatchString(s.Project):
		return problem.Field("project", projectForm)
	case s.Dataset != "" && (len(s.Dataset) > maxDataset || !googleDataset.MatchString(s.Dataset)):
		return problem.Field("dataset", "must be 1 to 1024 of A-Z a-z 0-9 and _, without the project")
	case location == "":
	case !googleLocation.MatchString(location):
		return problem.Field("location", "must be a region or multi-region of BigQuery, such as europe-west4 or EU")
	case location == "us" || location == "eu":
		s.Location = strings.ToUpper(location)
	default:
		s.Location = location
	}
	return nil
}

func (s *BigQuerySettings) server() string { return "" }

func (s *BigQuerySettings) secret(raw json.RawMessage, m *Material) error {
	var q struct {
		ServiceAccount json.RawMessage `json:"service_account"`
	}
	if err := decode(raw, maxSecret, &q); err != nil {
		return err
	}
	account, err := readServiceAccount(q.ServiceAccount)
	if err != nil {
		return err
	}
	if m.Fingerprint, err = account.check(); err != nil {
		return within("service_account", err)
	}
	if account.ProjectID != s.Project {
		m.Warnings = append(m.Warnings, "The service account belongs to another project than the one its jobs are to run in; that works if it is a BigQuery Job User there.")
	}
	return keep(m, map[string]*serviceAccount{"service_account": account})
}
