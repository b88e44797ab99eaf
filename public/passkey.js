// Asks the browser for a passkey where a form needs one, puts its answer into the form and lets it go on its way.
// Loaded where there may be such a form. It listens in the capturing phase, so before what marks a form as sent.
(() => {
  const d = document;
  const able = !!window.PublicKeyCredential;
  const show = (selector, shown) => d.querySelectorAll(selector).forEach((one) => (one.hidden = !shown));
  show("[data-passkey]", able);
  show("[data-passkey-missing]", !able);
  if (!able) return;

  // The wire has base64url where the browser has bytes.
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt());
  const text = (buffer) =>
    buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

  // The answer of a passkey to a new challenge, as forms carry it.
  const ask = async (purpose) => {
    const reply = await fetch("/passkeys/options", { method: "POST", body: new URLSearchParams({ purpose }) });
    const { ceremony, publicKey, error } = await reply.json();
    if (error) throw error;
    const { user, allowCredentials = [], excludeCredentials = [] } = publicKey;
    publicKey.challenge = bytes(publicKey.challenge);
    if (user) user.id = bytes(user.id);
    for (const one of [...allowCredentials, ...excludeCredentials]) one.id = bytes(one.id);
    const { id, type, rawId, response } = await navigator.credentials[user ? "create" : "get"]({ publicKey });
    const of = (...names) => Object.fromEntries(names.map((name) => [name, text(response[name])]));
    const said = user
      ? { ...of("clientDataJSON", "attestationObject"), transports: response.getTransports?.() }
      : of("clientDataJSON", "authenticatorData", "signature", "userHandle");
    return JSON.stringify({ ceremony, credential: { id, type, rawId: text(rawId), response: said } });
  };

  const words = ({ name, message }) =>
    name == "InvalidStateError"
      ? "This device holds a passkey for your account already."
      : name
        ? "The passkey didn't answer. Try again, or use another way."
        : message;

  // What of a form a passkey has yet to fill: field and purpose. A confirmation comes before a new passkey.
  const missing = (form) => {
    const found = [];
    const block = form.querySelector("[data-proof]");
    if (block?.querySelector("[name=factor]").value == "passkey") found.push([form.elements.proof, block.dataset.purpose]);
    if (form.dataset.passkey) found.push([form.elements.passkey, form.dataset.passkey]);
    return found.filter(([field]) => !field.value);
  };

  d.addEventListener(
    "submit",
    async (e) => {
      const { target: form, submitter } = e;
      if (submitter?.name == "other_factor") return;
      const wanted = missing(form);
      if (!wanted.length) return;
      e.preventDefault();
      if (form.asking) return;
      form.asking = 1;
      const problem = form.querySelector("[data-passkey-problem]");
      if (problem) problem.hidden = true;
      try {
        for (const [field, purpose] of wanted) field.value = await ask(purpose);
        form.requestSubmit(submitter);
      } catch (error) {
        if (problem) (problem.textContent = words(error)), (problem.hidden = false);
      }
      form.asking = 0;
    },
    true,
  );

  // An answer serves once: a page that is come back to asks anew.
  window.addEventListener("pageshow", () =>
    d.querySelectorAll("input[type=hidden]:is([name=passkey],[name=proof])").forEach((field) => (field.value = "")),
  );
})();
