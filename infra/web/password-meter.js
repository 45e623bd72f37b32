// <password-meter> shows beside a password field how well the password will
// hold, while it is typed and when it is sent. It depends on nothing.
//
//   <label for="password">Password</label>
//   <input id="password" type="password" autocomplete="new-password">
//   <password-meter for="password" src="/assess" inputs="email name"></password-meter>
//
// Attributes
//   for        the id of the field
//   src        where passwords are assessed: a path of your own backend, which
//              signs the call and passes it on to POST /passwords/assess
//   event      what check() asks for: signup (default), change, reset, login
//   inputs     ids of fields whose values must not be in the password
//   workspace  the customer whose policy holds
//   subject    any stable id of the person, for the share that is guided
//
// check() asks once more, with the event and so with the look into breaches;
// call it when the form is sent. It returns the assessment, or null when there
// is none to be had, which is no reason to stop anybody. Your backend must ask
// again itself: what a browser says proves nothing.
//
// The event "assessed" carries each assessment as its detail. The password is
// sent to src and goes nowhere else: not into the page, a log or a store.

const PAUSE = 300; // milliseconds without a key before a password is sent
const PATIENCE = 5000; // milliseconds until an answer is not waited for any more

const TEXTS = {
  label: "Password strength",
  words: ["Very weak", "Weak", "Fair", "Good", "Strong"],
  short: "Too short",
  known: "Not safe", // seen in a breach, however hard it would be to guess
  breached: (times) => times > 1 ? `Seen ${times.toLocaleString()} times in data breaches.` : "Seen in a data breach.",
  unknown: "The strength cannot be shown right now.",
};

const STYLE = `
  :host { display: block; margin-block: .5rem; font: inherit; line-height: 1.4;
    --low: var(--password-meter-low, #b3261e); --middle: var(--password-meter-middle, #8a5300);
    --high: var(--password-meter-high, #12703c); --track: var(--password-meter-track, #dfe3e8);
    --soft: var(--password-meter-soft, #566272); }
  @media (prefers-color-scheme: dark) { :host {
    --low: var(--password-meter-low, #ff9d94); --middle: var(--password-meter-middle, #f2c06b);
    --high: var(--password-meter-high, #6fd79b); --track: var(--password-meter-track, #2b3540);
    --soft: var(--password-meter-soft, #9aa7b5); } }
  :host([hidden]), [hidden] { display: none !important; }
  .line { display: flex; align-items: center; gap: .75rem; }
  .bar { flex: 1; display: grid; grid-template-columns: repeat(4, 1fr); gap: .25rem; }
  .bar span { height: .4rem; border-radius: 1rem; background: var(--track); transition: background-color .2s; }
  .bar[data-filled="1"] span:nth-child(-n+1), .bar[data-filled="2"] span:nth-child(-n+2),
  .bar[data-filled="3"] span:nth-child(-n+3), .bar[data-filled="4"] span { background: var(--tone); }
  .word { min-width: 5.5em; text-align: end; font-weight: 600; color: var(--tone); white-space: nowrap; }
  [data-tone=low] { --tone: var(--low); } [data-tone=middle] { --tone: var(--middle); } [data-tone=high] { --tone: var(--high); }
  p, ul { margin: .4rem 0 0; padding: 0; }
  ul { padding-inline-start: 1.2em; color: var(--soft); }
  .warning { font-weight: 500; }
  .notice { border-inline-start: .25rem solid var(--low); padding-inline-start: .6rem; }
  .quiet { color: var(--soft); }
  .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  @media (prefers-reduced-motion: reduce) { .bar span { transition: none; } }
  @media (forced-colors: active) {
    .bar span { border: 1px solid CanvasText; background: Canvas; forced-color-adjust: none; }
    .bar[data-filled] span { background: Canvas; }
    .bar[data-filled="1"] span:nth-child(-n+1), .bar[data-filled="2"] span:nth-child(-n+2),
    .bar[data-filled="3"] span:nth-child(-n+3), .bar[data-filled="4"] span { background: CanvasText; }
  }
`;

const BODY = `
  <div class="line" hidden>
    <div class="bar" role="meter" aria-valuemin="0" aria-valuemax="4"><span></span><span></span><span></span><span></span></div>
    <span class="word" aria-hidden="true"></span>
  </div>
  <p class="notice" hidden></p>
  <p class="warning" hidden></p>
  <ul hidden></ul>
  <p class="quiet" hidden></p>
  <p class="spoken" role="status" aria-live="polite"></p>
`;

export class PasswordMeter extends HTMLElement {
  static observedAttributes = ["for"];

  // texts can be replaced by those of another language. Warnings and
  // suggestions are the server's; its reasons are codes that can be translated.
  texts = TEXTS;

