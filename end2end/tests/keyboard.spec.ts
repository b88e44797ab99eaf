// The keyboard alone: everything can be reached, seen to be reached, and left again.
import { complaints, expect, type Locator, maker, makeKey, type Page, password, pin, test, unique } from "../support";

/** Presses Tab until the element has the focus. Each stop on the way must show that it has it. */
async function tabTo(page: Page, target: Locator, key = "Tab") {
  for (let stops = 0; stops < 80; stops += 1) {
    await page.keyboard.press(key);
    const hidden = await page.evaluate(() => {
      const focused = document.activeElement;
      if (!focused || focused === document.body) return null;
      // A radio that is drawn by its label shows the focus there, the link of a row around the whole row.
      const drawn = [[focused], [focused, "::after"], [focused.closest("label") ?? focused]] as [Element, string?][];
      const visible = drawn.some(([one, part]) => {
        const style = getComputedStyle(one, part);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      });
      return visible ? null : focused.outerHTML.slice(0, 200);
    });
    expect(hidden, "focus that cannot be seen").toBeNull();
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("not reached within 80 stops");
}

/** Arrived, and the page's script listens: an address changes before that, and a key pressed in between is lost. */
async function arrived(page: Page, url: RegExp) {
  await expect(page).toHaveURL(url);
  await page.waitForLoadState();
}

test("a key is made by keyboard alone", async ({ page }) => {
  await page.goto("/login");
  await expect(page.getByLabel("Email")).toBeFocused();
  await page.keyboard.type(maker);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await arrived(page, /\/dashboard$/);

  await page.keyboard.press("g");
  await page.keyboard.press("k");
  await arrived(page, /\/keys$/);
  await page.keyboard.press("c");
  await arrived(page, /\/keys\/new/);

  const label = unique("Typed / c g k");
  await tabTo(page, page.getByRole("radio", { name: "Sandbox" }).or(page.getByRole("radio", { name: "Live" })).and(page.locator(":checked")));
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("radio", { name: "Live" })).toBeChecked();
  await tabTo(page, page.getByLabel("Label", { exact: true }));
  // Letters of shortcuts are just letters in a field.
  await page.keyboard.type(label);
  await expect(page.getByLabel("Label", { exact: true })).toHaveValue(label);
  await tabTo(page, page.getByLabel("customers:read", { exact: true }));
  await page.keyboard.press("Space");
  await expect(page.getByLabel("customers:read", { exact: true })).toBeChecked();
  await tabTo(page, page.getByRole("button", { name: "PIN", exact: true }));
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("PIN", { exact: true })).toBeVisible();
  await tabTo(page, page.getByLabel("PIN", { exact: true }));
  await page.keyboard.type(pin);
  await page.keyboard.press("Enter");

  const secret = page.getByLabel("API key");
  await expect(secret).toHaveText(/^rk_live_/);
  await expect(secret).toBeFocused();
  await expect.poll(() => page.evaluate(() => getSelection()?.toString())).toBe(await secret.innerText());
  // Neither Escape nor a shortcut closes the one sight of the secret.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.keyboard.press("c");
  await expect(secret).toBeVisible();
  await tabTo(page, page.getByLabel("I have stored it"));
  await page.keyboard.press("Space");
  await tabTo(page, page.getByRole("button", { name: "Done" }));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(label);
});

test("presets, groups and the search of scopes work, and what was ticked stays ticked", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/keys/new?env=sandbox");
  // The counts come with the script; before it there is nothing to press.
  await expect(async () => {
    await page.getByRole("button", { name: "Reporting" }).click();
    await expect(page.getByText("3 of 16 picked")).toBeVisible({ timeout: 500 });
  }).toPass();
  await expect(page.getByLabel("finance:read", { exact: true })).toBeChecked();
  await expect(page.getByRole("button", { name: "Reporting" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "All: Customers" }).click();
  await expect(page.getByText("5 of 16 picked")).toBeVisible();
  await page.getByLabel("Search scopes").fill("webhook");
  await expect(page.getByLabel("webhooks:read", { exact: true })).toBeVisible();
  await expect(page.getByLabel("finance:read", { exact: true })).toBeVisible();
  await expect(page.getByLabel("payments:write", { exact: true })).toBeHidden();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/keys\/new/);
});

test("shortcuts lead where they say, and not while typing", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/dashboard");
  const search = page.getByRole("searchbox", { name: "Search keys, pages and actions" });
  await page.keyboard.press("/");
  await expect(search).toBeFocused();
  await expect(search).toHaveValue("");
  await page.keyboard.type("gk?c/");
  await expect(search).toHaveValue("gk?c/");
  await expect(page).toHaveURL(/\/dashboard$/);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+k");
  await expect(search).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeHidden();
  for (const [letter, path] of [["l", "/logs"], ["o", "/dashboard"], ["k", "/keys"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(letter!);
    await arrived(page, new RegExp(`${path}$`));
  }
});

test("the help names only places that this person has", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/keys");
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  const rail = await page.getByRole("navigation", { name: "Main" }).getByRole("link").allInnerTexts();
  for (const place of ["API keys", "Approvals", "Logs", "Overview"]) {
    await expect.soft(help.getByText(place, { exact: true })).toHaveCount(Number(rail.includes(place)));
  }
});

