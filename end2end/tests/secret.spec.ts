// A secret is seen once, by one person, and stays nowhere.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { auditor, done, enter as signInto, expect, maker, type Page, password, press, test, unique } from "../support";

/** Makes a key as a person does; its secret is then on the page. */
async function create(page: Page): Promise<string> {
  await page.goto("/keys/new?env=sandbox");
  await page.getByLabel("Label", { exact: true }).fill(unique("Seen once"));
  await page.getByLabel("customers:read", { exact: true }).check();
  await page.getByLabel("Password").fill(password);
  const answer = await press(page, "Create key");
  expect(answer.headers()["cache-control"]).toBe("no-store");
  return page.getByLabel("API key").innerText();
}

test("reloading the answer shows neither the secret again nor a second key", async ({ page, enter }) => {
  page.on("dialog", (dialog) => dialog.accept());
  await enter(page, maker);
  const secret = await create(page);
  const label = await page.getByRole("dialog").locator("p").first().innerText();
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Already shown");
  await expect(page.getByText("can't be shown again")).toBeVisible();
  expect(await page.content()).not.toContain(secret);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Already shown");
  await page.getByRole("link", { name: "Back to key" }).click();
  await expect(page).toHaveURL(/\/keys\/key_/);
  await page.goto(`/keys?env=sandbox&q=${encodeURIComponent(label.split("\n")[0]!.trim())}`);
  await expect(page.getByRole("table", { name: "API keys" }).getByRole("row")).toHaveCount(2);
});

test("Back after Done shows the secret no more", async ({ page, enter }) => {
  await enter(page, maker);
  const secret = await create(page);
  await done(page);
  await expect(page).toHaveURL(/\/keys\/key_/);
  expect(await page.content()).not.toContain(secret);
  // The browser may refuse to show what it was told not to keep.
  await page.goBack().catch(() => undefined);
  expect(await page.content()).not.toContain(secret);
  await page.goForward().catch(() => undefined);
  expect(await page.content()).not.toContain(secret);
});

test("leaving before the box is ticked asks first, and not after", async ({ page, enter }) => {
  await enter(page, maker);
  const secret = await create(page);
  // Browsers ask only people who have touched the page.
  await page.getByRole("heading", { name: "Copy your key now" }).click();
  await expect(page.getByRole("button", { name: "Copy", exact: true })).toBeVisible();
  let asked = 0;
  page.on("dialog", async (dialog) => {
    expect(dialog.type()).toBe("beforeunload");
    asked += 1;
    await dialog.dismiss();
  });
  await expect(async () => {
    await page.evaluate(() => void setTimeout(() => (location.href = "/keys")));
    await expect.poll(() => asked, { timeout: 1_000 }).toBeGreaterThan(0);
  }).toPass({ timeout: 5_000 });
  await expect(page.getByLabel("API key")).toHaveText(secret);
  const before = asked;
  await done(page);
  await expect(page).toHaveURL(/\/keys\/key_/);
  expect(asked).toBe(before);
});

test("the secret stands in its own text and nowhere else in the browser", async ({ page, enter }) => {
  const sent: string[] = [];
  page.on("request", (request) => sent.push(request.url(), request.postData() ?? "", request.headers()["referer"] ?? ""));
  await enter(page, maker);
  const secret = await create(page);
  const kept = await page.evaluate(() => ({
    address: location.href,
    title: document.title,
    local: JSON.stringify({ ...localStorage }),
    session: JSON.stringify({ ...sessionStorage }),
    history: JSON.stringify(history.state),
    cookies: document.cookie,
    // Islands are given their properties as attributes.
    attributes: [...document.querySelectorAll("*")].flatMap((element) => [...element.attributes].map((one) => one.value)).join("\n"),
    scripts: [...document.scripts].map((script) => script.textContent).join("\n"),
  }));
  expect(Object.entries(kept).filter(([, text]) => text?.includes(secret))).toEqual([]);
  await done(page);
  expect(sent.filter((text) => text.includes(secret))).toEqual([]);
});

test("the secret is in no log, no file and on no other page", async ({ page, browser, baseURL, portal, server, enter }) => {
  await enter(page, maker);
  const secret = await create(page);
  const random = secret.slice("rk_sandbox_".length, -6);
  await fetch(`${server.gateway}/v2/customers`, { headers: { authorization: `Bearer ${secret}` } });
  await fetch(`${server.gateway}/v2/nowhere`, { headers: { "x-revkeen-key": secret } });
  await done(page);
  await expect(page).toHaveURL(/\/keys\/key_/);
  const id = new URL(page.url()).pathname.split("/")[2]!;
  await expect(async () => {
    await page.goto(`/logs?env=sandbox&key=${id}`);
    await expect(page.getByRole("table", { name: "Requests" }).getByRole("row")).toHaveCount(3, { timeout: 500 });
  }).toPass();
  for (const path of [`/keys/${id}`, `/keys/${id}/revoke`, "/keys?env=sandbox", `/logs?env=sandbox&key=${id}`, "/dashboard?env=sandbox"]) {
    await page.goto(path);
    expect(await page.content(), path).not.toContain(random);
  }
  const other = await (await browser.newContext({ baseURL })).newPage();
  await signInto(other, auditor, portal);
  await other.goto("/audit");
  expect(await other.content()).not.toContain(random);
  await other.context().close();

  expect(await server.log()).not.toContain(random);
  for (const name of await readdir(server.dir)) {
    const bytes = await readFile(join(server.dir, name));
    expect(bytes.includes(random), name).toBe(false);
    // The demo announces its password in its log.
    if (name !== "server.log") expect(bytes.includes(password), name).toBe(false);
  }
});

test("a form that comes back holds neither password nor PIN", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/keys/new?env=sandbox");
  await page.getByLabel("Label", { exact: true }).fill(unique("Refused"));
  await page.getByLabel("Password").fill("canary-password-8f3a");
  const answer = await press(page, "Create key");
  expect(answer.status()).toBe(422);
  expect(await answer.text()).not.toContain("canary-password-8f3a");
});
