// The page for passkeys: what your own settings page and sign-in page would do.
// It depends on nothing, so ceremonies can be copied from here.
//
// A real page asks its own backend, which lets nobody come this far without the
// right password, signs the call and passes it on. Here the calls go straight to
// /users/{user}/…, which only the local stack answers unsigned.
//
// Whatever an answer holds goes in as text. A proof is in a variable, recovery
// codes are on the page until they were kept, and neither is stored or logged.

const byId = (id) => document.getElementById(id);
// Tables are without a prototype: an answer that says "constructor" finds nothing.
const fields = { __proto__: null, user: byId("user"), email: byId("email"), name: byId("name") };
const buttons = [byId("add"), byId("sign-in")];

// What the last sign-in proved. Adding to an account that has a factor takes it.
let proof = null;
// What GET /users/{user} said last, and which of its questions was asked last.
let account = null;
let asked = 0;

// Trouble is an error whose text is for the person at the page. Status and field
// are those of the answer, if there was one.
class Trouble extends Error {
  constructor(text, status = 0, field = "") {
    super(text);
    Object.assign(this, { status, field });
  }
}

// call sends a request about the user, and throws the problem that it is answered
// with.
async function call(method, path, body) {
  const user = fields.user.value.trim();
  // No path can carry these, so the answer would be about something else.
  if (user === "" || user === "." || user === "..") throw new Trouble("Give the id of a user.", 0, "user");
  let answer, found;
  try {
    answer = await fetch(`/users/${encodeURIComponent(user)}${path}`, {
      method, headers: { "Content-Type": "application/json", "X-Actor": "you, on the page for passkeys" }, body: body && JSON.stringify(body),
      cache: "no-store", credentials: "same-origin", redirect: "error", referrerPolicy: "no-referrer",
    });
    found = await answer.json();
  } catch {
    // The error could name what was sent: it is not passed on.
    throw new Trouble("Nothing answers for second factors here. Try again in a moment.");
  }
  if (answer.ok) return found;
  const label = fields[found.field]?.labels[0].textContent;
  throw new Trouble(label ? `${label} ${found.detail}.` : String(found.detail ?? "Try again in a moment."), answer.status, found.field);
}

// Bytes travel as base64url in JSON. Browsers know how since 2023 to 2025; for
// those before, it is done by hand.
const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const toText = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const withBytes = (part) => part && { ...part, id: toBytes(part.id) };

// optionsOf makes what an answer holds into what navigator.credentials takes;
// parse names the browser's own way.
function optionsOf(found, parse) {
  const json = found.options.publicKey;
  if (PublicKeyCredential[parse]) return { publicKey: PublicKeyCredential[parse](json) };
  return { publicKey: {
    ...json, challenge: toBytes(json.challenge), user: withBytes(json.user),
    excludeCredentials: json.excludeCredentials?.map(withBytes), allowCredentials: json.allowCredentials?.map(withBytes),
  } };
}

// answerOf makes what navigator.credentials returned into JSON.
function answerOf(credential) {
  if (credential.toJSON) return credential.toJSON();
  const response = { transports: credential.response.getTransports?.() };
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  return {
    id: credential.id, rawId: toText(credential.rawId), type: credential.type, response,
    authenticatorAttachment: credential.authenticatorAttachment, clientExtensionResults: credential.getClientExtensionResults(),
  };
}

// What a browser calls its refusals. It does not tell somebody who cancelled from
// a passkey that is not there, so that no page can find out which are.
const REFUSALS = {
  __proto__: null,
  NotAllowedError: "It was cancelled, took too long, or there is no passkey for it on this device. Nothing has changed; try again.",
  InvalidStateError: "This device has a passkey of this user already. Take another device or security key.",
  SecurityError: "The passkeys of this stack are for another address than this page's.",
};

// ceremony has the browser ask the person.
async function ceremony(kind, options) {
  say("Do what the browser asks for.");
  try {
    return answerOf(await navigator.credentials[kind](options));
  } catch (e) {
    throw new Trouble(REFUSALS[e.name] ?? "The browser could not do it.");
  }
}

// add enrols a passkey. Until the last call is answered the account is as it was,
// so whoever breaks off in between has lost nothing but the proof.
async function add() {
  let found;
  try {
    // The address is where mails about the account go; the name tells this passkey
    // from the others.
    found = await call("POST", "/passkeys", { email: fields.email.value.trim(), name: fields.name.value.trim(), proof: proof ?? undefined });
  } catch (e) {
    if (e.status === 401) throw await unproven();
    throw e;
  }
  proof = null; // each is good for one change
  const credential = await ceremony("create", optionsOf(found, "parseCreationOptionsFromJSON"));
  const added = await call("POST", "/passkeys/confirm", { credential });
  if (added.recovery_codes.length === 0) return "The passkey is added.";
  showCodes(added.recovery_codes);
  return "The passkey is added. Keep the recovery codes below: they are shown this once.";
}

// unproven says what is to be done before a further passkey can be added.
async function unproven() {
  proof = null;
  await look(); // what is shown may be older than the refusal
  if (account && !account.factors.some((f) => f.kind === "passkey")) {
    return new Trouble("This user has a second factor of another kind, and this page can ask for passkeys only. Choose another user.");
  }
  byId("sign-in").focus();
  return new Trouble("This user has a second factor already. Sign in with the passkey first, then add the new one.");
}

