// Each platform as its own page describes it, from the first click to the secret.
import type { Browser } from "@playwright/test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checker,
  code,
  done,
  enrol,
  enter,
  expect,
  maker,
  operator,
  owner,
  type Page,
  password,
  pin,
  press,
  type Running,
  start,
  test,
  unique,
} from "../support";

/** A server of the platform, for the tests that follow in this block. */
function platform(profile: string) {
  let running: Running | undefined;
  let dir = "";
  test.beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), `latchkey-${profile}-`));
    running = await start(dir, "demo", profile);
  });
  test.afterAll(async () => {
    await running?.stop();
    await rm(dir, { recursive: true, force: true });
  });
  return () => running!.server;
}

/** Somebody's own browser, signed in. */
async function as(browser: Browser, email: string, portal: string, javaScriptEnabled = true): Promise<Page> {
  const context = await browser.newContext({ baseURL: portal, javaScriptEnabled });
  const page = await context.newPage();
  await enter(page, email, portal);
  return page;
}

const shown = (page: Page) => page.getByLabel("API key", { exact: true });

for (const scripts of [true, false]) {
  test.describe(scripts ? "with scripts" : "without scripts", () => {
    const server = platform("universal-wallet");

    test("maker and checker: a key is asked for, approved by another, revealed once, bound, and revoked", async ({ browser }) => {
      const { portal, gateway } = server();
      const ada = await as(browser, maker, portal, scripts);
      const label = unique("POS");
      await ada.goto("/dashboard/api");
      await ada.getByRole("link", { name: "Create key" }).first().click();

      await test.step("permissions, limits, addresses and the end are asked for, step by step", async () => {
        await ada.getByLabel("Label", { exact: true }).fill(label);
        await ada.getByLabel("Purpose").fill("The till of the main store reads its balance.");
        await press(ada, "Continue");
        await press(ada, "Continue");
        await expect(ada.getByRole("alert")).toContainText("Choose at least one scope");
        await ada.getByLabel("balance:read", { exact: true }).check();
        await ada.getByLabel("transactions:read", { exact: true }).check();
        await press(ada, "Continue");
        await ada.getByLabel("Most per request").fill("100,000");
        await ada.getByLabel("Most per UTC day").fill("1,000,000");
        await ada.getByLabel(/^Currency/).selectOption("NGN");
        await ada.getByLabel("IP addresses").fill("203.0.113.7/24, 127.0.0.1");
        expect((await press(ada, "Continue")).status()).toBe(422);
        await expect(ada.getByText(/did you mean 203\.0\.113\.0\/24/).first()).toBeVisible();
        await ada.getByLabel("IP addresses").fill("203.0.113.0/24, 127.0.0.1");
        await press(ada, "Continue");
        await expect(ada.getByText("NGN 100,000.00 a request and NGN 1,000,000.00 a UTC day").first()).toBeVisible();
        await ada.getByLabel("Password", { exact: true }).fill(password);
        await press(ada, "Create key: Send for approval");
      });
      await expect(ada).toHaveURL(/\/keys\/key_\w+/);
      const id = new URL(ada.url()).pathname.split("/")[2]!;
      await expect(ada.getByText("Waiting for approval").first()).toBeVisible();
      await ada.goto("/keys?tab=pending");
      await expect(ada.getByRole("table", { name: "API keys" })).toContainText(label);

      await test.step("who asked decides nothing; another does", async () => {
        const bo = await as(browser, checker, portal, scripts);
        await bo.goto("/approvals");
        await bo.getByRole("link", { name: label }).first().click();
        await expect(bo).toHaveURL(/\/approvals\/apr_\w+/);
        await expect(bo.getByText("The till of the main store reads its balance.").first()).toBeVisible();
        const address = bo.url();
        await ada.goto(address);
        await expect(ada.getByRole("button", { name: /^Approve/ })).toHaveCount(0);
        await bo.getByLabel("Password", { exact: true }).fill(password);
        await press(bo, "Approve request");
        await bo.goto(address);
        await expect(bo.getByText("Approved").first()).toBeVisible();
        await bo.context().close();
      });

      await test.step("the secret is made now, shown once, and works within its bounds", async () => {
        await ada.goto("/keys?tab=pending");
        await ada.goto(`/keys/${id}/reveal`);
        await ada.getByLabel("Password", { exact: true }).fill(password);
        await press(ada, "Reveal key");
        await expect(shown(ada)).toHaveText(/^uw_live_[0-9A-Za-z]{49}$/);
      });
      const secret = await shown(ada).innerText();
      const example = await ada.locator("code").first().innerText();
      const account = example.match(/distributors\/(wsp_\w+)\//)![1]!;
      const ask = (workspace: string, credential = `Bearer ${secret}`) =>
        fetch(`${gateway}/api/v1/distributors/${workspace}/balance`, { headers: { authorization: credential } });
      expect((await ask(account)).status).toBe(200);
      const foreign = await ask(account.replace(/.$/, (last) => (last === "0" ? "1" : "0")));
      expect([foreign.status, ((await foreign.json()) as { code: string }).code]).toEqual([403, "RESOURCE_MISMATCH"]);
      expect((await ask(account, secret)).status).toBe(401);

      await done(ada);
      await ada.goto(`/keys/${id}/reveal`);
      await expect(ada.getByText(secret)).toHaveCount(0);
      await ada.goto("/keys?tab=active");
      await expect(ada.getByRole("table", { name: "API keys" })).toContainText(label);

      await test.step("revoked, it is refused on the next request", async () => {
        await ada.goto(`/keys/${id}/revoke`);
        await ada.getByLabel("Label").fill(label);
        await press(ada, "Revoke key");
        expect((await ask(account)).status).toBe(401);
        await ada.goto("/keys?tab=inactive");
        await expect(ada.getByRole("table", { name: "API keys" })).toContainText(label);
      });
      await ada.context().close();
    });
  });
}

test.describe("RukkyHub", () => {
  const server = platform("rukkyhub");

  test("a plan first, then a key behind the PIN; bound to a domain, refused in the platform's own words", async ({ browser }) => {
    const { portal, gateway, cli } = server();
    const { email } = await owner(cli);
    const page = await as(browser, email, portal);

    await test.step("no key before an operator has approved a plan", async () => {
      await page.goto("/keys/new");
      await expect(page.getByRole("button", { name: "Create key" })).toHaveCount(0);
      await page.getByRole("main").getByRole("link", { name: /plan/i }).first().click();
      await expect(page).toHaveURL(/\/plans/);
      await press(page, "Request plan");
      const kim = await as(browser, operator, portal);
      await kim.goto("/admin/plans");
      await kim.getByRole("table", { name: "Requests that wait" }).getByRole("link").first().click();
      await kim.goto(`${kim.url().split("?")[0]}/approve`);
      await kim.getByLabel(/^(Password|PIN)$/).fill((await kim.getByLabel("PIN", { exact: true }).count()) ? pin : password);
      await press(kim, "Approve plan");
      await kim.context().close();
    });

    await test.step("no PIN yet: it is set, and one comes straight back to what was typed", async () => {
      await page.goto("/keys/new");
      await page.getByLabel("Label", { exact: true }).fill("Shop");
      await page.getByLabel("balance", { exact: true }).check();
      await page.getByLabel("services", { exact: true }).check();
      await page.getByRole("button", { name: "Set PIN" }).click();
      await expect(page).toHaveURL(/\/settings\/security/);
      await page.getByLabel("New PIN").fill(pin);
      await page.getByLabel("Password", { exact: true }).first().fill(password);
      await page.getByRole("button", { name: /PIN/ }).first().click();
      await expect(page).toHaveURL(/\/keys\/new\?draft=/);
      await expect(page.getByLabel("Label", { exact: true })).toHaveValue("Shop");
      await expect(page.getByLabel("balance", { exact: true })).toBeChecked();
    });

    await page.getByLabel("PIN", { exact: true }).fill(pin);
    await press(page, "Create key");
    await expect(shown(page)).toHaveText(/^rk_live_/);
    const secret = await shown(page).innerText();
    await done(page);
    const id = new URL(page.url()).pathname.split("/")[2]!;

    const call = (headers: Record<string, string>, fields: Record<string, string>) =>
      fetch(`${gateway}/api/v1`, { method: "POST", headers, body: new URLSearchParams(fields) });
    expect((await call({ "x-api-key": secret }, { action: "balance" })).status).toBe(200);
    expect((await call({}, { action: "balance", key: secret })).status).toBe(200);
    expect((await call({ "x-api-key": secret }, { action: "giftcard_trade" })).status).toBe(403);

    await test.step("API Key Security: a domain, and the page's two exact errors", async () => {
      await page.goto(`/keys/${id}/security`);
      await page.getByLabel("Add domains").fill("shop.example.com");
      await page.getByRole("button", { name: /Add domains/ }).click();
      await expect(page.getByText("shop.example.com").first()).toBeVisible();
      const silent = await call({ "x-api-key": secret }, { action: "balance" });
      expect(await silent.json()).toEqual({ error: "This check needs an Origin (browser) or X-API-ORIGIN header" });
      const wrong = await call({ "x-api-key": secret, "x-api-origin": "https://evil.example" }, { action: "balance" });
      expect(await wrong.json()).toEqual({ error: "API key is restricted to whitelisted domains.", detected_domain: "evil.example" });
      expect((await call({ "x-api-key": secret }, { action: "balance", origin: "shop.example.com" })).status).toBe(200);
    });
    await page.context().close();
  });
});

test.describe("Reseller v2", () => {
  const server = platform("reseller-v2");

  test("a key in the form body alone, behind a fresh password; a new secret ends the old one at once", async ({ browser }) => {
    const { portal, gateway } = server();
    const page = await as(browser, maker, portal);
    await page.goto("/dashboard/api");
    await expect(page).toHaveURL(/\/keys/);
    await page.getByRole("link", { name: "Create key" }).first().click();
    await page.getByLabel("Label", { exact: true }).fill(unique("Panel"));
    await page.getByLabel("*", { exact: true }).check();
    await expect(page.getByLabel("PIN", { exact: true })).toHaveCount(0);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await press(page, "Create key");
    await expect(shown(page)).toHaveText(/^rs_live_/);
    const first = await shown(page).innerText();
    await done(page);
    const id = new URL(page.url()).pathname.split("/")[2]!;

    const call = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
      fetch(`${gateway}/api/v2`, { method: "POST", headers, body: new URLSearchParams(fields) });
    expect((await call({ key: first, action: "balance" })).status).toBe(200);
    const inHeader = await call({ action: "balance" }, { authorization: `Bearer ${first}` });
    expect([inHeader.status, ((await inHeader.json()) as { code: string }).code]).toEqual([401, "MISSING_CREDENTIAL"]);

    await page.goto(`/keys/${id}/rotate`);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.locator("form").filter({ has: page.getByLabel("Password", { exact: true }) }).getByRole("button").first().click();
    await expect(shown(page)).toHaveText(/^rs_live_/);
    const second = await shown(page).innerText();
    expect(second).not.toBe(first);
    expect((await call({ key: first, action: "balance" })).status).toBe(401);
    expect((await call({ key: second, action: "balance" })).status).toBe(200);
    await page.context().close();
  });
});

test.describe("Dual-mode", () => {
  const server = platform("dual-mode");

  test("test mode, never expiring, fiat; a public key and a secret one; production is locked with its list", async ({ browser }) => {
    const { portal } = server();
    const page = await as(browser, maker, portal);
    await page.goto("/keys?env=test");
    await page.getByRole("link", { name: "Create key" }).first().click();
    await expect(page.getByRole("radio", { name: "Production" })).toBeDisabled();
    await expect(page.getByText(/Production is locked/).first()).toBeVisible();
    await page.getByRole("radio", { name: "Test" }).check();
    const label = unique("Checkout");
    await page.getByLabel("Label", { exact: true }).fill(label);
    await page.getByRole("button", { name: /^Next/ }).click();
    await page.getByLabel("transactions:read", { exact: true }).check();
    await page.getByRole("button", { name: /Continue/ }).click();
    await page.getByRole("radio", { name: "Fiat" }).check();
    await page.getByRole("radio", { name: "Never" }).check();
    await page.getByRole("button", { name: /^Next/ }).click();
    await expect(page.getByText("Never expires").first()).toBeVisible();
    await page.getByLabel("Password", { exact: true }).fill(password);
    await press(page, "Create key");
    await expect(shown(page)).toHaveText(/^sk_test_/);
    await expect(page.getByLabel(/^Public key/)).toHaveValue(/^pk_test_/);
    const publicKey = await page.getByLabel(/^Public key/).inputValue();
    const secret = await shown(page).innerText();
    await done(page);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(label);
    expect(await page.content()).toContain(publicKey);
    expect(await page.content()).not.toContain(secret);
    await page.context().close();
  });
});

test("RevKeen: a live key with few scopes and a sandbox key, each with its prefix, and the tiers of its plans", async ({ page, signIn }) => {
  await signIn(page, maker);
  for (const [environment, word] of [
    ["live", "Live"],
    ["sandbox", "Sandbox"],
  ] as const) {
    await page.goto(`/keys/new?env=${environment}`);
    await page.getByRole("radio", { name: word }).check();
    await page.getByLabel("Label", { exact: true }).fill(unique("Till"));
    await page.getByLabel("customers:read", { exact: true }).check();
    await page.getByLabel("Password", { exact: true }).fill(password);
    await press(page, "Create key");
    await expect(shown(page)).toHaveText(new RegExp(`^rk_${environment}_`));
    await done(page);
  }
  await page.goto("/plans");
  for (const tier of ["Starter", "Growth", "Enterprise"]) await expect(page.getByRole("main")).toContainText(tier);
});

test("alone in a workspace: one's own request is approved with a second factor and a reason, and marked", async ({ browser }) => {
  const dir = await mkdtemp(join(tmpdir(), "latchkey-alone-"));
  const { server, stop } = await start(dir, "demo", "universal-wallet");
  try {
    const email = `${unique("alone").replace(" ", "-")}@example.test`;
    await server.cli(["admin", "create-user", "--email", email, "--name", "Uma Reyes"], `${password}\n`);
    await server.cli(["admin", "create-workspace", "--name", "Solo", "--owner", email]);
    const page = await as(browser, email, server.portal);
    const { manual } = await enrol(page);
    // An owner is no checker; alone, they give themselves the role.
    await page.goto("/members");
    await page.goto((await page.locator("a[href$='/roles']").first().getAttribute("href"))!);
    await page.getByRole("checkbox", { name: "Checker" }).check();
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: /roles/i }).first().click();
    await expect(page).toHaveURL(/\/members/);

    await page.goto("/keys/new");
    await page.getByLabel("Label", { exact: true }).fill("Monitor");
    await press(page, "Continue");
    await page.getByLabel("balance:read", { exact: true }).check();
    await press(page, "Continue");
    await press(page, "Continue");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await press(page, "Create key: Send for approval");
    await page.goto("/approvals");
    await page.goto("/approvals?tab=yours");
    await page.getByRole("link", { name: "Monitor" }).first().click();
    await page.getByLabel("Reason").fill("I am the only one here; the till needs it today.");
    await page.getByLabel("Code from your authenticator").fill(await code(manual));
    await press(page, "Approve request");
    await page.goto("/approvals?tab=decided");
    await expect(page.getByRole("main")).toContainText(/own approval/i);
    await page.context().close();
  } finally {
    await stop();
    await rm(dir, { recursive: true, force: true });
  }
});
