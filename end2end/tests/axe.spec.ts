// Every page, in both themes, wide and narrow: accessible, quiet, within its policy and no heavier than it must be.
import AxeBuilder from "@axe-core/playwright";
import { checker, auditor, complaints, expect, maker, makeKey, type Page, password, press, test, unique } from "../support";

const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * What axe has against the page. Rows of a table are alike: the first six speak for them. The theme changes nothing but
 * colours, so the dark one is asked about those alone.
 */
async function look(page: Page, theme: "light" | "dark" = "light") {
  const axe = new AxeBuilder({ page }).exclude("tbody tr:nth-child(n+7)");
  const { violations } = await (theme === "light" ? axe.withTags(rules) : axe.withRules("color-contrast")).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}

type Visit = {
  name: string;
  /** Who looks; nobody is signed in without it. */
  as?: string;
  /** Goes there; gives the HTML as it was sent. */
  go: (page: Page) => Promise<string>;
  /** Something on it reacts without a round trip, so it needs the browser half. */
  islands?: boolean;
};

const to = (path: string) => async (page: Page) => (await page.goto(path))!.text();
const to404 = async (page: Page) => (await page.goto("/nothing/here"))!.text();

/** The id of a key that other tests leave alone. */
async function aKey(page: Page, environment: "sandbox" | "live" = "sandbox"): Promise<string> {
  return (await makeKey(page, { environment, label: unique("Looked at") })).id;
}

/** Through to the address of the first row. */
async function firstRequest(page: Page): Promise<string> {
  await page.goto("/logs?env=live&outcome=denied");
  const href = await page.getByRole("table", { name: "Requests" }).getByRole("link").first().getAttribute("href");
  return (await page.goto(href!))!.text();
}

const visits: Visit[] = [
  { name: "sign in", go: to("/login") },
  {
    name: "sign in, refused",
    go: async (page) => {
      await page.goto("/login");
      await page.getByLabel("Email").fill(maker);
      await page.getByLabel("Password").fill("not-the-password");
      return (await press(page, "Sign in")).text();
    },
  },
  { name: "overview", as: maker, go: to("/dashboard?env=sandbox") },
  { name: "keys, active", as: maker, go: to("/keys?env=live") },
  { name: "keys, pending", as: maker, go: to("/keys?env=live&tab=pending") },
  { name: "keys, inactive", as: maker, go: to("/keys?env=live&tab=inactive") },
  { name: "keys, no match", as: maker, go: to("/keys?env=live&q=nothing+matches+this") },
  { name: "new key", as: maker, islands: true, go: to("/keys/new?env=sandbox") },
  {
    name: "new key, refused",
    as: maker,
    islands: true,
    go: async (page) => {
      await page.goto("/keys/new?env=sandbox");
      await page.getByLabel("Label", { exact: true }).fill("bell\u0007");
      await page.getByLabel("Password").fill("not-the-password");
      return (await press(page, "Create key")).text();
    },
  },
  {
    name: "the secret",
    as: maker,
    islands: true,
    go: async (page) => {
      await page.goto("/keys/new?env=live");
      await page.getByLabel("Label", { exact: true }).fill(unique("Looked at, and with a label that is very long".padEnd(51, "o")));
      await page.getByLabel("customers:read", { exact: true }).check();
      await page.getByLabel("Password").fill(password);
      return (await press(page, "Create key")).text();
    },
  },
  { name: "key", as: maker, islands: true, go: async (page) => to(`/keys/${await aKey(page)}`)(page) },
  { name: "revoke", as: maker, go: async (page) => to(`/keys/${await aKey(page, "live")}/revoke`)(page) },
  {
    name: "revoke, refused",
    as: maker,
    go: async (page) => {
      await page.goto(`/keys/${await aKey(page, "live")}/revoke`);
      await page.getByLabel("Label", { exact: true }).fill("another");
      return (await press(page, "Revoke key")).text();
    },
  },
  { name: "logs", as: maker, go: to("/logs?env=live") },
  { name: "logs, filtered", as: maker, go: to("/logs?env=live&outcome=denied&code=INSUFFICIENT_SCOPE") },
  { name: "logs, no match", as: maker, go: to("/logs?env=live&ip=192.0.2.1") },
  { name: "request", as: maker, go: firstRequest },
  { name: "audit", as: auditor, go: to("/audit") },
  { name: "security", as: maker, go: to("/settings/security") },
  { name: "passkeys", as: maker, go: to("/settings/security/passkeys") },
  {
    name: "security, refused",
    as: maker,
    go: async (page) => {
      await page.goto("/settings/security");
      await page.getByLabel("New PIN").fill("1234");
      await page.getByLabel("Password").fill(password);
      return (await press(page, "Change PIN")).text();
    },
  },
  { name: "not allowed", as: checker, go: to("/keys/new") },
  { name: "not found", as: maker, go: to404 },
  { name: "not found, signed out", go: to404 },
  { name: "pieces", as: maker, islands: true, go: to("/dev/ui") },
];