  #parts = {};
  #field = null;
  #timer = 0;
  #asking = null; // the AbortController of the question under way
  #listen = () => this.#typed();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    // A sheet made by script needs no permission of a content security policy.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const template = document.createElement("template");
    template.innerHTML = BODY;
    root.append(template.content);
    for (const name of ["line", "bar", "word", "notice", "warning", "quiet", "spoken"]) {
      this.#parts[name] = root.querySelector("." + name);
    }
    this.#parts.list = root.querySelector("ul");
  }

  connectedCallback() { this.#attach(); }

  disconnectedCallback() { this.#detach(); }

  attributeChangedCallback() { if (this.isConnected) this.#attach(); }

  #attach() {
    this.#detach();
    this.#field = this.getRootNode().getElementById(this.getAttribute("for"));
    this.#field?.addEventListener("input", this.#listen);
    if (this.#field?.value) this.#typed(); // it was filled in before we came
  }

  #detach() {
    this.#stop();
    this.#field?.removeEventListener("input", this.#listen);
    this.#field = null;
  }

  // stop forgets the question under way: its answer is about another password.
  #stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  }

  #typed() {
    this.#stop();
    this.#field.removeAttribute("aria-invalid");
    if (this.#field.value === "") {
      this.#show(null);
      return;
    }
    this.#timer = setTimeout(() => this.#ask("typing"), PAUSE);
  }

  // check assesses what is in the field now, with the event of the page.
  async check() {
    this.#stop();
    if (!this.#field) return null;
    const found = await this.#ask(this.getAttribute("event") ?? "signup");
    if (found?.verdict === "block") this.#field.setAttribute("aria-invalid", "true");
    return found;
  }

  async #ask(event) {
    const asking = new AbortController();
    this.#asking = asking;
    const late = setTimeout(() => asking.abort(), PATIENCE);
    let found = null;
    try {
      const answer = await fetch(this.getAttribute("src"), {
        method: "POST", headers: { "Content-Type": "application/json" }, body: this.#question(event),
        signal: asking.signal, cache: "no-store", credentials: "same-origin", redirect: "error", referrerPolicy: "no-referrer",
      });
      if (answer.ok) found = await answer.json();
    } catch {
      // Out of reach, or stopped. The error could name the request: it is not
      // passed on.
    } finally {
      clearTimeout(late);
    }
    if (this.#asking !== asking) return null; // another password was typed meanwhile
    this.#asking = null;
    if (!found) {
      this.#show(null);
      this.#say(this.#parts.quiet, this.texts.unknown);
      return null;
    }
    this.#show(found);
    this.dispatchEvent(new CustomEvent("assessed", { detail: found, bubbles: true, composed: true }));
    return found;
  }

  #question(event) {
    const known = (this.getAttribute("inputs") ?? "").split(/\s+/)
      .map((id) => id && this.getRootNode().getElementById(id)?.value).filter(Boolean);
    return JSON.stringify({
      password: this.#field.value, event, user_inputs: known,
      workspace: this.getAttribute("workspace") ?? undefined, subject: this.getAttribute("subject") ?? undefined,
    });
  }

  // show draws an assessment, or nothing. All of it goes in as text.
  #show(found) {
    const { line, bar, word, notice, warning, list, quiet, spoken } = this.#parts;
    const short = found?.reasons?.includes("too_short") ?? false;
    // Who is not guided sees no more than the length rule.
    const guided = found !== null && found.variant !== "control";
    const most = found?.breached ? 1 : short ? 2 : 4;
    const filled = found ? Math.max(1, Math.min(found.score, most)) : 0;
    const label = !found ? "" : short ? this.texts.short : found.breached ? this.texts.known : this.texts.words[found.score];
    line.hidden = !guided;
    line.dataset.tone = filled > 2 ? "high" : filled > 1 ? "middle" : "low";
    bar.dataset.filled = String(filled);
    bar.setAttribute("aria-label", this.texts.label);
    bar.setAttribute("aria-valuenow", String(found?.score ?? 0));
    bar.setAttribute("aria-valuetext", label);
    word.textContent = label;
    const warned = (found?.warning ?? "").replace(/([^.!?])$/, "$1.");
    this.#say(notice, found?.breached ? `${warned} ${this.texts.breached(found.breach_count)}`.trim() : "");
    this.#say(warning, found?.breached ? "" : warned);
    list.hidden = !found?.suggestions?.length;
    list.replaceChildren(...(found?.suggestions ?? []).map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    this.#say(quiet, "");
    // One sentence is read out, when it is another one than before.
    const sentence = [guided ? `${this.texts.label}: ${label}.` : "", notice.textContent, warning.textContent].filter(Boolean).join(" ");
    if (spoken.textContent !== sentence) spoken.textContent = found ? sentence : "";
  }

  #say(element, text) {
    element.textContent = text;
    element.hidden = text === "";
  }
}

customElements.define("password-meter", PasswordMeter);
