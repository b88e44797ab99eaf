// The same path with scripts off, and everything around the pages that must work without them.
import { admin, customers, expect, makeKey, maker, operator, pin, press, test, unique } from "../support";

test.use({ javaScriptEnabled: false });

test("a key is made with the PIN, used, found and revoked without scripts", async ({ page, gateway, signIn }) => {
  const label = unique("Plain");
  await signIn(page, maker);
  await page.goto("/keys?env=sandbox");
  await page.getByRole("link", { name: "Create key" }).first().click();
  await page.getByRole("radio", { name: "Live" }).check();
  await page.getByLabel("Label", { exact: true }).fill(label);
  await page.getByLabel("customers:read", { exact: true }).check();
  await page.getByLabel("invoices:read", { exact: true }).check();

  // Another way to confirm is another view of the same form, not a failure.
  expect((await press(page, "PIN")).status()).toBe(200);
  await expect(page.getByRole("alert")).toHaveCount(0);
  await expect(page.getByLabel("Label", { exact: true })).toHaveValue(label);
  await expect(page.getByRole("radio", { name: "Live" })).toBeChecked();
  await expect(page.getByLabel("customers:read", { exact: true })).toBeChecked();
  await expect(page.getByLabel("invoices:read", { exact: true })).toBeChecked();
  await expect(page.getByLabel("products:read", { exact: true })).not.toBeChecked();

  await page.getByLabel("PIN", { exact: true }).fill("9999");
  expect((await press(page, "Create key")).status()).toBe(422);
  await expect(page.getByRole("alert")).toContainText("That PIN isn't right");
  await expect(page.getByLabel("Label", { exact: true })).toHaveValue(label);
  await page.getByLabel("PIN", { exact: true }).fill(pin);
  expect((await press(page, "Create key")).status()).toBe(200);

  const shown = page.getByLabel("API key");
  await expect(shown).toHaveText(/^rk_live_[0-9A-Za-z]{49}$/);
  const secret = await shown.innerText();
  // What only a script could do is not offered.
  await expect(page.getByRole("button", { name: "Copy" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Download .env" })).toHaveCount(0);
  await expect(page.getByText("waiting for your first call")).toBeHidden();
  expect((await customers(gateway, secret)).status).toBe(200);
  await page.getByRole("button", { name: "Done" }).click();
  await expect(shown).toBeVisible();
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(label);

  await expect(async () => {
    await page.getByRole("link", { name: "All requests of this key" }).click();
    await expect(page.getByRole("table", { name: "Requests" })).toContainText("Allowed", { timeout: 500 });
  }).toPass();
  await page.getByRole("table", { name: "Requests" }).getByRole("link").first().click();
  await expect(page.getByText("Allowed.")).toBeVisible();

  await page.goBack();
  await page.goBack();
  await page.getByRole("link", { name: "Revoke" }).click();
  await expect(page).toHaveURL(/\/revoke$/);
  await expect(page.getByRole("heading", { name: `Revoke “${label}”?` })).toBeVisible();
  await page.getByLabel("Label", { exact: true }).fill(label);
  await page.getByRole("button", { name: "Revoke key" }).click();
  await expect(page.getByText("Revoked at")).toBeVisible();
  expect((await customers(gateway, secret)).status).toBe(401);
});

test("the languages of the example can be switched without scripts", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/keys/new?env=sandbox");
  await page.getByLabel("Label", { exact: true }).fill(unique("Languages"));
  await page.getByLabel("customers:read", { exact: true }).check();
  await page.getByLabel("Password").fill("correct-horse-battery");
  await press(page, "Create key");
  const examples = page.getByRole("group", { name: "Make a first call" });
  await expect(examples.locator("code").nth(0)).toBeVisible();
  await examples.getByText("Python", { exact: true }).click();
  await expect(examples.locator("code").nth(2)).toBeVisible();
  await expect(examples.locator("code").nth(2)).toContainText("import os, requests");
  await expect(examples.locator("code").nth(0)).toBeHidden();
});

test("the drawer opens and closes at 360 px", async ({ page, enter }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await enter(page, maker);
  await page.goto("/keys");
  const rail = page.getByRole("navigation", { name: "Main" });
  await expect(rail).toBeHidden();
  await page.getByRole("button", { name: "Open menu" }).click();
  await expect(rail).toBeVisible();
  await page.getByRole("button", { name: "Close menu" }).click();
  await expect(rail).toBeHidden();
  await page.getByRole("button", { name: "Open menu" }).click();
  await rail.getByRole("link", { name: "Logs" }).click();
  await expect(page).toHaveURL(/\/logs$/);
  await expect(rail).toBeHidden();
});

test("environment, filter, theme and the menu of a row work as links and forms", async ({ page, enter }) => {
  await enter(page, maker);
  const key = await makeKey(page, { environment: "live", label: unique("Menu") });
  await page.goto("/keys?env=sandbox");
  await page.getByRole("group", { name: "Environment" }).getByRole("link", { name: "Live" }).click();
  await expect(page).toHaveURL(/env=live/);
  await page.getByLabel("Search label or last four").fill(key.label);
  await page.keyboard.press("Enter");
  const rows = page.getByRole("table", { name: "API keys" }).getByRole("row");
  await expect(rows).toHaveCount(2);
  await page.getByLabel(`Actions for ${key.label}`).click();
  await page.getByRole("link", { name: "Revoke…" }).click();
  await expect(page).toHaveURL(new RegExp(`/keys/${key.id}/revoke$`));
  await page.getByRole("link", { name: "Cancel" }).click();
  await expect(page).toHaveURL(new RegExp(`/keys/${key.id}$`));

  await page.getByLabel("Your menu, Ada Lindqvist").click();
  await page.getByRole("button", { name: "Dark" }).click();
  await expect(page).toHaveURL(new RegExp(`/keys/${key.id}$`));
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});

test("a whole key typed into the search finds it by POST", async ({ page, enter }) => {
  const urls: string[] = [];
  page.on("request", (request) => urls.push(request.url()));
  await enter(page, maker);
  const key = await makeKey(page);
  await page.goto("/dashboard");
  await page.getByRole("searchbox", { name: "Search keys, pages and actions" }).fill(key.secret);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/keys/${key.id}$`));
  expect(urls.filter((url) => url.includes(key.secret))).toEqual([]);
});

test("signing out ends the session", async ({ page, signIn }) => {
  await signIn(page, maker);
  const cookies = await page.context().cookies();
  await page.getByLabel("Your menu, Ada Lindqvist").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login$/);
  await page.goto("/keys");
  await expect(page).toHaveURL(/\/login\?next=/);
  // Nor does the old cookie open anything.
  await page.context().addCookies(cookies);
  await page.goto("/keys");
  await expect(page).toHaveURL(/\/login\?next=/);
});

const plain: [string, string[]][] = [
  ["", ["/login", "/signup", "/signup/sent", "/reset", "/reset/sent"]],
  [
    maker,
    [
      "/settings/security",
      "/settings/security/password",
      "/settings/security/totp",
      "/settings/security/passkeys",
      "/settings/sessions",
      "/settings/account",
      "/settings/account/address",
      "/settings/account/export",
      "/settings/account/close",
      "/settings/notices",
      "/settings/workspace/leave",
      "/notices",
      "/workspaces/new",
    ],
  ],
  [admin, ["/members", "/members/invite", "/settings/workspace", "/settings/workspace/second-factor", "/settings/workspace/transfer"]],
  [operator, ["/admin", "/admin/people"]],
];

for (const [who, paths] of plain) {
  test(`the pages of ${who || "the signed-out"} stand without scripts`, async ({ page, enter }) => {
    if (who) await enter(page, who);
    for (const path of paths) {
      expect.soft((await page.goto(path))?.status(), path).toBe(200);
      expect.soft(new URL(page.url()).pathname, path).toBe(path);
      await expect.soft(page.getByRole("heading", { level: 1 }), path).toHaveCount(1);
      // What only a script could do is not offered.
      await expect.soft(page.getByRole("button", { name: /^Copy|passkey$/ }), path).toHaveCount(0);
    }
  });
}
