// The whole path with scripts on: sign in, make a key, call with it, find the call, end the key, see it refused.
import { readFile } from "node:fs/promises";
import { auditor, complaints, customers, expect, maker, makeKey, password, press, test, unique } from "../support";

test("a person makes a key, calls with it, finds the call, revokes it and sees it refused", async ({
  page,
  context,
  browser,
  baseURL,
  gateway,
  cli,
  signIn,
  enter,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const wrong = complaints(page);
  const label = unique("Till");
  await signIn(page, maker);
  await page.goto("/keys?env=sandbox");
  await page.getByRole("link", { name: "Create key" }).first().click();
  await expect(page.getByRole("radio", { name: "Sandbox" })).toBeChecked();

  await test.step("a wrong password loses nothing that was typed", async () => {
    await page.getByLabel("Label", { exact: true }).fill(label);
    await page.getByLabel("customers:read", { exact: true }).check();
    await page.getByLabel("products:write", { exact: true }).check();
    await page.getByLabel("Password").fill("not-my-password");
    expect((await press(page, "Create key")).status()).toBe(422);
    await expect(page.getByRole("alert")).toContainText("That password isn't right");
    await expect(page.getByLabel("Password")).toHaveAccessibleDescription(/That password isn't right/);
    await expect(page.getByLabel("Password")).toHaveValue("");
    await expect(page.getByLabel("Label", { exact: true })).toHaveValue(label);
    await expect(page.getByLabel("customers:read", { exact: true })).toBeChecked();
    await expect(page.getByLabel("products:write", { exact: true })).toBeChecked();
    await expect(page.getByLabel("products:read", { exact: true })).not.toBeChecked();
  });

  await page.getByLabel("Password").fill(password);
  expect((await press(page, "Create key")).status()).toBe(200);
  const dialog = page.getByRole("dialog", { name: "Copy your key now" });
  const shown = dialog.getByLabel("API key");
  await expect(shown).toHaveText(/^rk_sandbox_[0-9A-Za-z]{49}$/);
  const secret = await shown.innerText();

  await test.step("the secret can be copied and saved", async () => {
    await dialog.getByRole("button", { name: "Copy", exact: true }).click();
    await expect(dialog.getByRole("button", { name: "Copied" })).toBeVisible();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
    const downloading = page.waitForEvent("download");
    await dialog.getByRole("button", { name: "Download .env" }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/\.env$/);
    expect(await readFile(await download.path(), "utf8")).toBe(`REVKEEN_API_KEY=${secret}\n`);
  });

  await test.step("the example that is shown works as it stands, and its call appears", async () => {
    await expect(dialog.getByText("waiting for your first call")).toBeVisible();
    const example = await dialog.getByRole("group", { name: "Make a first call" }).locator("code").first().innerText();
    const [, url = "", header = "", value = ""] = example.match(/^curl (\S+) \\\s+-H "([^:]+): (.+)"\s*$/) ?? [];
    const answer = await fetch(url, { headers: { [header]: value } });
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { data: unknown[] }).data.length).toBeGreaterThan(0);
    await expect(dialog.getByText("First call: GET /v2/customers")).toBeVisible({ timeout: 10_000 });
    await expect(dialog.getByText("waiting for your first call")).toHaveCount(0);
  });

  await test.step("Done wants the box to be ticked", async () => {
    await dialog.getByRole("button", { name: "Done" }).click();
    await expect(dialog).toBeVisible();
    await dialog.getByLabel("I have stored it").check();
    await dialog.getByRole("button", { name: "Done" }).click();
    await expect(page).toHaveURL(/\/keys\/key_\w+\??$/);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(label);
  });
  const id = new URL(page.url()).pathname.split("/")[2]!;

  await test.step("the request is in the log and its page says why it passed", async () => {
    await page.goto(`/logs?env=sandbox&key=${id}`);
    await page.getByRole("table", { name: "Requests" }).getByRole("link").first().click();
    await expect(page).toHaveURL(/\/logs\/req_/);
    await expect(page.getByText("Allowed.")).toBeVisible();
    await expect(page.getByText("GET /v2/customers")).toBeVisible();
  });

  await test.step("revoking opens over the page and asks no label of a sandbox key", async () => {
    await page.goto(`/keys/${id}`);
    await page.getByRole("link", { name: "Revoke" }).click();
    const asked = page.getByRole("dialog", { name: `Revoke “${label}”?` });
    await expect(asked).toBeVisible();
    await expect(asked).toContainText("In use: 1 request in the last hour from 1 address.");
    expect(new URL(page.url()).pathname).toBe(`/keys/${id}`);
    await expect(asked.getByLabel("Label")).toHaveCount(0);
    await asked.getByRole("button", { name: "Revoke key" }).click();
    await expect(page.getByText("Revoked at")).toBeVisible();
    await expect(page.getByText("0 requests let through since")).toBeVisible();
    await expect(page.getByRole("link", { name: "Revoke" })).toHaveCount(0);
  });

  await test.step("the very next request is refused, and the log says so", async () => {
    const answer = await customers(gateway, secret);
    expect(answer.status).toBe(401);
    const { error } = (await answer.json()) as { error: { type: string; code: string; message: string; request_id: string } };
    expect(error).toEqual({
      type: "authentication_error",
      code: "REVOKED",
      message: expect.any(String),
      request_id: answer.headers.get("x-request-id"),
    });
    // The row is written within a quarter of a second.
    await expect(async () => {
      await page.goto(`/logs/${error.request_id}`);
      await expect(page.getByText("Denied: REVOKED.")).toBeVisible({ timeout: 500 });
    }).toPass();
    await page.goto(`/keys/${id}`);
    await page.getByRole("link", { name: "See what is refused" }).click();
    await expect(page.getByRole("table", { name: "Requests" }).getByRole("row").nth(1)).toContainText("REVOKED");
  });

  await test.step("the key keeps its history, and the auditor sees the record", async () => {
    await page.goto(`/keys/${id}?view=history`);
    const history = page.getByRole("main");
    await expect(history).toContainText(`Created the Sandbox key “${label}” with 2 scopes`);
    await expect(history).toContainText(`Revoked the key “${label}”`);
    const other = await browser.newContext({ baseURL });
    const reader = await other.newPage();
    await enter(reader, auditor);
    await reader.goto("/audit");
    const entries = reader.getByRole("table", { name: "Audit entries" });
    await expect(entries).toContainText(`Created the Sandbox key “${label}” with 2 scopes`);
    await expect(entries).toContainText(`Revoked the key “${label}”`);
    await other.close();
    expect(await cli<{ ok: boolean }>(["audit", "verify"])).toMatchObject({ ok: true });
  });
  expect(wrong).toEqual([]);
});

