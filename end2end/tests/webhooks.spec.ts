// Webhooks from the first form to a replay, against the receiver that the demo brings along.
import type { APIResponse, Browser } from "@playwright/test";
import { done, expect, maker, makeKey, type Page, password, press, send, test, unique } from "../support";

/** A receiver of its own, which takes what comes until it is told to fail. */
const receiver = (portal: string) => {
  const name = unique("receiver").replace(" ", "-");
  return { name, page: `/dev/receiver/${name}`, url: `http://127.0.0.1:${new URL(portal).port}/dev/receiver/${name}` };
};

async function fails(page: Page, name: string, on: boolean): Promise<APIResponse> {
  return send(page, `/dev/receiver/${name}/switch`, [["fails", on ? "on" : "off"]]);
}

/** Sets an endpoint up as a person does; gives its id and secret. */
async function setUp(page: Page, url: string, label: string) {
  await page.goto("/webhooks/new?env=sandbox");
  await page.getByLabel("URL").fill(url);
  await page.getByLabel("Description").fill(label);
  await page.getByLabel("key.created", { exact: true }).check();
  await page.getByLabel("Password", { exact: true }).fill(password);
  const answer = await press(page, "Create endpoint");
  expect(answer.headers()["cache-control"]).toBe("no-store");
  const secret = await page.getByLabel("Signing secret").innerText();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]+=*$/);
  return secret;
}

/** Looks again until the delivery has come to this. */
async function settled(page: Page, word: string | RegExp) {
  await expect(async () => {
    await page.reload();
    await expect(page.locator("#delivery").getByRole("status")).toContainText(word, { timeout: 500 });
  }).toPass({ timeout: 15_000 });
}

async function story(page: Page, portal: string) {
  const mine = receiver(portal);
  const label = unique("Order service");
  const secret = await setUp(page, mine.url, label);
  await done(page);
  await expect(page).toHaveURL(/\/webhooks\/whe_\w+/);
  const home = new URL(page.url()).pathname;
  expect(await page.content()).not.toContain(secret);

  // A test event that comes through.
  await page.goto(`${home}/test`);
  await press(page, "Send event");
  await expect(page).toHaveURL(/\/logs\/webhooks\/dlv_/);
  await settled(page, /Delivered/);
  await page.goto(mine.page);
  await expect(page.getByText('"type":"webhook.test"')).toBeVisible();
  await expect(page.getByText(/^v1,/)).toBeVisible();

  // One that fails, with what the server answered in the log.
  await fails(page, mine.name, true);
  await makeKey(page);
  const mineOnly = `/logs/webhooks?env=sandbox&endpoint=${home.split("/").pop()}&type=key.created`;
  await page.goto(mineOnly);
  const failed = (await page.getByRole("table", { name: "Deliveries" }).getByRole("link").first().getAttribute("href"))!;
  await page.goto(failed);
  await settled(page, /500/);
  await expect(page.getByText("told to fail").first()).toBeVisible();
  await expect(page.getByText("webhook-signature:").first()).toBeVisible();
  await page.goto(home);
  await expect(page.getByText("Failing", { exact: true })).toBeVisible();

  // Mended and sent again, with the id that it had.
  await fails(page, mine.name, false);
  await page.goto(failed);
  const id = await page.getByText(/^evt_/).first().innerText();
  await press(page, "Replay");
  await settled(page, /Delivered/);
  await page.goto(mine.page);
  expect(await page.getByText(id).count()).toBeGreaterThan(1);
  await page.goto(home);
  await expect(page.getByText("Healthy", { exact: true })).toBeVisible();

  // Off, missed, on again, and what was missed sent.
  await page.goto(`${home}/disable`);
  await press(page, "Disable endpoint");
  await expect(page.getByText("Disabled", { exact: true })).toBeVisible();
  const { label: key } = await makeKey(page);
  await page.goto(home);
  await expect(page.getByText(/1 event failed or was missed/)).toBeVisible();
  await page.goto(`${home}/enable`);
  await press(page, "Turn endpoint on");
  await page.goto(`${home}/replay`);
  await press(page, "Send again");
  await expect(page).toHaveURL(new RegExp(`${home}\\?done=replay`));
  await expect(async () => {
    await page.goto(mine.page);
    await expect(page.getByText(key)).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 15_000 });
  return home;
}

test("an endpoint is set up, tried, fails, is mended, sent again and turned on again", async ({ page, portal, enter }) => {
  page.on("dialog", (dialog) => dialog.accept());
  await enter(page, maker);
  const home = await story(page, portal);
  await page.goto(`${home}/remove`);
  await press(page, "Remove endpoint");
  await expect(page).toHaveURL(/\/webhooks\?env=sandbox/);
  expect((await page.goto(home))!.status()).toBe(404);
});

test("the same with scripts off", async ({ browser, portal, signIn }) => {
  const page = await plain(browser, portal);
  await signIn(page, maker);
  await story(page, portal);
  await page.context().close();
});

async function plain(browser: Browser, portal: string): Promise<Page> {
  const context = await browser.newContext({ baseURL: portal, javaScriptEnabled: false });
  return context.newPage();
}

test("a delivery is followed to its end without a reload", async ({ page, portal, enter }) => {
  page.on("dialog", (dialog) => dialog.accept());
  await enter(page, maker);
  const mine = receiver(portal);
  await setUp(page, mine.url, unique("Followed"));
  await done(page);
  await page.getByRole("link", { name: "Send test event" }).first().click();
  await expect(page.getByRole("dialog", { name: "Send a test event?" })).toBeVisible();
  await press(page, "Send event");
  await expect(page.locator("#delivery").getByRole("status")).toContainText("Delivered", { timeout: 15_000 });
});

test("events are searched, and what is ticked stays in sight", async ({ page, enter }) => {
  await enter(page, maker);
  await page.goto("/webhooks/new?env=sandbox");
  await page.getByLabel("member.added", { exact: true }).check();
  await page.getByLabel("Search events").fill("revoked");
  await expect(page.getByLabel("key.revoked", { exact: true })).toBeVisible();
  await expect(page.getByLabel("member.added", { exact: true })).toBeVisible();
  await expect(page.getByLabel("key.created", { exact: true })).toBeHidden();
  await page.getByLabel("Search events").fill("");
  await expect(page.getByLabel("key.created", { exact: true })).toBeVisible();
});

test("news of the log come by themselves while Live is on", async ({ page, portal, enter }) => {
  page.on("dialog", (dialog) => dialog.accept());
  await enter(page, maker);
  const mine = receiver(portal);
  await setUp(page, mine.url, unique("Tailed"));
  await done(page);
  const home = new URL(page.url()).pathname;
  const endpoint = home.split("/").pop()!;
  await page.goto(`/logs/webhooks?env=sandbox&endpoint=${endpoint}`);
  await page.getByLabel("Live").check();
  await send(page, `${home}/test`, [["type", "webhook.test"]]);
  await expect(page.getByRole("table", { name: "Deliveries" }).getByText("webhook.test")).toBeVisible({ timeout: 15_000 });
});
