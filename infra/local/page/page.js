"use strict";
// The page uses the public contract, and /local/* for what belongs to this
// machine. Everything that comes from outside is put in as text, never as HTML,
// but for the mail, which is shown in a frame that may run nothing.

const $ = (id) => document.getElementById(id);
const workspace = new URLSearchParams(location.search).get("workspace") || "demo";
const base = "/workspaces/" + encodeURIComponent(workspace);
const hosts = {
  github: { name: "GitHub", url: "https://github.com/acme-analytics/pipelines/blob/main/.env#L3" },
  gitlab: { name: "GitLab", url: "https://gitlab.com/acme-analytics/pipelines/-/raw/4f2a9c1/.env" },
};
const names = ["CI deploy", "Nightly export", "dbt runner", "Dashboard refresh", "Backfill script"];
const state = { token: null, leak: null, seen: new Set(), mails: [], open: null, settings: null };

// el makes an element: el("li", {class: "x"}, "text", child).
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick") e.addEventListener("click", value);
    else e.setAttribute(name, value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return e;
}

async function call(method, path, body, form) {
  const options = { method, headers: {} };
  if (form) { options.body = new URLSearchParams(body); }
  else if (body !== undefined) { options.body = JSON.stringify(body); options.headers["Content-Type"] = "application/json"; }
  if (method !== "GET") options.headers["X-Actor"] = "you, on the local page";
  const answer = await fetch(path, options);
  const text = await answer.text();
  let json = null;
  try { json = JSON.parse(text); } catch { /* a 204 has no body */ }
  if (!answer.ok) throw new Error((json && (json.detail || json.title)) || method + " " + path + " answered " + answer.status);
  return json;
}

const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// --- making and leaking -----------------------------------------------------

function showToken(status, kind) {
  $("token-status").textContent = status;
  $("token-status").className = "badge " + kind;
}

async function makeToken() {
  $("make").disabled = true;
  try {
    const name = names[Math.floor(Math.random() * names.length)];
    const t = await call("POST", base + "/tokens", { name, created_by: state.maker || "cleo", scopes: ["read"], expires_at: null });
    state.token = t;
    state.leak = null;
    $("token-name").textContent = t.name;
    $("token-text").textContent = t.token;
    $("token").hidden = false;
    showToken("active", "good");
    $("leak-github").disabled = $("leak-gitlab").disabled = false;
    $("timeline").replaceChildren();
    setVerdict("The token works. Now leak it.");
    refresh();
  } catch (e) { setVerdict(e.message); }
  $("make").disabled = false;
}

function setVerdict(...content) {
  $("verdict").replaceChildren(...content);
  $("verdict").classList.toggle("dead", content.length > 1);
  $("verdict").classList.toggle("quiet", content.length < 2);
}

function note(leak, text, end) {
  const ms = Math.round(performance.now() - leak.began);
  $("timeline").append(el("li", end ? { class: "end" } : {}, el("span", { class: "ms" }, ms.toLocaleString() + " ms"), el("span", {}, text)));
  return ms;
}

async function leakOn(host) {
  const t = state.token;
  const leak = { host, id: t.id, began: performance.now(), startedAt: Date.now(), told: new Set(), mailed: new Set() };
  state.leak = leak;
  $("leak-github").disabled = $("leak-gitlab").disabled = true;
  $("timeline").replaceChildren();
  setVerdict("Somebody pushed it…");
  note(leak, hosts[host].name + " finds the token in a commit and reports it, signed");
  const reported = call("POST", "/local/codehosts/" + host + "/leak", { token: t.token, url: hosts[host].url, source: "commit" });
  watch(leak, t);
  try {
    const a = await reported;
    const label = Array.isArray(a.body) && a.body[0] ? ", feedback “" + a.body[0].label.replace("_", " ") + "”" : "";
    note(leak, "Safekeep answers " + hosts[host].name + " with " + a.status + label);
    leak.answered = true;
  } catch (e) { setVerdict(e.message); leak.answered = true; }
  leak.until = Date.now() + 6000;
  refresh();
}

