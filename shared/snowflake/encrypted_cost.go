package snowflake

import "math/big"

// What one try of a passphrase may cost. A key says itself how dear its
// derivation is, so a crafted one is a bomb: 20 million iterations are 10 s, a
// scrypt of N = 2^20 is 1 GiB. The times are CPU time on one core of a cloud
// server with SHA instructions; a passphrase that ends in a line break is tried twice.
const (
	// maxWork is in runs of HMAC-SHA-256. All of it takes 0.28 s with SHA-256 and
	// up to 0.33 s with the other hashes. openssl's default is 2,048; OWASP's advice for
	// passwords, the most that people copy, is 600,000.
	maxWork = 2_000_000
	// maxScryptMemory in bytes is openssl's own limit, which is why no key of
	// theirs needs more; two tries stay within 64 MiB even if nothing is freed.
	maxScryptMemory = 32 << 20
	// maxScryptWork is N·r·p, twice of what fits into that memory: 0.15 s with the
	// r = 8 that everybody uses, 0.27 s with r = 1, which reads memory worst.
	maxScryptWork = 1 << 19
	// maxScryptFactor bounds r and p, for there are buffers of 128·r·p bytes as
	// well. RFC 7914 advises r = 8, p = 1.
	maxScryptFactor = 64
)

// count returns the iteration count n when all of its work, weight for each
// iteration, is within maxWork.
func count(n *big.Int, weight int) (int, error) {
	// A negative count would run no loop and give a key that everybody knows.
	if n.Sign() <= 0 {
		return 0, damaged()
	}
	return within(n, maxWork/weight)
}

// within returns n when it is not above most. The numbers of a key are read as big
// ones: one that fits no int is a bomb, and not damage.
func within(n *big.Int, most int) (int, error) {
	if n.Cmp(big.NewInt(int64(most))) > 0 {
		return 0, tooDear()
	}
	return int(n.Int64()), nil
}
