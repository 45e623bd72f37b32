"use strict";
// A connector in its smallest form: it trades a grant for a warehouse credential
// at the moment of connecting, and forgets it. Its IAM role needs the stack's
// ConnectorCallersPolicy and nothing else.
//
//   CONNECT_URL=https://….lambda-url.us-east-1.on.aws/ GRANT=eyJ… CREDENTIAL=safekeep:credential/… node connector.js
const { createPrivateKey } = require("node:crypto");

async function open(url, grant, credential) {
  const { AwsClient } = await import("aws4fetch");
  const aws = new AwsClient({
    accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
    sessionToken: process.env.AWS_SESSION_TOKEN, service: "lambda", region: process.env.AWS_REGION,
    retries: 0, // a grant opens a credential once: after a lost answer ask for a new one
  });
  const answer = await aws.fetch(new URL("credentials/open", url), {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ grant, credential }),
    signal: AbortSignal.timeout(20_000),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`the credential was not opened: ${body.detail}`); // it holds no secret
  return body;
}

async function main() {
  const { settings, secret } = await open(process.env.CONNECT_URL, process.env.GRANT, process.env.CREDENTIAL);
  const key = createPrivateKey(secret.private_key);
  // Here a real one connects: snowflake-sdk takes the key as privateKey.
  console.log(`connecting to ${settings.account} as ${settings.user} with a key of ${key.asymmetricKeyDetails.modulusLength} bits`);
}

main().catch((error) => {
  console.error("connector:", error.message);
  process.exitCode = 1;
});