// watch asks the way the company's own API would, until the token is dead.
async function watch(leak, t) {
  for (let asked = 0; asked < 400 && state.leak === leak; asked++) {
    let answer;
    try { answer = await call("POST", "/tokens/introspect", { token: t.token }, true); } catch { await pause(200); continue; }
    if (!answer.active) {
      const ms = note(leak, "The token is dead: introspection says inactive", true);
      showToken("revoked", "bad");
      setVerdict("Dead after ", el("strong", {}, ms.toLocaleString() + " ms"));
      return;
    }
    if (leak.answered && asked > 20 && state.settings && !state.settings.auto_revoke) {
      showToken("active, reported", "warn");
      setVerdict("Still working: ", "this workspace decides about leaks itself, so its people were only told.");
      $("leak-github").disabled = $("leak-gitlab").disabled = false;
      return;
    }
    await pause(asked < 50 ? 5 : 50);
  }
}

// --- audit trail --------------------------------------------------------------

const sentences = {
  "workspace.created": () => "Workspace created",
  "workspace.changed": () => "Settings changed",
  "member.added": (e) => e.subject + " joined" + (e.detail && e.detail.role ? " as " + e.detail.role : ""),
  "member.left": (e) => e.subject + " left",
  "token.issued": (e) => "Token “" + label(e) + "” issued",
  "token.exposed": (e) => "Token “" + label(e) + "” found in public",
  "token.sighted": (e) => "Token “" + label(e) + "” seen in public again",
  "token.revoked": (e) => "Token “" + label(e) + "” revoked",
};
const label = (e) => (e.detail && (e.detail.name || e.detail.hint)) || e.subject;
const sentence = (e) => (sentences[e.kind] ? sentences[e.kind](e) : e.kind);

function detail(e) {
  const d = e.detail || {};
  const parts = [e.kind, "by " + e.actor];
  if (d.hint) parts.push(d.hint);
  if (d.source) parts.push("in a " + String(d.source).toLowerCase().replaceAll("_", " "));
  if (d.reason) parts.push("because it " + (d.reason === "leaked" ? "leaked" : "was: " + d.reason));
  if (d.url) parts.push(d.url);
  return parts.join(" · ");
}

function showEntries(entries) {
  const first = state.seen.size === 0;
  $("entries").replaceChildren(...entries.slice(0, 14).map((e) => {
    const fresh = !first && !state.seen.has(e.seq);
    return el("li", fresh ? { class: "fresh" } : {}, el("span", { class: "what" }, sentence(e)), el("time", { datetime: e.at }, clock(e.at)), el("span", { class: "more" }, detail(e)));
  }));
  for (const e of entries) {
    state.seen.add(e.seq);
    const leak = state.leak;
    if (leak && e.subject === leak.id && ["token.exposed", "token.revoked"].includes(e.kind) && !leak.told.has(e.kind)) {
      leak.told.add(e.kind);
      if (leak.told.size === 1) note(leak, "The audit trail tells it");
    }
  }
}

// --- mail ----------------------------------------------------------------------

function showMails(mails) {
  const fresh = mails.filter((m) => !state.mails.some((o) => o.id === m.id));
  if (fresh.length === 0 && mails.length === state.mails.length) return;
  state.mails = mails;
  $("mail-none").hidden = mails.length > 0;
  $("mail-box").hidden = mails.length === 0;
  $("mail-count").hidden = mails.length === 0;
  $("mail-count").textContent = mails.length;
  const leak = state.leak;
  for (const m of fresh.reverse()) {
    if (leak && new Date(m.at).getTime() >= leak.startedAt - 500) note(leak, "Mail to " + m.to.join(", "));
  }
  if (fresh.length > 0) openMail(mails[0]);
  else if (!mails.some((m) => m.id === state.open)) openMail(mails[0]);
}

function openMail(m) {
  if (!m) return;
  state.open = m.id;
  $("mail-list").replaceChildren(...state.mails.map((o) => el("li", {}, el("button", { type: "button", "aria-pressed": String(o.id === m.id), onclick: () => openMail(o) },
    el("span", { class: "subject" }, o.subject), el("span", { class: "to" }, el("span", {}, "to " + o.to.join(", ")), el("span", {}, clock(o.at)))))));
  $("mail-head").replaceChildren(...facts({ From: m.headers.From || "", To: m.to.join(", "), Subject: m.subject }));
  // Links in the mail open outside the frame; nothing in it runs.
  $("mail-html").srcdoc = m.html.replace(/<head[^>]*>/i, (head) => head + '<base target="_blank">');
  $("mail-text").textContent = m.text;
  $("mail-headers").replaceChildren(...facts(m.headers));
}

