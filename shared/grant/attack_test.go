package grant_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/dynamo"
	"safekeep/shared/grant"
	"safekeep/shared/problem"
)

// attacks returns tokens that must not pass, each with the reason for the log.
func attacks(t *testing.T, v *vault) map[string][2]string {
	f := newForger(t, v)
	theirs, iat := newPrivate(t), fmt.Sprintf(`"iat":%d`, noon.Unix())
	none := part(`{"alg":"none","kid":"`+f.kid+`","typ":"secret-access+jwt"}`) + "." + f.payload
	signature := f.jwt[strings.LastIndex(f.jwt, ".")+1:]
	exp := fmt.Sprintf(`,"exp":%d}`, f.g.ExpiresAt.Unix())
	table := map[string][2]string{
		"nothing":                    {"", grant.Misshapen},
		"two parts":                  {f.head + "." + f.payload, grant.Misshapen},
		"four parts":                 {f.jwt + ".", grant.Misshapen},
		"five parts, a JWE":          {f.jwt + "." + f.payload + "." + signature, grant.Misshapen},
		"only dots":                  {strings.Repeat(".", 4096), grant.Misshapen},
		"two dots":                   {"..", grant.Misshapen},
		"text":                       {"give me the key", grant.Misshapen},
		"1 MB":                       {f.head + "." + strings.Repeat("A", 1<<20) + "." + signature, grant.TooLong},
		"a byte too long":            {strings.Repeat("A", grant.MaxLength+1), grant.TooLong},
		"JSON serialization":         {f.jsonForm(false), grant.Misshapen},
		"JSON serialization, flat":   {f.jsonForm(true), grant.Misshapen},
		"detached payload":           {f.head + ".." + signature, grant.BadSignature},
		"space before":               {" " + f.jwt, grant.Misshapen},
		"line break after":           {f.jwt + "\n", grant.Misshapen},
		"line break within":          {f.head + "\r\n." + f.payload + "." + signature, grant.Misshapen},
		"padding":                    {f.head + "=." + f.payload + "." + signature, grant.Misshapen},
		"padded signature":           {f.jwt + "==", grant.Misshapen},
		"the other base64":           {f.head + "." + f.payload + ".+/" + signature[2:], grant.Misshapen},
		"NUL":                        {f.jwt + "\x00", grant.Misshapen},
		"header is no JSON":          {part("secret") + "." + f.payload + "." + signature, grant.Misshapen},
		"header is null":             {f.headed("null"), grant.WrongAlg},
		"header is a list":           {f.headed("[]"), grant.Misshapen},
		"header is empty":            {"." + f.payload + "." + signature, grant.Misshapen},
		"alg none":                   {none + ".", grant.WrongAlg},
		"alg none, signature kept":   {none + "." + signature, grant.WrongAlg},
		"alg None":                   {f.headed(strings.Replace(headerOf(f.kid), "ES256", "None", 1)), grant.WrongAlg},
		"no alg":                     {f.headed(strings.Replace(headerOf(f.kid), `"alg":"ES256",`, "", 1)), grant.WrongAlg},
		"alg is a number":            {f.headed(strings.Replace(headerOf(f.kid), `"ES256"`, "256", 1)), grant.Misshapen},
		"alg in lower case":          {f.headed(strings.Replace(headerOf(f.kid), "ES256", "es256", 1)), grant.WrongAlg},
		"HS256 by the public DER":    {f.hmac(f.publicDER()), grant.WrongAlg},
		"HS256 by the public PEM":    {f.hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: f.publicDER()})), grant.WrongAlg},
		"RS256":                      {f.rs256(), grant.WrongAlg},
		"ES384 on its curve":         {signed(t, privateOn384(t), strings.Replace(headerOf(f.kid), "ES256", "ES384", 1), claimsOf(f.g)), grant.WrongAlg},
		"ES256 on another curve":     {signed(t, privateOn384(t), headerOf(f.kid), claimsOf(f.g)), grant.BadSignature},
		"another key":                {signed(t, theirs, headerOf(f.kid), claimsOf(f.g)), grant.BadSignature},
		"another key by its name":    {signed(t, theirs, headerOf(kidOf(t, &theirs.PublicKey)), claimsOf(f.g)), grant.WrongKey},
		"wrong kid":                  {f.headed(headerOf(kidOf(t, &theirs.PublicKey))), grant.WrongKey},
		"an ARN for kid":             {f.headed(headerOf("arn:aws:kms:eu-central-1:111122223333:key/1")), grant.WrongKey},
		"a path for kid":             {f.headed(headerOf("../../dev/null")), grant.WrongKey},
		"empty kid":                  {f.headed(headerOf("")), grant.WrongKey},
		"no kid":                     {f.headed(`{"alg":"ES256","typ":"secret-access+jwt"}`), grant.WrongKey},
		"kid is a list":              {f.headed(`{"alg":"ES256","kid":["` + f.kid + `"],"typ":"secret-access+jwt"}`), grant.Misshapen},
		"typ JWT":                    {f.headed(strings.Replace(headerOf(f.kid), "secret-access+jwt", "JWT", 1)), grant.WrongType},
		"no typ":                     {f.headed(`{"alg":"ES256","kid":"` + f.kid + `"}`), grant.WrongType},
		"typ as a media type":        {f.headed(strings.Replace(headerOf(f.kid), "secret-access", "application/secret-access", 1)), grant.WrongType},
		"typ in capitals":            {f.headed(strings.Replace(headerOf(f.kid), "jwt", "JWT", 1)), grant.WrongType},
		"crit of nothing":            {f.headed(strings.Replace(headerOf(f.kid), `,"kid"`, `,"crit":[],"kid"`, 1)), grant.OddHeader},
		"crit of b64":                {f.headed(strings.Replace(headerOf(f.kid), `,"kid"`, `,"b64":false,"crit":["b64"],"kid"`, 1)), grant.OddHeader},
		"b64":                        {f.headed(strings.Replace(headerOf(f.kid), `,"kid"`, `,"b64":true,"kid"`, 1)), grant.OddHeader},
		"brings its key, by its id":  {f.bringingKey(true), grant.OddHeader},
		"brings its key, by our id":  {f.bringingKey(false), grant.OddHeader},
		"an unknown header":          {f.headed(strings.Replace(headerOf(f.kid), `}`, `,"x":1}`, 1)), grant.OddHeader},
		"alg twice, the last ours":   {f.headed(strings.Replace(headerOf(f.kid), `{`, `{"alg":"none",`, 1)), grant.OddHeader},
		"alg twice, the first ours":  {f.headed(strings.Replace(headerOf(f.kid), `,"kid"`, `,"alg":"none","kid"`, 1)), grant.WrongAlg},
		"alg twice in two cases":     {f.headed(strings.Replace(headerOf(f.kid), `{`, `{"ALG":"none",`, 1)), grant.OddHeader},
		"alg under another name":     {f.headed(strings.Replace(headerOf(f.kid), `"alg"`, `"Alg"`, 1)), grant.OddHeader},
		"header with spaces":         {f.headed(" " + headerOf(f.kid)), grant.OddHeader},
		"header with escapes":        {f.headed(strings.Replace(headerOf(f.kid), "ES256", `\u0045S256`, 1)), grant.OddHeader},
		"something after the header": {f.headed(headerOf(f.kid) + "{}"), grant.Misshapen},
		"signature in DER":           {f.der(), grant.BadSignature},
		"no signature":               {f.head + "." + f.payload + ".", grant.BadSignature},
		"signature of zeros":         {f.head + "." + f.payload + "." + strings.Repeat("A", 86), grant.BadSignature},
		"signature of ones":          {f.head + "." + f.payload + "." + strings.Repeat("_", 85) + "w", grant.BadSignature},
		"signature of another grant": {f.head + "." + f.payload + signed(t, v.private, headerOf(f.kid), claimsOf(newGrant(t)))[len(f.head)+len(f.payload)+1:], grant.BadSignature},
		"claims of another grant":    {f.head + "." + part(strings.Replace(claimsOf(f.g), "acme", "evil", 1)) + "." + signature, grant.BadSignature},

		"another stack's":          {f.with(`"safekeep/prod",`, `"safekeep/dev",`), grant.WrongIssuer},
		"no iss":                   {f.with(`"iss":"safekeep/prod",`, ""), grant.OddClaims},
		"for another service":      {f.with("/connect", "/credentials"), grant.WrongAudience},
		"for connect and more":     {f.with("/connect", "/connect "), grant.WrongAudience},
		"aud is a list with more":  {f.with(`"safekeep/prod/connect"`, `["safekeep/prod/connect","evil"]`), grant.OddClaims},
		"aud is a list of ours":    {f.with(`"safekeep/prod/connect"`, `["safekeep/prod/connect"]`), grant.OddClaims},
		"no aud":                   {f.with(`"aud":"safekeep/prod/connect",`, ""), grant.OddClaims},
		"empty aud":                {f.with("safekeep/prod/connect", ""), grant.WrongAudience},
		"no exp":                   {f.with(exp, "}"), grant.OddClaims},
		"exp null":                 {f.with(exp, `,"exp":null}`), grant.OddClaims},
		"exp as text":              {f.with(exp, fmt.Sprintf(`,"exp":"%d"}`, f.g.ExpiresAt.Unix())), grant.OddClaims},
		"exp as a fraction":        {f.with(exp, fmt.Sprintf(`,"exp":%d.5}`, f.g.ExpiresAt.Unix())), grant.OddClaims},
		"exp as a float":           {f.with(exp, `,"exp":9e9}`), grant.OddClaims},
		"exp beyond all numbers":   {f.with(exp, `,"exp":99999999999999999999}`), grant.OddClaims},
		"exp the last number":      {f.with(exp, `,"exp":9223372036854775807}`), grant.WrongLifetime},
		"all of time":              {f.lasting(time.Unix(-1<<63, 0), time.Unix(1<<62, 0)), grant.WrongLifetime},
		"the other end of time":    {f.lasting(time.Unix(1<<63-1, 0), time.Unix(1<<63-1, 0)), grant.NotYet},
		"five minutes and one":     {f.lasting(noon, noon.Add(301*time.Second)), grant.WrongLifetime},
		"an hour":                  {f.lasting(noon, noon.Add(time.Hour)), grant.WrongLifetime},
		"ends when it began":       {f.lasting(noon, noon), grant.WrongLifetime},
		"ends before it began":     {f.lasting(noon.Add(20*time.Second), noon.Add(10*time.Second)), grant.WrongLifetime},
		"exp is 0":                 {f.lasting(noon, time.Unix(0, 0)), grant.WrongLifetime},
		"ends now":                 {f.lasting(noon.Add(-time.Minute), noon), grant.Expired},
		"ended a second ago":       {f.lasting(noon.Add(-time.Minute), noon.Add(-time.Second)), grant.Expired},
		"ended last year":          {f.lasting(noon.AddDate(-1, 0, 0), noon.AddDate(-1, 0, 0).Add(time.Minute)), grant.Expired},
		"issued in 31 seconds":     {f.lasting(noon.Add(31*time.Second), noon.Add(time.Minute)), grant.NotYet},
		"issued tomorrow":          {f.lasting(noon.AddDate(0, 0, 1), noon.AddDate(0, 0, 1).Add(time.Minute)), grant.NotYet},
		"no iat":                   {f.with(iat+",", ""), grant.OddClaims},
		"nbf of tomorrow":          {f.with(iat, iat+fmt.Sprintf(`,"nbf":%d`, noon.AddDate(0, 0, 1).Unix())), grant.OddClaims},
		"nbf that has passed":      {f.with(iat, iat+`,"nbf":1`), grant.OddClaims},
		"an unknown claim":         {f.with(iat, iat+`,"cnf":{"jkt":"x"}`), grant.OddClaims},
		"workspace twice":          {f.with(`"workspace":"acme"`, `"workspace":"evil","workspace":"acme"`), grant.OddClaims},
		"workspace twice, by case": {f.with(`"workspace":"acme"`, `"workspace":"acme","WORKSPACE":"evil"`), grant.OddClaims},
		"workspace twice, escaped": {f.with(`"workspace":"acme"`, `"workspace":"acme","\u0077orkspace":"evil"`), grant.OddClaims},
		"workspace by long s":      {f.with(`"workspace":"acme"`, `"workſpace":"acme"`), grant.OddClaims}, // encoding/json folds ſ to s
		"claims with spaces":       {f.with(`"workspace":"acme"`, `"workspace": "acme"`), grant.OddClaims},
		"claims in another order":  {signed(t, v.private, headerOf(f.kid), `{"workspace":"acme",`+strings.Replace(claimsOf(f.g), `"workspace":"acme",`, "", 1)[1:]), grant.OddClaims},
		"claims are null":          {signed(t, v.private, headerOf(f.kid), "null"), grant.OddClaims},
		"claims are a list":        {signed(t, v.private, headerOf(f.kid), "["+claimsOf(f.g)+"]"), grant.OddClaims},
		"claims are deep":          {signed(t, v.private, headerOf(f.kid), strings.Repeat("[", 2800)), grant.OddClaims},
		"claims are a grant":       {signed(t, v.private, headerOf(f.kid), f.jwt), grant.OddClaims},
		"claims are not UTF-8":     {f.with("run 42", "run \xff"), grant.OddClaims},
		"something after claims":   {f.with(exp, exp+"{}"), grant.OddClaims},
		"odd workspace":            {f.with("acme", "ac#me"), grant.OddClaims},
		"no workspace":             {f.with("acme", ""), grant.OddClaims},
		"credentials null":         {f.with(fmt.Sprintf(`[%q,%q]`, mainID, otherID), "null"), grant.OddClaims},
		"no credentials":           {f.with(fmt.Sprintf(`[%q,%q]`, mainID, otherID), "[]"), grant.OddClaims},
		"21 credentials":           {f.with(fmt.Sprintf(`[%q,%q]`, mainID, otherID), `["`+strings.Join(ids(21), `","`)+`"]`), grant.OddClaims},
		"a credential twice":       {f.with(otherID, mainID), grant.OddClaims},
		"a credential in capitals": {f.with(mainID, strings.ToUpper(mainID)), grant.OddClaims},
		"all credentials":          {f.with(mainID, "*"), grant.OddClaims},
		"credentials is a text":    {f.with(fmt.Sprintf(`[%q,%q]`, mainID, otherID), `"`+mainID+`"`), grant.OddClaims},
		"another purpose":          {f.with(`"extract"`, `"all"`), grant.OddClaims},
		"no run":                   {f.with("run 42", ""), grant.OddClaims},
		"jti is no ULID":           {f.with(f.g.ID, "1"), grant.OddClaims},
		"jti in lower case":        {f.with(f.g.ID, strings.ToLower(f.g.ID)), grant.OddClaims},
		"jti that overflows":       {f.with(f.g.ID, "Z"+f.g.ID[1:]), grant.OddClaims},
		"jti of another key":       {f.with(f.g.ID, f.g.ID[:25]+"#"), grant.OddClaims},
	}
	for _, name := range []string{"jku", "x5u"} {
		table["points to its key by "+name] = [2]string{signed(t, theirs, strings.Replace(headerOf(f.kid), `}`, `,"`+name+`":"https://evil.example/keys"}`, 1), claimsOf(f.g)), grant.OddHeader}
	}
	table["brings a certificate"] = [2]string{signed(t, theirs, strings.Replace(headerOf(f.kid), `}`, `,"x5c":["MIIB"]}`, 1), claimsOf(f.g)), grant.OddHeader}
	return table
}

