// Every page, in both themes, wide and narrow: accessible, quiet, within its policy and no heavier than it must be.
import AxeBuilder from "@axe-core/playwright";
import {
  address,
  admin,
  auditor,
  checker,
  complaints,
  enrol,
  expect,
  maker,
  makeKey,
  operator,
  owner,
  type Page,
  password,
  press,
  send,
  test,
  unique,
} from "../support";

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
  /** Somebody new looks, who owns a workspace of their own; `go` is told their address. */
  alone?: boolean;
  /** Goes there; gives the HTML as it was sent. */
  go: (page: Page, email: string) => Promise<string>;
  /** Something on it reacts without a round trip, so it needs the browser half. */
  islands?: boolean;
};

const to = (path: string) => async (page: Page) => (await page.goto(path))!.text();
const to404 = async (page: Page) => (await page.goto("/nothing/here"))!.text();

/** The id of a key that other tests leave alone. */
async function aKey(page: Page, environment: "sandbox" | "live" = "sandbox"): Promise<string> {
  return (await makeKey(page, { environment, label: unique("Looked at") })).id;
}

/** Through to where the first link with this address leads. */
async function through(page: Page, from: string, link: string): Promise<string> {
  await page.goto(from);
  return (await page.goto((await page.locator(link).first().getAttribute("href"))!))!.text();
}

/** Invites somebody from here; gives the link. */
async function invitation(page: Page, email = address()): Promise<string> {
  const fields = [["email", email], ["roles", "developer"], ["factor", "password"], ["proof", password]];
  const html = await (await send(page, "/members/invite", fields)).text();
  return `/join?token=${html.match(/\/join\?token=([\w-]+)/)?.[1]}`;
}

/** A key of the demo by its label, or a page of it. */
async function named(page: Page, label: string, tab = "active", below = ""): Promise<string> {
  await page.goto(`/keys?env=live&tab=${tab}`);
  const href = await page.getByRole("table", { name: "API keys" }).getByRole("link", { name: label }).first().getAttribute("href");
  return (await page.goto(href! + below))!.text();
}

