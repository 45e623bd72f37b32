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
const day = 864e5;
const state = { token: null, leak: null, seen: new Set(), mails: [], open: null, settings: null, people: [], left: [], tokens: [], sweeping: false, lively: 0 };

// el makes an element: el("li", {class: "x"}, "text", child).
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick") e.addEventListener("click", value);
    else e.setAttribute(name, value);
  }
  e.append(...children.filter((c) => c !== false && c !== null && c !== undefined && c !== ""));
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

// draw fills a list when what it shows has changed, so that nobody's keyboard or
// reader loses its place to a refresh; a button that is gone hands over to the list.
const drawn = new Map();
function draw(list, shown, rows) {
  const text = JSON.stringify(shown);
  if (drawn.get(list) === text) return;
  drawn.set(list, text);
  const key = list.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  list.replaceChildren(...rows());
  if (key !== undefined) ([...list.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key) || list).focus();
}

const count = (n, one, many) => n.toLocaleString() + " " + (n === 1 ? one : many || one + "s");
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
// Safekeep's days are those of UTC.
const dayOf = (at) => new Date(at).toISOString().slice(0, 10);
const dayText = (at, weekday) => new Date(at).toLocaleDateString("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric", ...weekday });
const when = (at) => (dayOf(at) === dayOf(Date.now()) ? clock(at) : dayText(at));
const wrong = (e) => (e instanceof TypeError ? "The stack does not answer. Is make run still running?" : e.message);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// --- making and leaking -----------------------------------------------------

function showToken(status, kind) {
  $("token-status").textContent = status;
  $("token-status").className = "badge " + kind;
}

// issue makes a token, by a name that is not in the list if there is one left.
function issue(maker) {
  const free = names.filter((name) => !state.tokens.some((t) => t.name === name));
  const some = free.length ? free : names;
  return call("POST", base + "/tokens", { name: some[Math.floor(Math.random() * some.length)], created_by: maker, scopes: ["read"], expires_at: null });
}