for (const { name, as, go, islands } of visits) {
  test(`${name}: accessible in both themes at 1280 and 360 px`, async ({ page, enter }) => {
    test.setTimeout(60_000);
    if (as) await enter(page, as);
    // Before the first page, as a change amid a transition would abort that.
    await page.emulateMedia({ reducedMotion: "reduce" });
    const wrong = complaints(page);
    const html = await go(page);
    const found: string[] = [];
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        found.push(...(await look(page, colorScheme)).map((text) => `${width} ${colorScheme} ${text}`));
      }
      const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      expect.soft(wide, `sideways scroll at ${width} px`).toBeLessThanOrEqual(seen!);
    }
    expect.soft(found).toEqual([]);
    expect.soft(wrong).toEqual([]);
    // The policy forbids such attributes, so what they say would be lost.
    expect.soft(html.match(/<[^>]*\sstyle=[^>]*>/g)).toBeNull();
    expect.soft(html.includes("<leptos-island"), "holds an island").toBe(!!islands);
    const loaded = await page.evaluate(() => performance.getEntriesByType("resource").some((one) => one.name.endsWith(".wasm")));
    expect.soft(loaded, "loads the browser half").toBe(!!islands);
  });
}

test("the drawer, the menus and the dialogs are accessible when open", async ({ page, enter }) => {
  await enter(page, maker);
  const id = await aKey(page, "live");
  const check = async (what: string) => {
    expect.soft(await look(page), what).toEqual([]);
  };
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto("/keys?env=live");
  await page.getByLabel("Your menu, Ada Lindqvist").click();
  await check("menu");
  await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await check("shortcuts");
  await page.goto(`/keys/${id}`);
  await page.getByRole("link", { name: "Revoke" }).click();
  await expect(page.getByRole("dialog", { name: /^Revoke/ })).toBeVisible();
  await check("dialog");
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto("/logs");
  await page.getByRole("button", { name: "Open menu" }).click();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  await check("drawer");
});

test("every answer carries the headers that browsers heed", async ({ page, api, gateway, enter }) => {
  await enter(page, maker);
  for (const address of ["/login", "/keys", "/nothing", "/favicon.svg", `${api}/healthz`, `${api}/nothing`, `${gateway}/v2/customers`]) {
    const headers = (await page.request.get(address)).headers();
    expect(headers, address).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "same-origin",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "x-request-id": expect.stringMatching(/^req_/),
    });
    const policy = headers["content-security-policy"];
    expect(policy, address).toContain("frame-ancestors 'none'");
    expect(policy, address).not.toContain("unsafe-inline");
    expect(policy, address).not.toContain("'unsafe-eval'");
  }
  const nonce = async () => (await page.request.get("/keys")).headers()["content-security-policy"]?.match(/nonce-[^']+/)?.[0];
  expect(await nonce()).not.toBe(await nonce());
});
