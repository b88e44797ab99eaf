// Who gets where: the signed-out, each role, other workspaces, other sites.
import type { APIResponse } from "@playwright/test";
import { auditor, checker, customers, draft, expect, maker, makeKey, owner, password, send, test, unique } from "../support";

const pages = [
  "/dashboard",
  "/keys?env=live&tab=inactive",
  "/keys/new?env=live",
  "/keys/key_00000000000000000000000000",
  "/keys/key_00000000000000000000000000/revoke",
  "/logs?code=REVOKED&env=live",
  "/logs/req_00000000000000000000000000",
  "/audit",
  "/settings/security",
  "/settings/security/totp",
  "/settings/security/passkeys",
  "/settings/sessions",
  "/settings/account/close",
  "/settings/workspace",
  "/members",
  "/members/invite",
  "/members/usr_00000000000000000000000000/roles",
  "/ownership/own_00000000000000000000000000",
  "/notices",
  "/workspaces/new",
  "/admin",
  "/admin/people",
];

test("every page leads the signed-out to sign in, and on to where they wanted to go", async ({ page }) => {
  for (const path of pages) {
    const answer = await page.request.get(path, { maxRedirects: 0 });
    expect(answer.status(), path).toBe(303);
    const to = new URL(answer.headers().location!, "http://local.invalid");
    expect(to.pathname, path).toBe("/login");
    expect(to.searchParams.get("next"), path).toBe(path);
  }
  await page.goto("/logs?code=REVOKED&env=live");
  await page.getByLabel("Email").fill(maker);
  await page.getByLabel("Password").fill("wrong-at-first");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("don't fit together");
  await expect(page.getByLabel("Email")).toHaveValue(maker);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/logs\?code=REVOKED&env=live$/);
});

test("the signed-out can neither act nor ask", async ({ page, enter, browser, baseURL, gateway }) => {
  await enter(page, maker);
  const key = await makeKey(page, { label: unique("Guarded") });
  const stranger = await (await browser.newContext({ baseURL })).newPage();
  for (const path of ["/keys/new", `/keys/${key.id}/revoke`, "/settings/security", "/search", "/logout"]) {
    const answer = await send(stranger, path, [["q", "x"]]);
    expect(answer.status(), path).toBe(303);
    expect(answer.headers().location, path).toMatch(/^\/login\?next=/);
  }
  for (const name of ["overview", "revoke_consequences", "first_call", "list_requests", "request_detail", "list_audit"]) {
    const answer = await send(stranger, `/api/${name}`, []);
    expect(answer.status(), name).toBe(401);
  }
  expect((await customers(gateway, key.secret)).status).toBe(200);
  await stranger.context().close();
});

for (const next of ["//evil.example", "/\\evil.example", "https://evil.example/", "/\t/evil.example", "javascript:alert(1)"]) {
  test(`a forged next stays on this site: ${JSON.stringify(next)}`, async ({ page, portal }) => {
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await page.getByLabel("Email").fill(maker);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL(`${portal}/dashboard`);
  });
}

test("an unknown account and a wrong password are told apart by nothing", async ({ page, cli }) => {
  const { email: known } = await owner(cli);
  const said = [];
  for (const email of [known, "nobody@example.test"]) {
    const answer = await send(page, "/login", [["email", email], ["password", "not-the-password"]]);
    expect(answer.status()).toBe(422);
    said.push((await plain(answer)).replaceAll(email, "EMAIL"));
  }
  expect(said[0] === said[1]).toBe(true);
});

test("a checker sees keys, can make none, and may stop any", async ({ page, enter, browser, baseURL, gateway }) => {
  await enter(page, maker);
  const key = await makeKey(page, { label: unique("Checked") });
  const other = await (await browser.newContext({ baseURL })).newPage();
  await enter(other, checker);
  await other.goto("/keys?env=sandbox");
  await expect(other.getByRole("link", { name: key.label })).toBeVisible();
  await expect(other.getByRole("link", { name: "Create key" })).toHaveCount(0);
  expect((await other.goto("/keys/new"))?.status()).toBe(403);
  await expect(other.getByRole("heading", { level: 1 })).toHaveText("Not yours to open");
  expect((await send(other, "/keys/new", [["label", "x"]])).status()).toBe(403);
  expect((await other.goto("/audit"))?.status()).toBe(403);
  await other.goto(`/keys/${key.id}`);
  await other.getByRole("link", { name: "Revoke" }).click();
  await other.getByRole("button", { name: "Revoke key" }).click();
  await expect(other.getByText("Revoked at")).toBeVisible();
  await other.getByRole("link", { name: "History" }).click();
  await expect(other.getByRole("main")).toContainText("Bo Marchetti");
  expect((await customers(gateway, key.secret)).status).toBe(401);
  await other.context().close();
});