test("revoking a live key asks for its label and refuses another beside the field", async ({ page, gateway, enter }) => {
  await enter(page, maker);
  const key = await makeKey(page, { environment: "live", label: unique("Live till") });
  await page.goto(`/keys/${key.id}`);
  await page.getByRole("link", { name: "Revoke" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Label")).toBeFocused();
  await dialog.getByLabel("Label").fill("Another key");
  expect((await press(page, "Revoke key")).status()).toBe(422);
  await expect(page.getByLabel("Label")).toHaveValue("Another key");
  await expect(page.getByLabel("Label")).toHaveAccessibleDescription(/confirm which key you mean\.$/);
  expect((await customers(gateway, key.secret)).status).toBe(200);
  await expect(page.getByRole("alert")).toContainText(key.label);

  await page.getByLabel("Label").fill(key.label);
  expect((await press(page, "Revoke key")).status()).toBe(303);
  await expect(page.getByText("Revoked at")).toBeVisible();
  expect((await customers(gateway, key.secret)).status).toBe(401);
});

test("a key works from the very next request after it was made, within its scopes only", async ({ page, gateway, enter }) => {
  await enter(page, maker);
  const able = await makeKey(page);
  expect((await customers(gateway, able.secret)).status).toBe(200);
  const unable = await makeKey(page, { scopes: ["products:read"] });
  const answer = await customers(gateway, unable.secret);
  expect(answer.status).toBe(403);
  expect(await answer.json()).toMatchObject({ error: { type: "permission_error", code: "INSUFFICIENT_SCOPE" } });
});

test("one form makes one key, however often it is sent at once", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/keys/new?env=sandbox");
  const label = unique("Twice");
  const body = new URLSearchParams({
    draft: await page.locator("[name=draft]").inputValue(),
    environment: "sandbox",
    label,
    scopes: "customers:read",
    factor: "password",
    proof: password,
  }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answers = await Promise.all([1, 2, 3].map(() => page.request.post("/keys/new", { data: body, headers })));
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  // With what it says beside a field, where the form came back instead.
  const answered = texts.map((text) => [...text.matchAll(/(?:<h1|href="#label")[^>]*>([^<]*)/g)].map(([, said]) => said).join(": "));
  expect(answered.sort()).toEqual(["Already shown", "Already shown", "Key created"]);
  expect(texts.filter((text) => /rk_sandbox_[0-9A-Za-z]{49}/.test(text))).toHaveLength(1);
  await page.goto(`/keys?env=sandbox&q=${encodeURIComponent(label)}`);
  await expect(page.getByRole("table", { name: "API keys" }).getByRole("row")).toHaveCount(2);
});
