package infra

import (
	"fmt"
	"slices"
)

// checkRotation sees that key pairs are looked at once a day, and that the two
// functions which rotate them go by the same days: what one of them calls due,
// or retires, must be so for the other.
func checkRotation(p project) (complaints []string) {
	input, err := p.input("events/rotate-schedule.json")
	if err != nil {
		return []string{err.Error()}
	}
	for _, c := range []struct {
		parameters                    []string
		expression, zone, days, hours string
	}{
		{nil, "cron(0 5 * * ? *)", "UTC", "90", "24"},
		{
			[]string{"RotateHour", "23", "TimeZone", "Europe/Berlin", "RotationDays", "30", "RotationOverlapHours", "48"},
			"cron(0 23 * * ? *)", "Europe/Berlin", "30", "48",
		},
	} {
		got, err := p.schedules(func(r resource) bool { return r.ID == "RotateFunction" }, c.parameters...)
		if err != nil {
			return []string{err.Error()}
		}
		if want := []started{{"RotateFunction", c.expression, c.zone, input}}; !slices.Equal(got, want) {
			complaints = append(complaints, fmt.Sprintf("with %v key pairs are rotated by %v and should be by %v", c.parameters, got, want))
		}
		for _, id := range []string{"CredentialsFunction", "RotateFunction"} {
			want := map[string]string{"ROTATION_DAYS": c.days, "OVERLAP_HOURS": c.hours}
			complaints = append(complaints, p.settings(id, c.parameters, want)...)
		}
	}
	return complaints
}

// signIn are the functions that sign in to Snowflake, which is to show a proof
// of the secret or the secret itself to whoever answers there.
var signIn = []string{"connect", "credentials", "rotate"}

// checkSnowflake sees that they ask Snowflake and nobody else: its address is
// written out as the code expects it, so that no parameter can lead elsewhere,
// and not behind a Sub, which would look for a parameter called account.
func checkSnowflake(p project) (complaints []string) {
	e, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	for name, r := range functions(e) {
		environment, _ := r.Properties["Environment"].(map[string]any)
		variables, _ := environment["Variables"].(map[string]any)
		got, has := variables["SNOWFLAKE_URL"]
		switch wants := slices.Contains(signIn, name); {
		case wants != has:
			complaints = append(complaints, fmt.Sprintf("%s: is told where Snowflake is: %v", r.ID, has))
		case has && got != "https://{account}.snowflakecomputing.com":
			complaints = append(complaints, fmt.Sprintf("%s: Snowflake is at %v", r.ID, got))
		}
	}
	return complaints
}