test("shortcuts of a single letter can be turned off and on again", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/keys");
  await page.keyboard.press("?");
  await page.getByRole("button", { name: "Turn single letters off" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-shortcuts", "off");
  await arrived(page, /\/keys$/);
  await page.keyboard.press("c");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeHidden();
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("searchbox", { name: "Search keys, pages and actions" })).toBeFocused();
  await expect(page).toHaveURL(/\/keys$/);

  await page.getByLabel("Your menu, Ada Lindqvist").click();
  await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
  await page.getByRole("button", { name: "Turn single letters on" }).click();
  await expect(page.locator("html")).not.toHaveAttribute("data-shortcuts", "off");
  await arrived(page, /\/keys$/);
  await page.keyboard.press("c");
  await expect(page).toHaveURL(/\/keys\/new/);
});

test("j, k and Enter walk through a list", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/logs?env=live");
  const rows = page.getByRole("table", { name: "Requests" }).getByRole("link");
  await page.keyboard.press("j");
  await expect(rows.nth(0)).toBeFocused();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await expect(rows.nth(1)).toBeFocused();
  const href = await rows.nth(1).getAttribute("href");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`${href}$`));
});

test("the skip link comes first and leads past the frame", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/logs?env=live");
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to content" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => !!document.activeElement?.closest("main"))).toBe(true);
});

test("a dialog takes the focus, keeps it, asks before typing is lost, and gives the focus back", async ({ page, enter }) => {
  const wrong = complaints(page);
  await enter(page, maker);
  const { id } = await makeKey(page, { environment: "live" });
  await page.goto(`/keys/${id}`);
  const opener = page.getByRole("link", { name: "Revoke" });
  await tabTo(page, opener);
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: /^Revoke/ });
  await expect(dialog.getByLabel("Label")).toBeFocused();
  for (let stops = 0; stops < 6; stops += 1) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement?.closest("dialog"))).toBe(true);
  }
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(opener).toBeFocused();

  await page.keyboard.press("Enter");
  await expect(dialog.getByLabel("Label")).toBeFocused();
  await page.keyboard.type("half");
  const asked: string[] = [];
  page.once("dialog", (question) => (asked.push(question.type()), question.dismiss()));
  await page.keyboard.press("Escape");
  await expect.poll(() => asked).toEqual(["confirm"]);
  await expect(dialog.getByLabel("Label")).toHaveValue("half");
  page.once("dialog", (question) => question.accept());
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(opener).toBeFocused();
  expect(wrong).toEqual([]);
});

test("a dialog without fields puts the focus on its question, and one from a menu gives it back to the menu", async ({ page, enter }) => {
  await enter(page, maker);
  const key = await makeKey(page);
  await page.goto(`/keys?env=sandbox&q=${encodeURIComponent(key.label)}`);
  const menu = page.getByLabel(`Actions for ${key.label}`);
  await tabTo(page, menu);
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByRole("link", { name: "Revoke…" }));
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: `Revoke “${key.label}”?` });
  await expect(dialog.getByRole("heading", { name: /^Revoke/ })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(menu).toBeFocused();
});

test("errors take the focus and lead to their fields", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/keys/new?env=sandbox");
  await page.getByLabel("Label", { exact: true }).fill("tab\u0007");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  const summary = page.getByRole("alert").filter({ hasText: "things need another look" });
  await expect(summary).toBeFocused();
  await tabTo(page, summary.getByRole("link").first());
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Label", { exact: true })).toBeFocused();
  await expect(page.getByLabel("Label", { exact: true })).toHaveAttribute("aria-invalid", "true");
});

test("a whole key is looked up by POST and never stands in an address", async ({ page, enter }) => {
  const sent: string[] = [];
  page.on("request", (request) => sent.push(request.url()));
  await enter(page, maker);
  const key = await makeKey(page);
  await page.goto("/dashboard");
  await page.keyboard.press("/");
  await page.keyboard.insertText(key.secret);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/keys/${key.id}$`));
  // The list has a search of its own.
  await page.goto("/keys?env=sandbox");
  await page.getByLabel("Search label or last four").fill(key.secret);
  await page.keyboard.press("Enter");
  await expect(page).not.toHaveURL(/\/keys\?env=sandbox$/);
  expect(sent.filter((url) => url.includes(key.secret))).toEqual([]);
});