// Whatever is wrong, the caller reads the same and the log can tell.
func TestAttacks(t *testing.T) {
	v := newVault(t)
	verifier := grant.NewVerifier(v, parties)
	for name, attack := range attacks(t, v) {
		jwt, reason := attack[0], attack[1]
		g, err := verifier.Verify(t.Context(), jwt, noon)
		p, _ := problem.Of(err)
		switch {
		case err == nil:
			t.Errorf("%s: passes", name)
		case p != grant.ErrRefused || p.Kind != problem.Unauthenticated || !errors.Is(err, grant.ErrRefused):
			t.Errorf("%s: %v", name, err)
		case err.Error() != grant.ErrRefused.Error() || fmt.Sprintf("%+v", err) != err.Error():
			t.Errorf("%s: the answer tells it apart: %v", name, err)
		case grant.Reason(err) != reason:
			t.Errorf("%s: the log has %q, want %q", name, grant.Reason(err), reason)
		case g.ID != "" || g.Workspace != "" || g.Credentials != nil:
			t.Errorf("%s: a grant came with the refusal", name)
		}
	}
	if _, asks := v.counts(); asks > 3 { // the forger's issuer, the first key, one for all invented names
		t.Errorf("the key was asked for %d times", asks)
	}
}

// What is near an attack and is none.
func TestWithinTheRules(t *testing.T) {
	v := newVault(t)
	f, verifier := newForger(t, v), grant.NewVerifier(v, parties)
	for name, jwt := range map[string]string{
		"as issued":            f.jwt,
		"written by hand":      f.headed(headerOf(f.kid)),
		"a clock 30 s ahead":   f.lasting(noon.Add(30*time.Second), noon.Add(330*time.Second)),
		"a second left":        f.lasting(noon.Add(-299*time.Second), noon.Add(time.Second)),
		"shorter than it may":  f.lasting(noon, noon.Add(time.Second)),
		"a run with all signs": f.with("run 42", `<a href='x'>&\\\"~`),
	} {
		if _, err := verifier.Verify(t.Context(), jwt, noon); err != nil {
			t.Errorf("%s: %s", name, grant.Reason(err))
		}
	}
	// The last instant of the last second still counts.
	if _, err := verifier.Verify(t.Context(), f.jwt, f.g.ExpiresAt.Add(-1)); err != nil {
		t.Errorf("just before the end: %s", grant.Reason(err))
	}
}