/** An endpoint of the demo, or a page of it. */
async function endpoint(page: Page, below = "", label = "Order service"): Promise<string> {
  await page.goto("/webhooks?env=live");
  const href = await page.getByRole("table", { name: "Endpoints" }).getByRole("link", { name: label }).first().getAttribute("href");
  return (await page.goto(href! + below))!.text();
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
  { name: "key that rotates", as: maker, islands: true, go: (page) => named(page, "Web shop") },
  { name: "key, stopped", as: maker, islands: true, go: (page) => named(page, "Loyalty app") },
  { name: "key that waits", as: maker, islands: true, go: (page) => named(page, "Payout runner", "pending") },
  { name: "edit key", as: maker, islands: true, go: async (page) => to(`/keys/${await aKey(page)}/edit`)(page) },
  { name: "new secret", as: maker, go: async (page) => to(`/keys/${await aKey(page)}/rotate`)(page) },
  { name: "key security", as: maker, go: (page) => named(page, "Web shop", "active", "/security") },
  {
    name: "key security, lines judged",
    as: maker,
    go: async (page) => {
      await page.goto(`/keys/${await aKey(page)}/security`);
      await page.getByLabel("Add domains").fill("shop.example.com # the shop\nco.uk\nhttps://a.example/x");
      return (await press(page, "Add domains")).text();
    },
  },
  { name: "metadata", as: maker, go: async (page) => to(`/keys/${await aKey(page)}/meta`)(page) },
  { name: "disable", as: maker, go: async (page) => to(`/keys/${await aKey(page)}/disable`)(page) },
  { name: "hand a key over", as: admin, go: (page) => named(page, "Web shop", "active", "/owner") },
  { name: "several keys", as: maker, go: async (page) => to(`/keys/bulk?action=revoke&key=${await aKey(page)}&key=${await aKey(page, "live")}`)(page) },
  { name: "every key", as: admin, go: to("/settings/workspace/revoke-all") },
  { name: "reveal", as: maker, go: (page) => named(page, "Refund desk", "pending", "/reveal") },
  { name: "approvals", as: checker, go: to("/approvals") },
  { name: "approvals, decided", as: auditor, go: to("/approvals?tab=decided") },
  { name: "request for a key", as: checker, go: (page) => through(page, "/approvals", "a[href^='/approvals/apr_']") },
  { name: "own request", as: maker, go: (page) => through(page, "/approvals", "a[href^='/approvals/apr_']") },
  { name: "rules for approval", as: admin, go: to("/settings/workspace/approvals") },
  { name: "plans", as: admin, go: to("/plans") },
  { name: "operator, plans", as: operator, go: to("/admin/plans") },
  { name: "logs", as: maker, go: to("/logs?env=live") },
  { name: "logs, filtered", as: maker, go: to("/logs?env=live&outcome=denied&code=INSUFFICIENT_SCOPE") },
  { name: "logs, no match", as: maker, go: to("/logs?env=live&ip=192.0.2.1") },
  { name: "request", as: maker, go: firstRequest },
  { name: "webhooks", as: maker, go: to("/webhooks?env=live") },
  { name: "webhooks, none", alone: true, go: to("/webhooks") },
  { name: "new endpoint", as: maker, go: to("/webhooks/new?env=sandbox") },
  {
    name: "new endpoint, refused",
    as: maker,
    go: async (page) => {
      await page.goto("/webhooks/new?env=sandbox");
      await page.getByLabel("URL").fill("https://10.0.0.1/");
      await page.getByLabel("Custom headers").fill("Host: example.com");
      await page.getByLabel("Password", { exact: true }).fill("not-the-password");
      return (await press(page, "Create endpoint")).text();
    },
  },
  {
    name: "the signing secret",
    as: maker,
    islands: true,
    go: async (page) => {
      await page.goto("/webhooks/new?env=sandbox");
      await page.getByLabel("URL").fill("https://hooks.example.com/a-long-path-that-goes-on-and-on-and-on/for-a-while");
      await page.getByLabel("All events").check();
      await page.getByLabel("Password", { exact: true }).fill(password);
      return (await press(page, "Create endpoint")).text();
    },
  },
  { name: "endpoint", as: maker, go: (page) => endpoint(page) },
  { name: "endpoint, read only", as: auditor, go: (page) => endpoint(page) },
  { name: "endpoint that fails", as: maker, go: (page) => endpoint(page, "", "Bookkeeping") },
  ...["edit", "rotate", "disable", "remove", "test", "replay"].map((below) => ({
    name: `endpoint, ${below}`,
    as: maker,
    go: (page: Page) => endpoint(page, `/${below}`),
  })),
  { name: "webhook log", as: maker, go: to("/logs/webhooks?env=live") },
  { name: "webhook log, no match", as: maker, go: to("/logs/webhooks?env=live&state=dropped&type=plan.approved") },
  { name: "delivery", as: maker, go: (page) => through(page, "/logs/webhooks?env=live&state=delivered", "a[href^='/logs/webhooks/dlv_']") },
  { name: "delivery, failed", as: maker, go: (page) => through(page, "/logs/webhooks?env=live&state=failed", "a[href^='/logs/webhooks/dlv_']") },
  { name: "receiver of the demo", go: to("/dev/receiver/demo") },
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
  { name: "sign up", go: to("/signup") },
  {
    name: "sign up, refused",
    go: async (page) => {
      await page.goto("/signup");
      await page.getByLabel("Name").fill("Nia Okafor");
      await page.getByLabel("Email").fill(address());
      await page.getByLabel("Password").fill("Password1");
      return (await press(page, "Create account")).text();
    },
  },
  { name: "sign up, sent", go: to("/signup/sent") },
  { name: "confirm address, not usable", go: to("/signup/verify?token=nonsense") },
  { name: "reset", go: to("/reset") },
  { name: "reset, sent", go: to("/reset/sent") },
  { name: "new password, not usable", go: to("/reset/new?token=nonsense") },
  { name: "invitation, not usable", go: to("/join?token=nonsense") },
  {
    name: "code",
    alone: true,
    go: async (page, email) => {
      await enrol(page);
      await page.context().clearCookies();
      await page.goto("/login");
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.waitForURL("**/login/code*");
      return (await page.reload())!.text();
    },
  },
  {
    name: "invitation",
    alone: true,
    go: async (page) => {
      const link = await invitation(page);
      await page.context().clearCookies();
      return to(link)(page);
    },
  },
  { name: "invitation of another", alone: true, go: async (page) => to(await invitation(page))(page) },
  { name: "change password", as: maker, go: to("/settings/security/password") },
  { name: "authenticator", as: maker, islands: true, go: to("/settings/security/totp") },
  { name: "recovery codes", alone: true, go: async (page) => (await enrol(page), to("/settings/security/recovery")(page)) },
  { name: "remove authenticator", alone: true, go: async (page) => (await enrol(page), to("/settings/security/totp/remove")(page)) },
  { name: "security with factors", alone: true, go: async (page) => (await enrol(page), to("/settings/security")(page)) },
  { name: "sessions", as: maker, go: to("/settings/sessions") },
  { name: "account", as: maker, go: to("/settings/account") },
  { name: "change address", as: maker, go: to("/settings/account/address") },
  { name: "download data", as: maker, go: to("/settings/account/export") },
  { name: "close account", as: maker, go: to("/settings/account/close") },
  { name: "close account, last owner", as: admin, go: to("/settings/account/close") },
  { name: "notices", as: maker, go: to("/notices") },
  { name: "notices, none", alone: true, go: to("/notices") },
  { name: "notice settings", as: maker, go: to("/settings/notices") },
  { name: "new workspace", as: maker, go: to("/workspaces/new") },
  { name: "members", as: admin, go: to("/members") },
  { name: "members with an invitation", alone: true, go: async (page) => (await invitation(page), to("/members")(page)) },
  { name: "invite", as: admin, go: to("/members/invite") },
  {
    name: "invite, refused",
    alone: true,
    go: async (page) => {
      await page.goto("/members/invite");
      await page.getByRole("checkbox", { name: "Checker" }).check();
      await page.getByLabel("E-mail address").fill("nobody@nowhere");
      await page.getByLabel("Password", { exact: true }).fill("not-the-password");
      return (await press(page, "Send invitation")).text();
    },
  },
  {
    name: "invite, sent",
    alone: true,
    islands: true,
    go: async (page) => {
      await page.goto("/members/invite");
      await page.getByLabel("E-mail address").fill(address());
      await page.getByRole("checkbox", { name: "Developer" }).check();
      await page.getByLabel("Password", { exact: true }).fill(password);
      return (await press(page, "Send invitation")).text();
    },
  },
  { name: "change roles", as: admin, go: (page) => through(page, "/members", "a[href$='/roles']") },
  { name: "remove member", as: admin, go: (page) => through(page, "/members", "a[href$='/remove']") },
  { name: "new link", alone: true, go: async (page) => (await invitation(page), through(page, "/members", "a[href$='/renew']")) },
  { name: "withdraw", alone: true, go: async (page) => (await invitation(page), through(page, "/members", "a[href$='/withdraw']")) },
  { name: "workspace", as: admin, go: to("/settings/workspace") },
  { name: "workspace, read only", as: auditor, go: to("/settings/workspace") },
  { name: "second factor of a workspace", as: admin, go: to("/settings/workspace/second-factor") },
  { name: "hand over", as: admin, go: to("/settings/workspace/transfer") },
  { name: "leave", as: maker, go: to("/settings/workspace/leave") },
  { name: "leave, last owner", as: admin, go: to("/settings/workspace/leave") },
  { name: "operator, workspaces", as: operator, go: to("/admin") },
  { name: "operator, people", as: operator, go: to("/admin/people") },
  { name: "operator, act", as: operator, go: (page) => through(page, "/admin?q=Harbor", "a[href$='/act']") },
  { name: "operator, suspend", as: operator, go: (page) => through(page, "/admin?q=Harbor", "a[href$='/suspend']") },
  { name: "operator, reset factors", as: operator, go: (page) => through(page, "/admin/people?q=maker", "a[href$='/reset-factors']") },
  { name: "mail", go: to("/dev/mail") },
  { name: "not allowed", as: checker, go: to("/keys/new") },
  { name: "not found", as: maker, go: to404 },
  { name: "not found, signed out", go: to404 },
  { name: "pieces", as: maker, islands: true, go: to("/dev/ui") },
];

for (const { name, as, alone, go, islands } of visits) {
  test(`${name}: accessible in both themes at 1280 and 360 px`, async ({ page, enter, cli }) => {
    const who = alone ? (await owner(cli)).email : as;
    if (who) await enter(page, who);
    // Before the first page, as a change amid a transition would abort that.
    await page.emulateMedia({ reducedMotion: "reduce" });
    const wrong = complaints(page);
    const html = await go(page, who ?? "");
    const found: string[] = [];
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        // A busy browser follows a moment later; axe must not see one half of a page in each theme.
        await page.waitForFunction((wanted) => matchMedia(`(prefers-color-scheme: ${wanted})`).matches, colorScheme);
        await page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))));
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
  await page.goto("/members");
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
