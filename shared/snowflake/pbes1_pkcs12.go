package snowflake

import (
	"bytes"
	"hash"
	"math/big"
	"unicode/utf16"
	"unicode/utf8"
)

// pkcs12Key is the derivation of RFC 7292, appendix B.2: size bytes for a
// purpose, 1 for a key and 2 for an IV. The names of the RFC stand behind.
func pkcs12Key(h hash.Hash, purpose byte, passphrase string, salt []byte, iterations, size int) []byte {
	const blockSize = 64 // v, of MD5 and SHA-1
	diversifier := bytes.Repeat([]byte{purpose}, blockSize)
	input := append(stretch(salt, blockSize), stretch(bmpString(passphrase), blockSize)...) // I = S || P
	var out []byte
	for {
		// The diversifier must not be grown in place, for the next run needs it.
		sum := rehash(h, append(diversifier[:blockSize:blockSize], input...), iterations) // A_i
		out = append(out, sum...)
		if len(out) >= size {
			return out[:size]
		}
		// I_j = (I_j + B + 1) mod 2^v, for every block I_j of I.
		b := new(big.Int).SetBytes(stretch(sum, blockSize)[:blockSize])
		b.Add(b, big.NewInt(1))
		modulus := new(big.Int).Lsh(big.NewInt(1), blockSize*8)
		for at := 0; at < len(input); at += blockSize {
			block := input[at : at+blockSize]
			n := new(big.Int).SetBytes(block)
			n.Add(n, b).Mod(n, modulus).FillBytes(block)
		}
	}
}

// stretch repeats data up to a whole number of blocks; nothing stays nothing.
func stretch(data []byte, blockSize int) []byte {
	out := make([]byte, (len(data)+blockSize-1)/blockSize*blockSize)
	for i := range out {
		out[i] = data[i%len(data)]
	}
	return out
}

// bmpString is a passphrase as PKCS#12 wants it, RFC 7292 B.1: UTF-16, big end
// first, with a zero at the end. openssl takes what is not UTF-8 byte by byte.
func bmpString(passphrase string) []byte {
	var units []uint16
	if utf8.ValidString(passphrase) {
		units = utf16.Encode([]rune(passphrase))
	} else {
		for _, b := range []byte(passphrase) {
			units = append(units, uint16(b))
		}
	}
	var out []byte
	for _, unit := range append(units, 0) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return out
}
