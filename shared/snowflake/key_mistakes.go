package snowflake

import "safekeep/shared/problem"

// The commands that mend a mistake, as the tests run them with the openssl of the
// machine. All but -provider, which came with openssl 3.0, are options that older
// ones and LibreSSL have too. The file names are those of Snowflake's page; none
// is written that may hold a key already, for the one that was pasted may be in
// use elsewhere.
const (
	// No command mends what is not all there; it shows where the rest is.
	commandShow  = "cat rsa_key.p8"
	commandAlone = "openssl pkey -in rsa_key.p8 -out rsa_key_alone.p8"
	commandPrint = "openssl pkey -in rsa_key.p8"
	// -noout: it asks for the passphrase, says whether it is right, shows no key.
	commandTry     = "openssl pkey -in rsa_key.p8 -noout"
	commandConvert = "openssl pkcs8 -topk8 -v2 aes-256-cbc -in rsa_key.p8 -out rsa_key_new.p8"
	// Old ciphers live in a module of openssl 3 that is off by default.
	commandConvertOld = commandConvert + " -provider legacy -provider default"
	commandNew        = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes-256-cbc -out rsa_key_new.p8"
	commandJSON       = "jq -r .private_key rsa_key.json"
	// ssh-keygen converts in place, hence the copy.
	commandSSH    = "cp id_rsa rsa_key.pem && ssh-keygen -p -m PEM -f rsa_key.pem"
	commandPuTTY  = "puttygen rsa_key.ppk -O private-openssh -o rsa_key.pem"
	commandPKCS12 = "openssl pkcs12 -in rsa_key.p12 -nocerts -out rsa_key_new.p8"
	commandJKS    = "keytool -importkeystore -srckeystore rsa_key.jks -destkeystore rsa_key.p12 -deststoretype PKCS12" +
		" && " + commandPKCS12
)

// badKey refuses what was pasted as a key. Every refusal ends in "Run: " and one
// command, so that a page can show the command apart, to be copied.
func badKey(mistake, command string) error {
	return problem.Field("private_key", mistake+" Run: "+command)
}

// badPassphrase refuses the passphrase that came with a key.
func badPassphrase(mistake, command string) error {
	return problem.Field("passphrase", mistake+" Run: "+command)
}

// newKey refuses a key that nothing can turn into one that Snowflake takes. The
// command makes an encrypted one, for it will lie on somebody's disk.
func newKey(mistake string) error {
	return badKey(mistake+" make a new key pair of 2048-bit RSA and give Snowflake its public half.", commandNew)
}

// otherKind refuses keys that are not RSA. Snowflake's page lists ES256 too, "for
// the Python driver", but its error 394305 demands RS256, so that is what we sign.
func otherKind(kind string) error {
	return newKey("is " + kind + " key, and only RSA can sign in here;")
}

func empty() error {
	return badKey("is empty; paste everything in the key's file, from the BEGIN line to the END line.", commandShow)
}

func tooLong() error {
	return badKey("is longer than 16 KiB; take the key out of what surrounds it and paste it alone.", commandAlone)
}

func fileName() error {
	return badKey("is the name of a file; paste what stands in that file.", commandShow)
}

// jsonDocument refuses the whole answer of an API or a secret store. The key in it
// is not taken out: which of its fields is meant would be a guess.
func jsonDocument() error {
	return badKey("is a JSON document; paste only the key that is in it.", commandJSON)
}

// publicKey, like a certificate, has nothing secret in it, and no command makes
// the private key out of it: what mends it is the other file.
func publicKey() error {
	return badKey("is a public key; paste the private key that it belongs to.", commandShow)
}

func certificate() error {
	return badKey("is a certificate; paste the private key that it was made for.", commandShow)
}

func certificateRequest() error {
	return badKey("is a certificate request; paste the private key that it was made with.", commandShow)
}

// manyBlocks refuses to choose: of two private keys one would be the wrong one,
// and who sends a certificate along should know that it is not needed.
func manyBlocks() error {
	return badKey("holds more than one key or certificate; paste the private key alone.", commandAlone)
}

func notAKey() error {
	return badKey("is no private key in a form that is known here; print yours as PEM.", commandPrint)
}

func opensshFormat() error {
	return badKey("is in OpenSSH's own format; convert it to PEM.", commandSSH)
}

func puttyFormat() error {
	return badKey("is in PuTTY's own format; convert it to PEM.", commandPuTTY)
}

// pkcs12Store has no -nodes in its command: the key stays encrypted on its way.
func pkcs12Store() error {
	return badKey("is a PKCS#12 store (.p12, .pfx); take the private key out of it.", commandPKCS12)
}

func javaStore() error {
	return badKey("is a Java key store (.jks); take the private key out of it.", commandJKS)
}

// cutOff is told from damaged by the length that DER states: it is the mistake of
// fields that hold 1,800 or 4,000 characters, and of selections by mouse.
func cutOff() error {
	return badKey("was cut off: its end is missing; paste everything from the BEGIN line to the END line.", commandShow)
}

func damaged() error {
	return badKey("was damaged on the way: it is not whole base64, or what it holds does not fit together;"+
		" copy it anew from its file.", commandShow)
}

// tooDear says nothing of the limit in figures: it differs by derivation, and the
// default of the command is far below.
func tooDear() error {
	return badKey("is encrypted so that opening it takes too much work or memory; encrypt it again with the usual cost.",
		commandConvert)
}

// wrongPassphrase admits that damage to the first blocks, the salt or the IV
// cannot be told from it; openssl says "bad decrypt" to all of them.
func wrongPassphrase() error {
	return badPassphrase("does not open this key; give the one that the command takes."+
		" If it takes this one, the key was damaged on the way.", commandTry)
}

func missingPassphrase() error {
	return badPassphrase("is missing, and the key is encrypted; give the one that the command takes.", commandTry)
}

// needlessPassphrase is not overlooked in silence: whoever sends one believes the
// key to be encrypted where it lies, and it is not.
func needlessPassphrase() error {
	return badPassphrase("was given, but the key is not encrypted; leave the passphrase out,"+
		" or encrypt the key first and paste that.", commandConvert)
}