async function makeToken() {
  $("make").disabled = true;
  try {
    const t = await issue(state.maker || "cleo");
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
  "member.changed": (e) => e.subject + " " + changed(e.detail || {}),
  "member.left": (e) => e.subject + " left",
  "workspace.ended": () => "Workspace ended, and its tokens with it",
  "token.issued": (e) => "Token “" + label(e) + "” issued",
  "token.exposed": (e) => "Token “" + label(e) + "” found in public",
  "token.sighted": (e) => "Token “" + label(e) + "” seen in public again",
  "token.revoked": (e) => "Token “" + label(e) + "” revoked",
  "token.imported": (e) => "Token “" + label(e) + "” imported",
  "token.rotated": (e) => "Token “" + label(e) + "” rotated",
  "token.orphaned": (e) => "Token “" + label(e) + "” orphaned: " + ((e.detail && e.detail.created_by) || "its maker") + " has left",
  "token.unused": (e) => "Token “" + label(e) + "” unused" + (e.detail && e.detail.last_used_on ? " since " + dayText(e.detail.last_used_on) : ""),
  "token.reminded": (e) => "Token “" + label(e) + "” still " + reason(e) + ": last reminder",
  "token.cleared": (e) => "Token “" + label(e) + "” no longer counts as " + reason(e) + ": " + ((e.detail && causes[e.detail.cause]) || "the reason has gone"),
  "token.kept": (e) => "Token “" + label(e) + "” kept" + (e.detail && e.detail.until ? " until " + dayText(e.detail.until) : ""),
  "credential.stored": (e) => "Credential “" + label(e) + "” stored",
  "credential.replaced": (e) => "Credential “" + label(e) + "” replaced by version " + (e.detail && e.detail.version),
  "credential.key_made": (e) => "Key pair made for credential “" + label(e) + "”",
  "credential.opened": (e) => "Credential “" + label(e) + "” opened for run " + (e.detail && e.detail.run),
  "credential.deleted": (e) => "Credential “" + label(e) + "” deleted",
  "grant.issued": (e) => "Grant issued to run " + (e.detail && e.detail.run),
  "hygiene.digested": (e) => "Admins told of " + count(listed(e.detail), "token") + " nobody seems to need",
};
const causes = {
  removed: "it was removed", rotated: "a new one took over", kept: "somebody wants it kept", used: "it was used again",
  returned: "its maker is back", expired: "it expired", other: "it ended otherwise",
};
const changed = (d) => (d.before && d.before !== d.role ? "is now " + d.role + ", was " + d.before : d.email_changed ? "has another mail address" : "changed");
const reason = (e) => (e.detail && e.detail.reason) || "found";
const listed = (d) => ["orphaned", "unused", "never_used"].reduce((n, list) => n + ((d && d[list] && d[list].count) || 0), 0);
const label = (e) => (e.detail && (e.detail.name || e.detail.hint)) || e.subject;
const sentence = (e) => (sentences[e.kind] ? sentences[e.kind](e) : e.kind);

function detail(e) {
  const d = e.detail || {};
  const parts = [e.kind, "by " + e.actor];
  if (d.hint) parts.push(d.hint);
  if (d.source) parts.push("in a " + String(d.source).toLowerCase().replaceAll("_", " "));
  if (e.kind === "token.revoked" && d.reason) parts.push("because " + (revocations[d.reason] || "of: " + d.reason));
  if (e.kind === "token.kept" && d.reason) parts.push("“" + d.reason + "”");
  if (d.successor_hint) parts.push("to " + d.successor_hint + ", works until " + when(d.until));
  if (d.url) parts.push(d.url);
  return parts.join(" · ");
}

const revocations = { leaked: "it leaked", requested: "somebody removed it", rotated: "a new one took over", expired: "it expired", workspace_ended: "the workspace ended" };

function showEntries(entries) {
  const first = state.seen.size === 0;
  $("entries").replaceChildren(...entries.slice(0, 14).map((e) => {
    const fresh = !first && !state.seen.has(e.seq);
    return el("li", fresh ? { class: "fresh" } : {}, el("span", { class: "what" }, sentence(e)), el("time", { datetime: e.at }, when(e.at)), el("span", { class: "more" }, detail(e)));
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

async function showWorkspace(entries) {
  const [w, members, tokens, hygiene] = await Promise.all([call("GET", base), call("GET", base + "/members?limit=200"),
    call("GET", base + "/tokens?limit=20"), call("GET", base + "/hygiene").catch(() => null)]);
  state.settings = w;
  for (const e of document.querySelectorAll(".workspace-name")) e.textContent = w.name;
  $("workspace-id").textContent = workspace;
  $("auto-revoke").checked = w.auto_revoke;
  $("auto-revoke").disabled = false;
  recall(w.created_at);
  state.people = members.members || [];
  state.left = members.cursor ? [] : memory.people.filter((p) => !state.people.some((m) => m.user === p.user));
  state.tokens = tokens.tokens || [];
  state.maker = (state.people.find((m) => m.role === "member") || state.people[0] || {}).user;
  memory.people = [...state.people, ...state.left].map(({ user, email, role }) => ({ user, email, role }));
  catchUp(entries, hygiene);
  store();
  showPeople();
  showTokens(tokens.cursor);
  showSweep(hygiene);
}

const act = (key, text, label, onclick) => el("button", { type: "button", "data-key": key, "aria-label": label, onclick }, text);

const who = (user, more) => el("span", { class: "who" }, el("strong", {}, user), " ", el("span", { class: "quiet" }, more));

function showPeople() {
  draw($("members"), [state.people, state.left], () => [
    ...state.people.map((m) => el("li", {}, who(m.user, m.email),
      el("span", { class: "acts" }, el("span", { class: "badge" }, m.role), act(m.user, "Leaves", m.user + " leaves", () => leave(m))))),
    ...(state.people.length ? [] : [el("li", { class: "none" }, "Nobody. In a workspace without members no token counts as orphaned.")]),
    ...state.left.map((m) => el("li", { class: "gone" }, who(m.user, "has left"),
      el("span", { class: "acts" }, act(m.user, "Comes back", m.user + " comes back", () => comeBack(m))))),
  ]);
}

function showTokens(more) {
  const gone = state.left.map((p) => p.user);
  draw($("token-list"), [state.tokens, gone, dayOf(sweepNow()), more], () => [
    ...state.tokens.map((t) => tokenRow(t, gone)),
    ...(state.tokens.length ? [] : [el("li", { class: "none" }, "None yet.")]),
    ...(more ? [el("li", { class: "none" }, "Older ones are not shown here.")] : []),
  ]);
}

function tokenRow(t, gone) {
  const badge = (kind, text) => el("span", { class: "badge " + kind }, text);
  const active = t.status === "active";
  const found = t.hygiene || {};
  const badges = ["orphaned", "unused"].filter((why) => found[why]).map((why) => badge("warn", why + ", " + found[why].stage + " " + dayText(found[why].since)));
  // The API tells the real day's story; on a travelled day the keeping may be over.
  if (t.kept) badges.push(badge("", (t.kept.until > dayOf(sweepNow()) ? "kept until " : "was kept until ") + dayText(t.kept.until)));
  if (t.rotated && active) badges.push(badge("", "rotated, ends " + when(t.rotated.until)));
  badges.push(badge(active ? "good" : "bad", t.status));
  const about = ["by " + t.created_by + (gone.includes(t.created_by) ? ", who has left" : ""), t.last_used_on ? "last used " + dayText(t.last_used_on) : t.imported_at ? "imported" : "never used"];
  if (t.kept) about.push("kept by " + t.kept.by + ": “" + t.kept.reason + "”");
  return el("li", {}, el("strong", {}, t.name), el("code", { class: "quiet" }, t.hint), el("span", { class: "badges" }, ...badges),
    active && el("div", { class: "below" }, el("span", { class: "quiet small about" }, about.join(" · ")), el("span", { class: "acts" },
      act("keep " + t.id, "Keep", "Keep the token " + t.name + " " + t.hint, () => askToKeep(t)),
      act("remove " + t.id, "Remove", "Remove the token " + t.name + " " + t.hint, () => removeToken(t)))));
}

function tell(text, wrong) {
  $("done").textContent = text;
  $("done").classList.toggle("wrong", Boolean(wrong));
}

// attempt does something to the workspace and says how it went.
async function attempt(done, ...request) {
  try { await call(...request); tell(done); } catch (e) { tell(wrong(e), true); }
  await refresh();
}

const member = (m) => base + "/members/" + encodeURIComponent(m.user);
const leave = (m) => attempt(m.user + " has left. The next sweep finds the tokens that " + m.user + " made.", "DELETE", member(m));
const comeBack = (m) => attempt(m.user + " is back.", "PUT", member(m), { email: m.email, role: m.role });
const removeToken = (t) => attempt("“" + t.name + "” is removed.", "DELETE", base + "/tokens/" + encodeURIComponent(t.id));

const keepUntil = () => dayOf(sweepNow() + 90 * day);
function askToKeep(t) {
  state.keeping = t;
  $("keep-title").textContent = "Keep “" + t.name + "”";
  $("keep-until").textContent = dayText(keepUntil());
  $("keep-reason").value = "";
  $("keep-error").hidden = true;
  $("keep").showModal();
}
$("keep-cancel").addEventListener("click", () => $("keep").close());
$("keep-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const t = state.keeping;
  try {
    await call("POST", base + "/tokens/" + encodeURIComponent(t.id) + "/keep", { reason: $("keep-reason").value.trim(), until: keepUntil() });
    $("keep").close();
    tell("“" + t.name + "” is kept until " + dayText(keepUntil()) + ".");
    refresh();
  } catch (problem) {
    $("keep-error").textContent = wrong(problem);
    $("keep-error").hidden = false;
  }
});

$("auto-revoke").addEventListener("change", async () => {
  const { name, sso } = state.settings;
  try { await call("PUT", base, { ...{ name, sso }, auto_revoke: $("auto-revoke").checked }); } catch (e) { setVerdict(e.message); }
  refresh();
});

// --- the daily sweep ---------------------------------------------------------------

// memory is what the tab keeps: how far ahead the sweep is, and the people who
// have left, whose addresses Safekeep has forgotten. It belongs to one stack; in
// a new one the workspace was created at another time, and all starts afresh.
const memory = { born: "", ahead: 0, people: [] };
const shelf = "safekeep/" + workspace;
function recall(born) {
  if (memory.born === born) return;
  if (memory.born) { // the stack was started anew under this page
    delete $("swept").dataset.ran;
    setSwept("No sweep has run yet.");
  }
  let kept = null;
  try { kept = JSON.parse(sessionStorage.getItem(shelf)); } catch { /* as if there were none */ }
  Object.assign(memory, kept && kept.born === born ? kept : { born, ahead: 0, people: [] });
}
const store = () => { try { sessionStorage.setItem(shelf, JSON.stringify(memory)); } catch { /* then a reload forgets it */ } };
const sweepNow = () => Date.now() + memory.ahead;

// catchUp moves to the day of the latest sweep that left a trace, if somebody
// else ran it: an earlier one would change nothing.
function catchUp(entries, hygiene) {
  const swept = ["token.orphaned", "token.unused", "token.reminded", "token.cleared", "hygiene.digested"];
  const times = entries.filter((e) => swept.includes(e.kind)).map((e) => e.at);
  if (hygiene && hygiene.digested_at) times.push(hygiene.digested_at);
  const latest = Math.max(0, ...times.map((at) => new Date(at).getTime()));
  if (latest && !$("swept").dataset.ran) setSwept("A sweep last changed something on " + dayText(latest) + ".");
  if (latest > sweepNow()) memory.ahead = Math.ceil((latest - Date.now()) / day) * day;
}

function leaver() {
  const left = state.left[state.left.length - 1];
  return { left, stays: state.people.find((m) => m.role === "member") || (left ? undefined : state.people.find((m) => m.role !== "owner")) };
}

const hasToken = (m) => state.tokens.some((t) => t.status === "active" && t.created_by === m.user);

function showSweep(hygiene) {
  const days = Math.round(memory.ahead / day);
  $("sweep-day").textContent = dayText(sweepNow(), { weekday: "long", month: "long" });
  $("sweep-ahead").textContent = days ? ", " + count(days, "day") + " from now" : "";
  const { stays, left } = leaver();
  $("leave").disabled = !stays && !left;
  if (stays) $("leave").textContent = stays.user + (hasToken(stays) ? " leaves" : " makes a token and leaves");
  else if (left) $("leave").textContent = left.user + " comes back";
  if (hygiene) showFigures(hygiene);
}

function showFigures(h) {
  const all = (what) => h.funnel.orphaned[what] + h.funnel.unused[what];
  const figures = [["orphaned", h.orphaned], ["unused" + (h.never_used ? ", " + h.never_used.toLocaleString() + " never used" : ""), h.unused], ["kept on purpose", h.kept], ["leaked in 90 days", h.leaked]];
  $("figures").hidden = $("cleaned").hidden = !all("found") && figures.every(([, n]) => n === 0);
  draw($("figures"), figures, () => figures.map(([name, n]) => el("div", {}, el("dt", {}, name), el("dd", {}, n.toLocaleString()))));
  $("cleaned").textContent = "Removed by people: " + all("after_first_mail").toLocaleString() + " after the first mail, " + all("after_follow_up").toLocaleString() + " after the reminder.";
}

$("leave").addEventListener("click", async () => {
  const { stays, left } = leaver();
  try {
    if (stays) {
      state.tokens = (await call("GET", base + "/tokens?limit=20")).tokens; // one may have leaked just now
      if (!hasToken(stays)) await issue(stays.user);
      await call("DELETE", member(stays));
    } else { await call("PUT", member(left), { email: left.email, role: left.role }); }
    $("left").textContent = stays ? stays.user + " has left, and the token still works." : left.user + " is back.";
  } catch (e) { $("left").textContent = wrong(e); }
  refresh();
});

async function sweep(button) {
  if (state.sweeping) return;
  state.sweeping = true;
  memory.ahead += Number(button.dataset.days) * day;
  store();
  showSweep();
  const at = new Date(sweepNow());
  $("swept").dataset.ran = "true";
  for (const b of document.querySelectorAll(".sweep")) b.setAttribute("aria-disabled", "true");
  setSwept("Sweeping as of " + dayText(at) + "…");
  try {
    const told = await call("GET", base + "/hygiene").then((h) => h.digested_at && dayOf(h.digested_at) === dayOf(at), () => false);
    const report = await call("POST", "/local/schedules/sweep", { at: at.toISOString() });
    setSwept(...sweptText(at, report, told));
  } catch (e) { setSwept("The sweep may not have run. " + wrong(e)); }
  for (const b of document.querySelectorAll(".sweep")) b.removeAttribute("aria-disabled");
  state.sweeping = false;
  state.lively = Date.now() + 6000;
  refresh();
}

function setSwept(...content) {
  if ($("swept").textContent === content.join("")) return; // said once
  $("swept").replaceChildren(...content);
  $("swept").classList.toggle("quiet", content.length < 2);
}

function sweptText(at, r, told) {
  const did = [count(r.workspaces, "workspace"), count(r.tokens, "token"), count(r.findings, "change"), count(r.digests, "digest")];
  const line = [el("strong", {}, "Swept " + dayText(at) + ": "), did.join(", ") + ". "];
  if (r.failed) line.push(count(r.failed, "workspace") + " could not be swept; make run prints why. ");
  if (r.digests) line.push("The digest arrives in the ", el("a", { href: "#mail" }, "mailbox"), ".");
  else if (r.findings && told) line.push("This day’s mail has been sent already: what is new is told a day later.");
  else line.push("Nothing new to tell.");
  return line;
}
for (const b of document.querySelectorAll(".sweep")) b.addEventListener("click", () => sweep(b));

function showFunctions(stack) {
  $("functions").replaceChildren(...stack.functions.map((f) => {
    const ways = [f.url && (f.public ? "public URL" : "private URL"), f.stream && "stream", f.scheduled && "schedule"].filter(Boolean);
    const processes = count(f.processes, "process", "processes");
    return el("li", {}, el("strong", {}, f.name), el("span", { class: "badge" + (f.processes ? " good" : "") }, processes),
      el("span", { class: "quiet" }, [ways.join(", "), count(f.invocations, "call")].filter(Boolean).join(" · ")));
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
    await showWorkspace(entries.entries || []);
  } catch (e) {
    health(false, wrong(e));
  }
  if (mine !== turn) return; // a later one keeps up
  const busy = state.leak && (!state.leak.until || Date.now() < state.leak.until) || Date.now() < state.lively;
  setTimeout(() => mine === turn && refresh(), document.hidden ? 10000 : busy ? 150 : 2500);
}
document.addEventListener("visibilitychange", () => document.hidden || refresh());
$("make").addEventListener("click", makeToken);
for (const host of Object.keys(hosts)) $("leak-" + host).addEventListener("click", () => leakOn(host));
refresh();
