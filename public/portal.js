// What every page gains when scripts are on: the zone cookie, shortcuts, dialogs over the page, toasts that leave, busy buttons.
// Everything here also works, more plainly, without it.
(() => {
  const d = document;
  const one = (selector, from = d) => from.querySelector(selector);
  const fields = "select,textarea,input:not([type=hidden],[type=checkbox],[type=radio])";
  const each = (selector, act) => d.querySelectorAll(selector).forEach(act);
  const on = (type, act, from = d) => from.addEventListener(type, act);

  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  d.cookie = `zone=${timeZone};path=/;max-age=31536000;samesite=lax`;

  // Dialogs with an address. Whatever goes wrong, the link is simply followed.
  const open = async (link) => {
    try {
      const answer = await fetch(link.href);
      const panel = one("[data-dialog-panel]", new DOMParser().parseFromString(await answer.text(), "text/html"));
      // An error or a sign-in page has no panel, which throws; islands would not wake in a page that is already there.
      if (one("leptos-island", panel)) throw 0;
      const dialog = d.createElement("dialog");
      let typed;
      const close = (e) => {
        e.preventDefault();
        if (!typed || confirm("Close, and lose what you typed?")) dialog.close();
      };
      dialog.className = "sheet";
      dialog.ariaLabel = one("#dialog-title", panel).textContent;
      dialog.append(panel);
      d.body.append(dialog);
      on("input", () => (typed = 1), dialog);
      on("cancel", close, dialog);
      on("click", (e) => e.target.closest("[data-dialog-close]") && close(e), dialog);
      on("close", () => (dialog.remove(), (link.closest("[data-menu]")?.firstChild || link).focus()), dialog);
      dialog.showModal();
      // A panel without fields keeps the focus that the dialog gave to its title.
      one(fields, panel)?.focus();
    } catch {
      location = link.href;
    }
  };

  // Toasts wait while someone reads or uses them.
  const leave = (toast) => toast.remove();
  const later = (toast) => setTimeout(() => (toast.matches(":hover,:focus-within") ? later : leave)(toast), 6000);
  each("[data-toast]", later);

  on("click", (e) => {
    const inside = (selector) => e.target.closest(selector);
    const link = inside("a[data-dialog]");
    if (link && !(e.metaKey || e.ctrlKey || e.shiftKey)) e.preventDefault(), open(link);
    if (inside("[data-toast-close]")) leave(inside("[data-toast]"));
    each("[data-menu][open]", (menu) => (menu.open = !link && menu.contains(e.target)));
  });

  // A form is sent once; its button says so without changing its width, after the browser has read what is sent.
  on("submit", (e) => {
    const form = e.target;
    const button = e.submitter;
    // What answers with a file leaves the page as it is.
    if (e.defaultPrevented || form.method != "post" || "saves" in form.dataset) return;
    if (form.sent) return e.preventDefault();
    form.sent = 1;
    if (!button?.matches(".btn")) return;
    setTimeout(() => {
      const label = one("span", button) || {};
      button.style.minWidth = button.offsetWidth + "px";
      button.dataset.busy = label.textContent;
      button.ariaDisabled = true;
      label.textContent = button.dataset.busyLabel || label.textContent;
    });
  });
  on("pageshow", () => {
    one("#rail:popover-open")?.hidePopover();
    each("form", (form) => (form.sent = 0));
    each("[data-busy][style]", (button) => {
      (one("span", button) || {}).textContent = button.dataset.busy;
      delete button.dataset.busy;
      button.ariaDisabled = null;
    });
  }, window);

  // Shortcuts: none while typing or in a dialog; single letters can be turned off.
  let g;
  on("keydown", (e) => {
    const { key, target } = e;
    const control = e.ctrlKey || e.metaKey;
    const find = () => (e.preventDefault(), one("#search")?.focus());
    const menu = one("[data-menu][open]");
    if (key == "Escape" && menu) (menu.open = false), one("summary", menu).focus();
    if (control && key == "k") find();
    if (
      control ||
      e.altKey ||
      one("[data-shortcuts=off]") ||
      target.matches(fields) ||
      one("dialog[open],[data-secret-moment]")
    )
      return;
    const place = g && { k: "API keys", l: "Logs", a: "Approvals", o: "Overview" }[key];
    g = key == "g";
    if (g) setTimeout(() => (g = 0), 1000);
    if (place) each(".rail a", (link) => link.textContent.startsWith(place) && link.click());
    else if (key == "/") find();
    else if (key == "c") one("[data-create]")?.click();
    else if (key == "?") one("#shortcut-help")?.togglePopover();
    else if (key == "j" || key == "k") {
      const rows = [...d.querySelectorAll("[data-list] .row-link")];
      rows[rows.indexOf(d.activeElement) + (key == "j" ? 1 : -1)]?.focus();
    }
  });
})();
