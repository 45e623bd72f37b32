package warehouse

import (
	"fmt"
	"slices"
	"strings"

	"safekeep/shared/problem"
)

// What account identifiers are made of. Source: "Account identifiers" in
// Snowflake's docs. An organization is letters and digits; an account may have
// underscores, for which hyphens stand where a host's name refuses them, but not
// at its end. Every region's name has a hyphen, which tells locator.region from
// organization.account, the form that SQL uses and sign-ins do not.
var (
	accountName    = matching(`^[a-z][a-z0-9]*-[a-z](?:[a-z0-9_-]*[a-z0-9])?$`)
	accountLocator = matching(`^[a-z][a-z0-9]*$`)
	accountRegion  = matching(`^[a-z]{2,20}(?:-[a-z0-9]{1,20}){1,4}$`)
	accountCloud   = matching(`^(?:aws|azure|gcp)$`)
)

// maxAccount is the longest identifier without region and cloud, in bytes: it is
// one part of a host's name.
const maxAccount = 63

const accountForm = "must be the account identifier: organization-account, such as myorg-myaccount, or a locator with its region, such as xy12345.eu-central-1.aws"

// checkAccount returns the normal form of an account identifier.
func checkAccount(text string) (string, error) {
	account := strings.ToLower(text)
	switch {
	case text == "":
		return "", problem.Field("account", "is missing; give the account identifier, such as myorg-myaccount")
	case strings.ContainsAny(text, "/:@") || strings.Contains(account, ".snowflakecomputing."):
		return "", pastedAccount(account)
	}
	if complaint := accountComplaint(account); complaint != "" {
		return "", problem.Field("account", complaint)
	}
	return account, nil
}

// pastedAccount refuses an address. It is not mended here, since an address may
// lead elsewhere than its account; but the mend is named where there is one.
func pastedAccount(address string) error {
	detail := accountForm + "; not an address"
	if account := accountOf(address); account != "" {
		detail = fmt.Sprintf("must be the account identifier, not an address; give %q", account)
	}
	return problem.Field("account", detail)
}

// accountOf finds the account in the addresses that Snowflake shows people, or
// returns "".
func accountOf(address string) string {
	account := ""
	// Either a host that begins with the account, whatever stands before it (a
	// scheme, jdbc:snowflake://, a user), or Snowsight's path of two parts,
	// organization and account or region and locator.
	if host, _, ok := strings.Cut(address, ".snowflakecomputing.com"); ok {
		account = host[strings.LastIndexAny(host, "/@")+1:]
	} else if _, path, ok := strings.Cut(address, "app.snowflake.com/"); ok {
		parts := append(strings.SplitN(path, "/", 3), "")
		region, _, _ := strings.Cut(parts[0], ".")
		if account = parts[0] + "-" + parts[1]; accountRegion.MatchString(region) {
			account = parts[1] + "." + parts[0]
		}
	}
	if accountComplaint(account) != "" {
		return ""
	}
	return account
}

// accountComplaint says what is wrong with an identifier in lower case, or "".
func accountComplaint(account string) string {
	parts := strings.Split(account, ".")
	if last := len(parts) - 1; last > 0 && parts[last] == "privatelink" {
		parts = parts[:last]
	}
	name, segments := parts[0], parts[1:]
	switch {
	case len(name) > maxAccount:
		return "is longer than 63 characters"
	case slices.Contains(segments, "global"):
		// Drivers cut such an identifier at different places, so that one key
		// pair works in one of them and not in the next.
		return "is of the old .global form, which drivers read differently; give organization-account, such as myorg-myaccount"
	case accountName.MatchString(name) && len(segments) == 0:
		return ""
	case accountLocator.MatchString(name):
		return locatorComplaint(name, segments)
	}
	return accountForm
}

// locatorComplaint says what is wrong with a locator and the region and cloud
// that follow it, or "".
func locatorComplaint(name string, segments []string) string {
	switch len(segments) {
	case 0:
		// A locator of AWS's us-west-2 may stand alone. Without a digit it is
		// more likely an account whose organization was left out.
		if last := name[len(name)-1]; last >= '0' && last <= '9' {
			return ""
		}
		return accountForm
	case 1:
		joined := name + "-" + segments[0]
		if !strings.Contains(segments[0], "-") && len(joined) <= maxAccount && accountName.MatchString(joined) {
			return fmt.Sprintf("must join organization and account with a hyphen, not a dot; give %q if they are these", joined)
		}
	case 2:
		if !accountCloud.MatchString(segments[1]) {
			return accountForm
		}
	default:
		return accountForm
	}
	switch region := segments[0]; {
	case strings.HasPrefix(region, "cn-"):
		return "is an account of Snowflake in China, which has hosts of its own and is not supported"
	case !accountRegion.MatchString(region):
		return accountForm
	}
	return ""
}