// signIn asks for a passkey. A challenge takes one answer, so each try begins with
// a new one.
async function signIn() {
  let found;
  try {
    found = await call("POST", "/passkeys/challenge", {});
  } catch (e) {
    throw e.status === 404 ? new Trouble("This user has no passkey yet. Add one first.") : e;
  }
  const credential = await ceremony("get", optionsOf(found, "parseRequestOptionsFromJSON"));
  const verified = await call("POST", "/verify", { method: "passkey", credential });
  if (!verified.ok) throw new Trouble(REASONS[verified.reason] ?? "The passkey was not accepted.");
  proof = verified.proof;
  const until = new Date(verified.proof_expires_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return `Signed in with the passkey. Until ${until} you can add another one.`;
}

// Why an answer is not right, by the reason that the function gives.
const REASONS = {
  __proto__: null,
  wrong: "This passkey is not the one that was enrolled.",
  replayed: "This passkey has signed less often than the one that was used before, so there may be a copy of it.",
  expired: "That took too long. Sign in again.",
  none: "This user has no passkey any more.",
};

// say tells the person, and whoever has the page read out, what came of it.
function say(text, failed = false) {
  byId("outcome").textContent = text;
  byId("outcome").classList.toggle("bad", failed);
}

// press runs what a button is for, one at a time, and reads the account after.
async function press(act, failed) {
  if (buttons.some((b) => b.getAttribute("aria-disabled") === "true")) return;
  const inputs = Object.values(fields);
  buttons.forEach((b) => b.setAttribute("aria-disabled", "true"));
  // Whose account it is must not change half way.
  inputs.forEach((i) => { i.readOnly = true; i.removeAttribute("aria-invalid"); });
  try {
    say(await act());
  } catch (e) {
    // What is no Trouble is an answer of a shape that nobody expected.
    say(`${failed} ${e instanceof Trouble ? e.message : "The answer cannot be read."}`, true);
    fields[e.field]?.setAttribute("aria-invalid", "true");
    fields[e.field]?.focus();
  } finally {
    buttons.forEach((b) => b.removeAttribute("aria-disabled"));
    inputs.forEach((i) => { i.readOnly = false; });
  }
  await look();
}

// item is a line of a list, with something less important below.
function item(text, quiet = "") {
  const li = document.createElement("li");
  li.textContent = text;
  if (quiet) {
    const more = document.createElement("span");
    more.className = "quiet";
    more.textContent = quiet;
    li.append(more);
  }
  return li;
}

// showCodes shows recovery codes, or takes them off the page.
function showCodes(codes) {
  byId("codes").replaceChildren(...codes.map((code) => item(code)));
  byId("recovery").hidden = codes.length === 0;
}

const KINDS = { __proto__: null, passkey: "Passkey", totp: "Authenticator app", sms: "Texts to a phone" };
const at = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

// look shows what the account has now.
async function look() {
  const mine = ++asked;
  let found = null, trouble = "";
  try {
    found = await call("GET", "");
  } catch (e) {
    trouble = e.message;
  }
  if (mine !== asked) return; // it is about a user who was chosen before
  account = found;
  byId("account").hidden = !found;
  byId("unread").hidden = !!found;
  byId("unread").textContent = trouble;
  if (!found) return;
  byId("factors").replaceChildren(...(found.factors.length ? found.factors.map((f) => item(`${KINDS[f.kind] ?? f.kind}: ${f.hint}`,
    `Added ${at(f.enrolled_at)}, ${f.last_used_at ? `last used ${at(f.last_used_at)}` : "not used yet"}`)) : [item("None yet")]));
  byId("left").textContent = String(found.recovery_codes_left);
  byId("locked").textContent = !found.locked_until ? "No" : found.locked_until.startsWith("9999") ? "Until another factor takes its place or an admin resets the account" : `Until ${at(found.locked_until)}`;
}

// forget drops what belongs to one user and one visit.
function forget() {
  proof = null;
  showCodes([]);
  say("");
}

// start opens the page for use, or says why it cannot be used.
function start() {
  // A passkey belongs to a domain name, which an IP address is not.
  if (/^[\d.]+$|^\[/.test(location.hostname)) {
    const there = new URL(location.href);
    there.hostname = "localhost";
    byId("there").href = there.href;
    byId("by-address").hidden = false;
  } else if (!window.PublicKeyCredential) {
    byId("no-passkeys").hidden = false;
  } else {
    buttons.forEach((b) => b.removeAttribute("aria-disabled"));
  }
}

byId("add").addEventListener("click", () => press(add, "No passkey was added."));
byId("sign-in").addEventListener("click", () => press(signIn, "Not signed in."));
byId("kept").addEventListener("click", () => {
  showCodes([]);
  byId("title").focus(); // the button is gone
});
fields.user.addEventListener("change", () => { forget(); look(); });
addEventListener("pagehide", forget); // a page that is gone back to must not show codes
addEventListener("pageshow", look);
start();
