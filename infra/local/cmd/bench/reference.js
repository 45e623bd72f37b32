"use strict";
// The reference: npm's zxcvbn judges all passwords of the vectors each time that a
// line comes, and answers how long that took in nanoseconds.
const zxcvbn = require("zxcvbn");
const passwords = require(process.argv[2]).map((v) => v.pw);
require("node:readline").createInterface({ input: process.stdin }).on("line", () => {
  const began = process.hrtime.bigint();
  for (const password of passwords) zxcvbn(password);
  console.log(String(process.hrtime.bigint() - began));
});