test("an auditor reads and changes nothing", async ({ page, enter, browser, baseURL, gateway }) => {
  await enter(page, maker);
  const key = await makeKey(page, { label: unique("Audited") });
  const other = await (await browser.newContext({ baseURL })).newPage();
  await enter(other, auditor);
  expect((await other.goto("/audit"))?.status()).toBe(200);
  await other.goto(`/keys/${key.id}`);
  await expect(other.getByRole("heading", { level: 1 })).toHaveText(key.label);
  await expect(other.getByRole("link", { name: "Revoke" })).toHaveCount(0);
  expect((await other.goto(`/keys/${key.id}/revoke`))?.status()).toBe(403);
  expect((await send(other, `/keys/${key.id}/revoke`, [["label", key.label]])).status()).toBe(403);
  expect((await send(other, "/keys/new", [["label", "x"]])).status()).toBe(403);
  expect((await customers(gateway, key.secret)).status).toBe(200);
  // What a role may not use is not shown.
  await other.goto("/keys?env=sandbox");
  await expect(other.getByRole("link", { name: key.label })).toBeVisible();
  await expect(other.getByRole("link", { name: "Create key" })).toHaveCount(0);
  await expect(other.locator("a[href$='/revoke']")).toHaveCount(0);
  await other.context().close();
});

test("a maker has no audit record and cannot end what is not theirs", async ({ page, enter, cli, api }) => {
  await enter(page, maker);
  expect((await page.goto("/audit"))?.status()).toBe(403);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Not yours to open");
  await expect(page.getByRole("link", { name: "Audit" })).toHaveCount(0);
  const mine = await makeKey(page);
  const { token } = await cli(["admin", "create-service-token", "--name", unique("reader")]);
  const asked = await fetch(`${api}/v1/keys/verify`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ key: mine.secret, dry_run: true }),
  });
  const workspace = ((await asked.json()) as { key: { workspace_id: string } }).key.workspace_id;
  const theirs = await cli(["admin", "create-key", "--workspace", workspace, "--label", unique("Console"), "--env", "sandbox", "--scopes", "customers:read"]);
  await page.goto(`/keys/${theirs.key_id}`);
  await expect(page.getByText("Belongs to nobody in particular")).toBeVisible();
  await expect(page.getByRole("link", { name: "Revoke" })).toHaveCount(0);
  expect((await send(page, `/keys/${theirs.key_id}/revoke`, [])).status()).toBe(403);
});

test("what is another's answers like what is not there", async ({ page, enter, cli }) => {
  const { workspace } = await owner(cli);
  const theirs = await cli(["admin", "create-key", "--workspace", workspace, "--label", "Theirs", "--env", "sandbox", "--scopes", "customers:read"]);
  await enter(page, maker);
  for (const tail of ["", "/revoke"]) {
    const seen: { id: string; html: string }[] = [];
    for (const id of [theirs.key_id, "key_00000000000000000000000000", "key_", "nonsense", "key_%00", "%F0%9F%97%9D", "..%2Flogs"]) {
      const answer = await page.request.get(`/keys/${id}${tail}`);
      expect(answer.status(), id).toBe(404);
      seen.push({ id: id!, html: await plain(answer) });
    }
    expect(seen.filter(({ html }) => html !== seen[0]!.html).map(({ id }) => id)).toEqual([]);
  }
  for (const id of ["req_00000000000000000000000000", "nonsense", "req_%00"]) {
    expect((await page.request.get(`/logs/${id}`)).status(), id).toBe(404);
  }
  expect((await send(page, `/keys/${theirs.key_id}/revoke`, [])).status()).toBe(404);
  expect((await send(page, "/search", [["q", theirs.secret!]])).status()).toBe(404);
});

test("forms from other sites are refused, sign-out included", async ({ page, enter, gateway }) => {
  await enter(page, maker);
  const key = await makeKey(page);
  const fields = { draft: await draft(page), environment: "sandbox", label: unique("Forged"), scopes: "customers:read", factor: "password", proof: password };
  for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }, { origin: "null" }]) {
    const tries: [string, string[][]][] = [
      ["/keys/new", Object.entries(fields)],
      [`/keys/${key.id}/revoke`, []],
      ["/settings/security", [["new_pin", "2846"], ["password", password]]],
      ["/login", [["email", maker], ["password", password]]],
      ["/theme", [["theme", "dark"]]],
      ["/logout", []],
    ];
    for (const [path, body] of tries) {
      expect((await send(page, path, body, headers)).status(), `${path} ${JSON.stringify(headers)}`).toBe(403);
    }
  }
  expect((await customers(gateway, key.secret)).status).toBe(200);
  await page.goto(`/keys?env=sandbox&q=${encodeURIComponent(fields.label)}`);
  await expect(page.getByText("No key matches")).toBeVisible();
});

test("following a link to /logout ends nothing", async ({ page, enter }) => {
  await enter(page, maker);
  expect((await page.goto("/logout"))?.status()).toBe(404);
  expect((await page.goto("/keys"))?.status()).toBe(200);
  await expect(page).toHaveURL(/\/keys$/);
});

test("signing in takes a new session id, and the cookie is out of reach of scripts", async ({ page, signIn }) => {
  const cookie = async () => (await page.context().cookies()).find((one) => one.name === "latchkey");
  await signIn(page, maker);
  const first = await cookie();
  expect(first).toMatchObject({ httpOnly: true, sameSite: "Lax", path: "/" });
  await signIn(page, maker);
  expect((await cookie())?.value).not.toBe(first?.value);
  // The session of before is gone with its id.
  await page.context().addCookies([first!]);
  await page.goto("/keys");
  await expect(page).toHaveURL(/\/login/);
});

/** A page without what differs between any two answers. */
async function plain(answer: APIResponse): Promise<string> {
  const nonce = answer.headers()["content-security-policy"]?.match(/'nonce-([^']+)'/)?.[1] ?? "none";
  return (await answer.text()).replaceAll(nonce, "NONCE");
}