// Of an ECDSA signature (r, s) anybody can make (r, n-s), which verifies as
// well. So a grant has two texts; it is still one grant, as what is used is its
// id and not its text.
func TestTwinSignature(t *testing.T) {
	v := newVault(t)
	f, verifier := newForger(t, v), grant.NewVerifier(v, parties)
	twin := f.twin()
	if twin == f.jwt {
		t.Fatal("no twin")
	}
	g, err := verifier.Verify(t.Context(), twin, noon)
	if err != nil {
		t.Fatal(grant.Reason(err))
	}
	if diff := cmp.Diff(f.g, g); diff != "" {
		t.Error(diff)
	}
	s := &grant.Store{Table: "Ephemera"}
	if a, b := s.Use(f.g, mainID, noon), s.Use(g, mainID, noon); dynamo.Text(a.Put.Item, "key") != dynamo.Text(b.Put.Item, "key") {
		t.Error("the twin can be used once more")
	}
}

// A long text costs nothing but its length.
func TestLongTextCostsNothing(t *testing.T) {
	v := newVault(t)
	verifier := grant.NewVerifier(v, parties)
	long := strings.Repeat("eyJ.", 1<<18)
	if n := testing.AllocsPerRun(100, func() { _, _ = verifier.Verify(t.Context(), long, noon) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if _, asks := v.counts(); asks > 0 {
		t.Error("KMS was asked")
	}
}

// No stack takes what another one issued, though they shared a key.
func TestOtherStack(t *testing.T) {
	v := newVault(t)
	_, jwt := issue(t, v)
	for _, p := range []grant.Parties{grant.PartiesOf("dev"), grant.PartiesOf("prod/connect"), grant.PartiesOf(""), {}} {
		if _, err := grant.NewVerifier(v, p).Verify(t.Context(), jwt, noon); !errors.Is(err, grant.ErrRefused) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
