package snowflake

import "strings"

// unreadableCipher names something that keys are encrypted with and that is not
// read here, because no tool uses it unless asked to and openssl converts it.
type unreadableCipher struct {
	// id is an object identifier or the arc above several; of a DEK-Info name,
	// what stands before the first dash.
	id, name string
	// old says that openssl 3 keeps it in its legacy module.
	old bool
}

var unreadableCiphers = []unreadableCipher{
	{"1.2.840.113549.1.5.6", "RC2", true},      // pbeWithMD5AndRC2-CBC
	{"1.2.840.113549.1.5.11", "RC2", true},     // pbeWithSHA1AndRC2-CBC
	{"1.2.840.113549.1.12.1.1", "RC4", true},   // PKCS#12, 128 bits
	{"1.2.840.113549.1.12.1.2", "RC4", true},   // 40 bits
	{"1.2.840.113549.1.12.1.5", "RC2", true},   // 128 bits
	{"1.2.840.113549.1.12.1.6", "RC2", true},   // 40 bits
	{"1.2.840.113549.3.2", "RC2", true},        // of PBES2, as the following
	{"1.2.840.113549.3.4", "RC4", true},        //
	{"1.2.840.113549.3.9", "RC5", true},        //
	{"1.2.840.113533.7.66.10", "CAST5", true},  //
	{"1.3.6.1.4.1.3029.1.2", "Blowfish", true}, //
	{"1.3.6.1.4.1.188.7.1.1", "IDEA", true},    //
	{"1.2.410.200004.1", "SEED", true},         //
	{"1.3.14.3.2", "DES in a mode other than CBC", true},
	{"2.16.840.1.101.3.4.1", "AES in a mode other than CBC", false},
	{"1.2.392.200011.61.1.1.1", "Camellia", false},
	{"0.3.4401.5.3.1.9", "Camellia", false},
	{"1.2.410.200046.1.1", "ARIA", false},
	{"1.2.156.10197.1.104", "SM4", false},
	{"1.2.156.10197.1.401", "HMAC-SM3", false},
	{"1.2.643", "GOST", false},
	{"1.2.840.113549.2.6", "HMAC-MD5", false},
	{"2.16.840.1.101.3.4.2", "HMAC-SHA-3", false},
	{"1.2.840.113549.1.5.14", "PBMAC1", false},

	{"AES", "AES in a mode other than CBC", false},
	{"DES", "DES in a mode other than CBC", true},
	{"CAMELLIA", "Camellia", false},
	{"ARIA", "ARIA", false},
	{"SM4", "SM4", false},
	{"SEED", "SEED", true},
	{"IDEA", "IDEA", true},
	{"BF", "Blowfish", true},
	{"CAST5", "CAST5", true},
	{"RC2", "RC2", true},
	{"RC5", "RC5", true},
}

// unreadable refuses a key for what it is encrypted with: named when it is known,
// but never repeated, for an identifier is a part of what was pasted.
func unreadable(id string) error {
	// openssl has given up MD2, so that nothing converts the two schemes with it.
	if id == "1.2.840.113549.1.5.1" || id == "1.2.840.113549.1.5.4" {
		return newKey("is encrypted with MD2, which no current tool reads;")
	}
	for _, c := range unreadableCiphers {
		if id != c.id && !strings.HasPrefix(id, c.id+".") && !strings.HasPrefix(id, c.id+"-") {
			continue
		}
		command := commandConvert
		if c.old {
			command = commandConvertOld
		}
		return badKey("is encrypted with "+c.name+", which is not read here; encrypt it with AES.", command)
	}
	return badKey("is encrypted in a way that is not known here; encrypt it with AES.", commandConvert)
}
