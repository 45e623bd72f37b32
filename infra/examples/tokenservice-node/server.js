// A company's own token service, as Safekeep calls it: infra/tokenservice.yaml.
//
//   KEY=$(openssl rand -hex 32) TOKENS='[{"sha256":"…","id":"key_7",…}]' PORT=8080 node server.js
//
// A real one keeps its tokens in its own database; the rest can stay like this.
import { createHmac, timingSafeEqual } from "node:crypto";
import express from "express";

const keys = [process.env.KEY, process.env.PREVIOUS_KEY].filter(Boolean);
if (!keys.length || keys.some((key) => key.length < 32)) throw new Error("KEY must have at least 32 characters: openssl rand -hex 32");
const tokens = new Map(JSON.parse(process.env.TOKENS ?? "[]").map((token) => [token.sha256, token]));

const sign = (key, ...parts) => {
  const mac = createHmac("sha256", key);
  parts.forEach((part, i) => mac.update(i ? "." : "").update(part));
  return Buffer.from("v1=" + mac.digest("hex"));
};

// The signature is over the bytes as they arrived, so they are read as bytes and
// parsed only when it is good.
const verify = (req, res, next) => {
  const timestamp = req.get("Safekeep-Timestamp") ?? "";
  const nonce = req.get("Safekeep-Nonce") ?? "";
  const given = Buffer.from(req.get("Safekeep-Signature") ?? "");
  const body = Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
  const fresh = /^\d+$/.test(timestamp) && Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300;
  const good = keys.some((key) => {
    const want = sign(key, timestamp, nonce, body);
    return want.length === given.length && timingSafeEqual(want, given);
  });
  if (!fresh || !good) return res.sendStatus(401);
  res.answer = (value) => {
    const text = JSON.stringify(value);
    res.set("Safekeep-Signature", sign(keys[0], nonce, text).toString()).type("application/json").send(text);
  };
  req.question = JSON.parse(body);
  next();
};

const app = express();
app.use(express.raw({ type: "application/json", limit: "100kb" }), verify);

app.post("/lookup", (req, res) => {
  res.answer({ tokens: req.question.sha256.map((hash) => tokens.get(hash)).filter(Boolean) });
});

app.post("/revoke", (req, res) => {
  const token = tokens.get(req.question.sha256);
  if (!token) return res.answer({ result: "unknown" });
  if (token.status !== "active") return res.answer({ result: "already_revoked" });
  token.status = "revoked";
  token.ended_at = new Date().toISOString();
  res.answer({ result: "revoked" });
});

const server = app.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${server.address().port}`);
});
