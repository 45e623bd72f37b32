// The page around the meter: what a company's own form would do.

const byId = (id) => document.getElementById(id);

byId("reveal").addEventListener("change", (e) => {
  byId("password").type = e.target.checked ? "text" : "password";
});

byId("password").addEventListener("input", () => { byId("outcome").textContent = ""; });

byId("form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const send = byId("send");
  if (send.getAttribute("aria-disabled") === "true") return;
  send.setAttribute("aria-disabled", "true");
  try {
    const found = await byId("meter").check();
    // Without an answer a form goes on: guidance stands in nobody's way.
    const refused = found?.verdict === "block";
    byId("outcome").textContent = refused ? "Choose another password, then send the form again."
      : found?.verdict === "warn" ? "Accepted, but better choose another password." : "Accepted.";
    if (refused) byId("password").focus();
  } finally {
    send.removeAttribute("aria-disabled");
  }
});
