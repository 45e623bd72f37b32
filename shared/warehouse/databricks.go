package warehouse

import (
	"encoding/json"
	"fmt"
	"strings"

	"safekeep/shared/identity"
	"safekeep/shared/problem"
)

// DatabricksSettings say how a service principal reaches a SQL warehouse or
// cluster of a Databricks workspace, by OAuth from machine to machine.
//
// The secret is {"client_secret":"…"}, the OAuth secret of the service principal,
// and is kept so.
type DatabricksSettings struct {
	// Host is the workspace's server hostname, kept in lower case:
	// dbc-a1b2345c-d6e7.cloud.databricks.com.
	Host string `json:"host"`
	// Port is 443; Databricks answers on no other.
	Port int `json:"port"`
	// HTTPPath is the path that the workspace shows for the warehouse or
	// cluster, kept with a slash before it: /sql/1.0/warehouses/a1b234c567d8e9fa.
	HTTPPath string `json:"http_path"`
	// ClientID is the service principal's application id, a UUID.
	ClientID string `json:"client_id"`
	// Catalog and Schema are where a session begins, of at most 255 characters.
	Catalog string `json:"catalog,omitempty"`
	Schema  string `json:"schema,omitempty"`
}

// databricksDomains end the names of workspaces, of which Databricks alone gives
// out any. Source: the environments in databricks-sdk-go and the other clients of
// Databricks, without the ones for its own tests. The last three are the US
// government's on AWS and on Azure, and Azure in China.
var databricksDomains = []string{
	".cloud.databricks.com", ".azuredatabricks.net", ".gcp.databricks.com",
	".cloud.databricks.us", ".databricks.azure.us", ".databricks.azure.cn",
}

var (
	// Source: "Compute settings for the Databricks JDBC Driver" in Databricks's
	// docs. Warehouses were called endpoints before; the last form is a cluster's.
	databricksPath = matching(`^/sql/(?:1\.0/(?:warehouses|endpoints)/[0-9a-f]{1,32}|protocolv1/o/[0-9]{1,20}/[0-9a-z-]{1,64})$`)
	// A secret is of printable ASCII without spaces, whoever made it: Databricks
	// (dose…) or Azure's Entra ID.
	databricksSecret = matching(`^[!-~]{8,}$`)
)

func (s *DatabricksSettings) check() (err error) {
	if s.Host, err = checkWorkspace(s.Host); err != nil {
		return err
	}
	if s.Port != 443 { // its drivers are documented with 443 and nothing else
		return problem.Field("port", "must be 443, or left out")
	}
	if s.HTTPPath != "" && s.HTTPPath[0] != '/' {
		s.HTTPPath = "/" + s.HTTPPath
	}
	s.ClientID = strings.ToLower(s.ClientID)
	switch {
	case s.HTTPPath == "":
		return problem.Field("http_path", "is missing; copy it from the connection details of the SQL warehouse")
	case !databricksPath.MatchString(s.HTTPPath):
		return problem.Field("http_path", "must be as in the connection details of the SQL warehouse or cluster, such as /sql/1.0/warehouses/a1b234c567d8e9fa")
	case !identity.IsUUID(s.ClientID):
		return problem.Field("client_id", "must be the application id of a service principal, such as 1f2e3d4c-5b6a-7980-1234-56789abcdef0")
	}
	if err := checkOptional("catalog", s.Catalog, maxIdentifier); err != nil {
		return err
	}
	return checkOptional("schema", s.Schema, maxIdentifier)
}

// checkWorkspace returns a workspace's host in lower case. An address that was
// pasted is refused with the host that stands in it.
func checkWorkspace(text string) (string, error) {
	lower := strings.ToLower(strings.TrimSpace(text))
	if address, ok := strings.CutPrefix(lower, "https://"); ok {
		host := address
		if end := strings.IndexAny(address, "/?#:"); end >= 0 {
			host = address[:end]
		}
		if normal, err := checkWorkspace(host); err == nil {
			return "", problem.Field("host", fmt.Sprintf("must be the host alone, without https:// and path; give %q", normal))
		}
	}
	host, err := checkHost(text)
	if err != nil {
		return "", err
	}
	if !endsInOneOf(host, databricksDomains) {
		return "", problem.Field("host", "must be the server hostname of a workspace, ending in "+strings.Join(databricksDomains, ", "))
	}
	if strings.HasPrefix(host, "accounts.") || strings.HasPrefix(host, "accounts-dod.") {
		return "", problem.Field("host", "is the account console; give the server hostname of the workspace")
	}
	return host, nil
}

// The domains are Databricks's, so what stands under them is reached where
// Databricks says; a private link of the company's own may be meant.
func (s *DatabricksSettings) server() string { return "" }

func (s *DatabricksSettings) secret(raw json.RawMessage, m *Material) error {
	var q struct {
		ClientSecret string `json:"client_secret"`
	}
	if err := decode(raw, maxSecret, &q); err != nil {
		return err
	}
	switch {
	case q.ClientSecret == "":
		return problem.Field("client_secret", "is missing; give the OAuth secret of the service principal")
	case strings.HasPrefix(q.ClientSecret, "dapi"):
		return problem.Field("client_secret", "is a personal access token; give the OAuth secret of the service principal")
	case len(q.ClientSecret) > maxPassword || !databricksSecret.MatchString(q.ClientSecret):
		return problem.Field("client_secret", "must be 8 to 1024 printable ASCII characters without spaces")
	}
	// Databricks is moving its customers off it, and connectors that look for
	// tables through Unity Catalog find nothing there.
	if strings.EqualFold(s.Catalog, "hive_metastore") {
		m.Warnings = append(m.Warnings, "hive_metastore is the workspace's own old metastore and not a catalog of Unity Catalog: what was granted to the service principal in Unity Catalog does not hold there.")
	}
	return keep(m, q)
}