const facts = (o) => Object.entries(o).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);

const tabs = ["html", "text", "headers"];
function chooseTab(name, focus) {
  for (const t of tabs) {
    $("tab-" + t).setAttribute("aria-selected", String(t === name));
    $("tab-" + t).tabIndex = t === name ? 0 : -1;
    $("mail-" + t).hidden = t !== name;
  }
  if (focus) $("tab-" + name).focus();
}
for (const [i, t] of tabs.entries()) {
  $("tab-" + t).addEventListener("click", () => chooseTab(t));
  $("tab-" + t).addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (step) chooseTab(tabs[(i + step + tabs.length) % tabs.length], true);
  });
}

// --- workspace and what is running ----------------------------------------------

async function showWorkspace() {
  const [w, members, tokens] = await Promise.all([call("GET", base), call("GET", base + "/members"), call("GET", base + "/tokens?limit=8")]);
  state.settings = w;
  for (const e of document.querySelectorAll(".workspace-name")) e.textContent = w.name;
  $("workspace-id").textContent = workspace;
  $("auto-revoke").checked = w.auto_revoke;
  $("auto-revoke").disabled = false;
  const people = members.members || [];
  state.maker = (people.find((m) => m.role === "member") || people[0] || {}).user;
  $("members").replaceChildren(...people.map((m) => el("li", {}, el("strong", {}, m.user), el("span", { class: "quiet" }, m.email || ""), el("span", { class: "badge" }, m.role))));
  const list = tokens.tokens || tokens.items || [];
  $("token-list").replaceChildren(...(list.length ? list.map((t) => el("li", {}, el("strong", {}, t.name), el("code", { class: "quiet" }, t.hint),
    el("span", { class: "badge " + (t.status === "active" ? "good" : "bad") }, t.status))) : [el("li", { class: "none" }, "None yet.")]));
}

$("auto-revoke").addEventListener("change", async () => {
  const { name, sso } = state.settings;
  try { await call("PUT", base, { ...{ name, sso }, auto_revoke: $("auto-revoke").checked }); } catch (e) { setVerdict(e.message); }
  refresh();
});

function showFunctions(stack) {
  $("functions").replaceChildren(...stack.functions.map((f) => {
    const ways = [f.url && (f.public ? "public URL" : "private URL"), f.stream && "stream", f.scheduled && "schedule"].filter(Boolean);
    const processes = f.processes === 1 ? "1 process" : f.processes + " processes";
    return el("li", {}, el("strong", {}, f.name), el("span", { class: "badge" + (f.processes ? " good" : "") }, processes),
      el("span", { class: "quiet" }, ways.join(", ") + " · " + f.invocations.toLocaleString() + (f.invocations === 1 ? " call" : " calls")));
  }));
}

function health(up, text) {
  $("health").className = "health " + (up ? "up" : "down");
  $("health-text").textContent = text;
}

// --- keeping up -------------------------------------------------------------------

let turn = 0;
async function refresh() {
  const mine = ++turn;
  try {
    const [stack, entries, mails] = await Promise.all([call("GET", "/local/stack"), call("GET", base + "/ledger?limit=50"), call("GET", "/local/mail")]);
    health(true, stack.functions.length + " functions up");
    showEntries(entries.entries || []);
    showMails(mails);
    showFunctions(stack);
    await showWorkspace();
  } catch (e) {
    health(false, e instanceof TypeError ? "The stack does not answer. Is make run still running?" : e.message);
  }
  if (mine !== turn) return; // a later one keeps up
  const busy = state.leak && (!state.leak.until || Date.now() < state.leak.until);
  setTimeout(() => mine === turn && refresh(), document.hidden ? 10000 : busy ? 150 : 2500);
}
document.addEventListener("visibilitychange", () => document.hidden || refresh());
$("make").addEventListener("click", makeToken);
for (const host of Object.keys(hosts)) $("leak-" + host).addEventListener("click", () => leakOn(host));
refresh();
