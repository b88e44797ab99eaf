// Makes a pair of Ed25519 keys where a form asks for a public one. The public half goes into the form's field; the private half
// is shown on the page and nowhere else: it stands in no field, so no form sends it. It listens at the document, since the form
// may come in a dialog.
(() => {
  const d = document;
  const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  let saved;

  const make = async (part) => {
    const { publicKey, privateKey } = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    const raw = await crypto.subtle.exportKey("raw", publicKey);
    const lines = base64(await crypto.subtle.exportKey("pkcs8", privateKey)).match(/.{1,64}/g);
    const pem = ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
    part("textarea").value = base64(raw);
    const own = d.querySelector("[name=half][value=own]");
    if (own) own.checked = true;
    part("output").textContent = pem;
    if (saved) URL.revokeObjectURL(saved);
    part("[data-pair-save]").href = saved = URL.createObjectURL(new Blob([pem], { type: "application/x-pem-file" }));
    part("[data-pair-private]").hidden = false;
    part("output").focus();
  };

  d.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-pair-make],[data-pair-copy]");
    if (!button) return;
    const part = (selector) => button.closest("[data-pair]").querySelector(selector);
    if ("pairMake" in button.dataset) {
      // Without https there is no subtle crypto, and older browsers know no Ed25519.
      const failed = await make(part).catch(() => true);
      part("[data-pair-problem]").hidden = !failed;
      return;
    }
    try {
      await navigator.clipboard.writeText(part("output").textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(part("output"));
      button.textContent = "Press Ctrl-C";
    }
  });
})();
