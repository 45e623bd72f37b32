package infra

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// keys are the keys of KMS that the code relies on. Those that encrypt get new
// material every year; KMS does that for no others.
var keys = map[string]string{
	"FactorKey": "SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT, rotated",
	"GrantKey":  "ECC_NIST_P256 for SIGN_VERIFY",
	"TablesKey": "SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT, rotated",
	"VaultKey":  "SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT, rotated",
}

func checkKeys(p project) (complaints []string) {
	stack, err := load(p.files, chosen)
	if err != nil {
		return []string{err.Error()}
	}
	e, err := p.inner("Data")
	if err != nil {
		return []string{err.Error()}
	}
	got := map[string]string{}
	for _, k := range stack.Keys {
		r, _ := e.resource(k.Name)
		got[k.Name] = k.Spec + " for " + k.Usage
		if r.Properties["EnableKeyRotation"] == true {
			got[k.Name] += ", rotated"
		}
		if r.Properties["PendingWindowInDays"] != 30 {
			complaints = append(complaints, k.Name+": a deletion by mistake can be taken back for less than 30 days")
		}
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		complaints = append(complaints, "the keys are not those that the code expects (-want +got):\n"+diff)
	}
	return complaints
}

// sealed is the condition under which the vault's key may be used: for what
// package envelope seals and nothing else. Its four pairs are there and no other.
const sealed = "ForAllValues:StringEquals kms:EncryptionContextKeys credential,kind,version,workspace; " +
	"Null kms:EncryptionContext:credential false; Null kms:EncryptionContext:version false; Null kms:EncryptionContext:workspace false; " +
	"StringEquals kms:EncryptionContext:kind warehouse-credential"

// personal is the condition under which the second factors' key may be used: for
// what one user has, and one purpose.
const personal = "ForAllValues:StringEquals kms:EncryptionContextKeys purpose,user; Null kms:EncryptionContext:user false; " +
	"StringEquals kms:EncryptionContext:purpose sms,totp"

// keyUses is what each key's own policy allows beside its administration: an
// action, who may, and the condition. Roles are named by their functions;
// {functions} are all of them, {account} is this account, {dynamodb} that the
// call comes through DynamoDB.
var keyUses = map[string]string{
	"FactorKey": `
kms:Decrypt * if ArnEquals aws:PrincipalArn mfa; {personal}
kms:Encrypt * if ArnEquals aws:PrincipalArn mfa; {personal}`,
	"GrantKey": `
kms:GetPublicKey * if ArnEquals aws:PrincipalArn connect,credentials; {account}
kms:Sign * if ArnEquals aws:PrincipalArn credentials; {account}; StringEquals kms:SigningAlgorithm ECDSA_SHA_256`,
	"TablesKey": `
kms:CreateGrant root if {account}; {dynamodb}
kms:Decrypt * if ArnEquals aws:PrincipalArn {functions}; {account}; {dynamodb}
kms:Decrypt root if {account}; {dynamodb}
kms:DescribeKey * if ArnEquals aws:PrincipalArn {functions}; {account}; {dynamodb}
kms:DescribeKey dynamodb.amazonaws.com
kms:DescribeKey root if {account}; {dynamodb}
kms:Encrypt * if ArnEquals aws:PrincipalArn {functions}; {account}; {dynamodb}
kms:Encrypt root if {account}; {dynamodb}
kms:GenerateDataKey * if ArnEquals aws:PrincipalArn {functions}; {account}; {dynamodb}
kms:GenerateDataKey root if {account}; {dynamodb}
kms:GenerateDataKeyWithoutPlaintext * if ArnEquals aws:PrincipalArn {functions}; {account}; {dynamodb}
kms:GenerateDataKeyWithoutPlaintext root if {account}; {dynamodb}
kms:ReEncryptFrom * if ArnEquals aws:PrincipalArn {functions}; {account}; {dynamodb}
kms:ReEncryptFrom root if {account}; {dynamodb}
kms:ReEncryptTo * if ArnEquals aws:PrincipalArn {functions}; {account}; {dynamodb}
kms:ReEncryptTo root if {account}; {dynamodb}`,
	"VaultKey": `
kms:Decrypt * if ArnEquals aws:PrincipalArn connect,credentials,rotate; {sealed}
kms:GenerateDataKey * if ArnEquals aws:PrincipalArn credentials,rotate; {sealed}`,
}

// administers are the actions that manage a key and reveal nothing. Creating a
// grant is not among them, as a grant lets somebody use the key, nor is
// replicating it.
var administers = []string{
	"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation",
	"kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListKeyPolicies",
	"kms:ListKeyRotations", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant", "kms:RotateKeyOnDemand",
	"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
}

