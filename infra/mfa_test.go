package infra

import "fmt"

// checkSecondFactors sees that what a company chooses about second factors arrives,
// that who chooses nothing has what the code was made for, and that Twilio's
// credentials are shown to Twilio: its address is written out, so that no parameter
// can lead elsewhere.
func checkSecondFactors(p project) (complaints []string) {
	for _, c := range []struct {
		parameters   []string
		want, notify map[string]string
	}{
		{
			[]string{"SmsSecretArn", "", "SmsOriginationArn", "", "TwilioSecretArn", ""},
			map[string]string{
				"MFA_ISSUER": "Acme", "MFA_TRIES": "5", "MFA_WINDOW_MINUTES": "15", "WATCH_FAILURES": "5", "WATCH_MINUTES": "15",
				"SMS_SENDER": "", "SMS_ORIGINATION": "", "SMS_REGIONS": "US,CA", "SMS_SECRET_ARN": "", "SMS_DAILY_LIMIT": "1000",
				"TWILIO_SECRET_ARN": "", "PASSKEY_RP_ID": "", "PASSKEY_ORIGINS": "",
			},
			map[string]string{"ACCOUNT_URL": ""},
		},
		{
			[]string{
				"MfaIssuer", "Acme App", "MfaTries", "7", "MfaWindowMinutes", "30", "MfaWatchFailures", "3", "MfaWatchMinutes", "60",
				"SmsSender", "twilio", "SmsRegions", "US", "SmsDailyLimit", "50",
				"PasskeyDomain", "acme.example", "PasskeyOrigins", "https://acme.example,https://app.acme.example",
				"AccountUrl", "https://app.acme.example/{user}",
			},
			map[string]string{
				"MFA_ISSUER": "Acme App", "MFA_TRIES": "7", "MFA_WINDOW_MINUTES": "30", "WATCH_FAILURES": "3", "WATCH_MINUTES": "60",
				"SMS_SENDER": "twilio", "SMS_ORIGINATION": chosen["SmsOriginationArn"], "SMS_REGIONS": "US", "SMS_SECRET_ARN": chosen["SmsSecretArn"],
				"SMS_DAILY_LIMIT": "50", "TWILIO_SECRET_ARN": chosen["TwilioSecretArn"],
				"PASSKEY_RP_ID": "acme.example", "PASSKEY_ORIGINS": "https://acme.example,https://app.acme.example",
			},
			map[string]string{"ACCOUNT_URL": "https://app.acme.example/{user}"},
		},
	} {
		complaints = append(complaints, p.settings("MfaFunction", c.parameters, c.want)...)
		complaints = append(complaints, p.settings("NotifyFunction", c.parameters, c.notify)...)
	}
	e, err := p.root()
	if err != nil {
		return append(complaints, err.Error())
	}
	r, _ := e.resource("MfaFunction")
	environment, _ := r.Properties["Environment"].(map[string]any)
	variables, _ := environment["Variables"].(map[string]any)
	if got := variables["TWILIO_URL"]; got != "https://verify.twilio.com/v2" {
		complaints = append(complaints, fmt.Sprintf("MfaFunction: Twilio is at %v", got))
	}
	return complaints
}
