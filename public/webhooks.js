// What the pages about webhooks gain when scripts are on: a search over types of events, and news without a reload.
(() => {
  const d = document;
  const one = (selector, from = d) => from.querySelector(selector);
  const all = (selector, from = d) => [...from.querySelectorAll(selector)];

  // Rows that don't fit are hidden; what is ticked stays in sight, so that nothing is sent unseen.
  all("[data-pick]").forEach((pick) => {
    const search = one("[data-pick-search]", pick);
    const narrow = () => {
      const words = search.value.trim().toLowerCase();
      all("[data-pick-group]", pick).forEach((group) => {
        const rows = all("[data-pick-row]", group);
        rows.forEach((row) => (row.hidden = !row.dataset.pickRow.includes(words) && !one("input", row).checked));
        group.hidden = rows.every((row) => row.hidden);
      });
    };
    search.addEventListener("input", narrow);
    // Enter would send the form.
    search.addEventListener("keydown", (e) => e.key == "Enter" && e.preventDefault());
  });

  const fetched = async () => {
    const answer = await fetch(location.href);
    if (!answer.ok) throw 0;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  // Nobody is disturbed who reads, types or chooses there.
  const busy = (part) => d.hidden || part.matches(":hover") || part.contains(d.activeElement);
  const every = (seconds, act) => {
    const again = async () => {
      if ((await act().catch(() => 0)) !== false) setTimeout(again, seconds * 1000);
    };
    setTimeout(again, seconds * 1000);
  };

  // A part that says that it is not done yet is looked at again until it is.
  const follow = one("[data-live]");
  if (follow)
    every(1, async () => {
      const old = one(`#${follow.id}`);
      if (d.hidden) return;
      const now = one(`#${follow.id}`, await fetched());
      if (!now) return false;
      old.replaceWith(now);
      return "live" in now.dataset;
    });

  // The tail of a list.
  const list = one("#deliveries[data-tail]");
  const live = one("#live");
  if (!list || !live) return;
  const status = one("#tail-status");
  const ids = (from) => all(".row-link", from).map((link) => link.pathname);
  const show = (now) => (list.replaceChildren(...now.childNodes), (status.textContent = ""));
  live.checked = sessionStorage.tail == "on";
  live.addEventListener("change", () => (sessionStorage.tail = live.checked ? "on" : "off"));
  every(3, async () => {
    if (d.hidden) return;
    const now = one("#deliveries", await fetched());
    const seen = ids(list);
    const fresh = ids(now).filter((id) => !seen.includes(id)).length;
    if (live.checked && !busy(list)) show(now);
    else if (fresh) {
      const button = d.createElement("button");
      button.type = "button";
      button.className = "link";
      button.textContent = `${fresh} new`;
      button.onclick = () => show(now);
      status.replaceChildren(button);
    }
  });
})();