// checkKeyPolicy compares each key's policy with keyUses, line by line: a
// policy of a key lets in by itself, whatever the roles' policies say.
func checkKeyPolicy(p project) (complaints []string) {
	root, err := p.root()
	if err != nil {
		return []string{err.Error()}
	}
	e, err := p.inner("Data")
	if err != nil {
		return []string{err.Error()}
	}
	const account = "StringEquals kms:CallerAccount 000000000000"
	written := strings.NewReplacer(
		"{personal}", strings.Replace(personal, "StringEquals kms:EncryptionContext:purpose", account+"; StringEquals kms:EncryptionContext:purpose", 1),
		"{sealed}", strings.Replace(sealed, "StringEquals kms:EncryptionContext:kind", account+"; StringEquals kms:EncryptionContext:kind", 1),
		"{account}", account, "{functions}", strings.Join(slices.Sorted(maps.Keys(functions(root))), ","),
		"{dynamodb}", "StringEquals kms:ViaService dynamodb.us-east-1.amazonaws.com",
	)
	for id := range e.Resources {
		key, _ := e.resource(id)
		if key.Type != keyType {
			continue
		}
		policy, err := e.value(key.Properties["KeyPolicy"], key.ID)
		if err != nil {
			return []string{err.Error()}
		}
		got, found := keyLines(id, policy)
		complaints = append(complaints, found...)
		want := strings.Split(strings.TrimSpace(written.Replace(keyUses[id])), "\n")
		for _, line := range got {
			if !slices.Contains(want, line) {
				complaints = append(complaints, id+": unexpected "+line)
			}
		}
		for _, line := range want {
			if !slices.Contains(got, line) {
				complaints = append(complaints, id+": missing "+line)
			}
		}
	}
	return append(complaints, checkContext(p)...)
}

// keyLines writes the statements of a key's policy out, one action at a time,
// without what administers the key.
func keyLines(id string, policy any) (out, complaints []string) {
	managed := false
	for _, s := range statements(policy) {
		principal, _ := s.all["Principal"].(map[string]any)
		who := fmt.Sprint(principal)
		if service := principal["Service"]; service != nil && len(principal) == 1 {
			who = fmt.Sprint(service)
		} else if aws := principal["AWS"]; aws != nil && len(principal) == 1 {
			who = strings.TrimPrefix(fmt.Sprint(aws), "arn:aws:iam::000000000000:")
		}
		if s.all["Effect"] != "Allow" || s.all["NotAction"] != nil || s.all["NotPrincipal"] != nil || !slices.Equal(s.resources, []string{"*"}) {
			complaints = append(complaints, id+": "+s.sid+" is not a plain permission")
		}
		for _, action := range s.actions {
			managed = managed || who == "root" && s.condition == "" && action == "kms:PutKeyPolicy"
			if who == "root" && s.condition == "" && slices.Contains(administers, action) {
				continue
			}
			line := action + " " + who
			if s.condition != "" {
				line += " if " + strings.ReplaceAll(s.condition, "arn:aws:iam::000000000000:role/safekeep-", "")
			}
			out = append(out, line)
		}
	}
	if !managed {
		complaints = append(complaints, id+": nobody could ever change its policy")
	}
	return out, complaints
}

// contexts are where the names in an encryption context stand, each in a constant
// whose name begins with "key"; the condition that asks for them; and what else it
// asks for, by what it must contain for a constant there or in the file beside.
var contexts = []struct {
	source, condition string
	values            map[string][]string // by key of the context, the constants that it may be
	beside            string
}{
	{"shared/envelope/envelope.go", sealed, map[string][]string{"kind": {"Kind"}}, "shared/envelope/envelope.go"},
	{"shared/mfa/kms.go", personal, map[string][]string{"purpose": {"SMS", "TOTP"}}, "shared/mfa/mfa.go"},
}

// checkContext sees that the conditions ask for what is sent. It reads the
// constants there: package envelope brings a library that takes a minute to build.
func checkContext(p project) (complaints []string) {
	for _, c := range contexts {
		names, err := p.constants(c.source)
		if err != nil {
			return []string{err.Error()}
		}
		known, err := p.constants(c.beside)
		if err != nil {
			return []string{err.Error()}
		}
		var sent []string
		for name, value := range names {
			if strings.HasPrefix(name, "key") {
				sent = append(sent, value)
			}
		}
		slices.Sort(sent)
		parts := []string{"kms:EncryptionContextKeys " + strings.Join(sent, ",") + ";"}
		for key, constants := range c.values {
			words := make([]string, len(constants))
			for i, name := range constants {
				words[i] = known[name]
			}
			parts = append(parts, "kms:EncryptionContext:"+key+" "+strings.Join(words, ","))
		}
		for _, part := range parts {
			if !strings.Contains(c.condition, part) {
				complaints = append(complaints, c.source+" sends what the key's policy refuses: "+part)
			}
		}
	}
	return complaints
}

// constants returns the texts that a file gives names to.
func (p project) constants(source string) (map[string]string, error) {
	text, err := fs.ReadFile(p.files, source)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), source, text, 0)
	if err != nil {
		return nil, err
	}
	constants := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
			for i, name := range spec.Names {
				if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					constants[name.Name], _ = strconv.Unquote(literal.Value)
				}
			}
		}
		return true
	})
	return constants, nil
}
