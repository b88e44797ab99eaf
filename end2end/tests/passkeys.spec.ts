// Passkeys, with the authenticator that Chromium can play: made, signed in with, asked for to confirm, and removed.
import { type CDPSession } from "@playwright/test";
import { complaints, draft, expect, maker, owner, type Page, password, press, send, test, unique } from "../support";

type Authenticator = { cdp: CDPSession; id: string };

/** A device of this browser that holds passkeys and always recognises its user. */
async function authenticator(page: Page): Promise<Authenticator> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  return { cdp, id: await plugIn(cdp) };
}

async function plugIn(cdp: CDPSession) {
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return authenticatorId;
}

const held = async ({ cdp, id }: Authenticator) =>
  (await cdp.send("WebAuthn.getCredentials", { authenticatorId: id })).credentials;

const rows = (page: Page) => page.getByRole("table", { name: "Passkeys" }).getByRole("row");

/** Adds the first passkey, confirmed with the password. */
async function enrol(page: Page, name: string) {
  await page.goto("/settings/security/passkeys");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await press(page, "Add passkey");
  await expect(page.locator("#codes")).toBeVisible();
}

async function signOut(page: Page) {
  expect((await send(page, "/logout", [])).status()).toBe(303);
  await page.goto("/login");
}

test("a passkey is made, signs in, confirms a key, and is worth nothing once removed", async ({ page, signIn, cli }) => {
  const wrong = complaints(page);
  const device = await authenticator(page);
  const { email } = await owner(cli);
  await signIn(page, email);

  await page.goto("/settings/security");
  await page.getByRole("link", { name: "Manage passkeys" }).click();
  await expect(page.getByText("No passkeys yet.")).toBeVisible();
  await page.getByLabel("Name").fill("MacBook");
  await page.getByLabel("Password").fill("not-the-password");
  expect((await press(page, "Add passkey")).status()).toBe(422);
  await expect(page.getByText("That password isn't right.")).toHaveCount(2);
  await expect(page.getByLabel("Name")).toHaveValue("MacBook");
  await page.getByLabel("Password").fill(password);
  expect((await press(page, "Add passkey")).status()).toBe(200);
  // The first second factor comes with what stands in for it when it is lost.
  await expect(page.locator("#codes")).toHaveText(/^\s*([2-9a-z]{5}-[2-9a-z]{5}\s*){10}$/);
  const codes = await page.locator("#codes").innerText();
  await page.getByRole("link", { name: "I have stored them" }).click();
  await page.getByRole("link", { name: "Manage passkeys" }).click();
  await expect(rows(page).nth(1)).toContainText("MacBook");
  await expect(rows(page).nth(1)).toContainText("Never");
  expect(await page.content()).not.toContain(codes.slice(0, 11));
  // The device has one, however often it was asked: the second took the place of the first.
  expect(await held(device)).toHaveLength(1);

  await signOut(page);
  await page.goto("/login?next=%2Fsettings%2Fsecurity%2Fpasskeys");
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await expect(page).toHaveURL(/\/settings\/security\/passkeys$/);
  await expect(rows(page).nth(1)).not.toContainText("Never");

  await page.goto("/keys/new?env=sandbox");
  const label = unique("By passkey");
  await page.getByLabel("Label", { exact: true }).fill(label);
  await page.getByLabel("customers:read", { exact: true }).check();
  expect((await press(page, "Passkey")).status()).toBe(200);
  await expect(page.getByText("Your passkey authorises one thing:")).toBeVisible();
  await expect(page.getByLabel("Label", { exact: true })).toHaveValue(label);
  expect((await press(page, "Create key")).status()).toBe(200);
  await expect(page.getByLabel("API key")).toHaveText(/^rk_sandbox_/);
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(label);

  // A dialog over the page asks for it in the same way.
  await page.goto("/settings/security/passkeys");
  await page.getByRole("link", { name: "Remove MacBook" }).click();
  const dialog = page.getByRole("dialog", { name: "Remove “MacBook”?" });
  await expect(dialog).toBeVisible();
  await dialog.getByRole("button", { name: "Passkey", exact: true }).click();
  await expect(page.getByText("Your passkey authorises one thing:")).toBeVisible();
  await page.getByRole("button", { name: "Remove passkey" }).click();
  await expect(page.getByText("Passkey removed.")).toBeVisible();
  await expect(page.getByText("No passkeys yet.")).toBeVisible();

  await signOut(page);
  // The device does not know that it was removed.
  expect(await held(device)).toHaveLength(1);
  expect((await press(page, "Use a passkey")).status()).toBe(422);
  await expect(page.getByRole("alert").filter({ visible: true })).toHaveText("That passkey isn't known here.");
  await expect(page.getByLabel("Email")).toBeVisible();
  expect(wrong).toEqual([]);
});

test("a passkey of another device is added behind the first", async ({ page, enter, cli }) => {
  const { email } = await owner(cli);
  await enter(page, email);
  const { cdp, id } = await authenticator(page);
  await enrol(page, "First");
  await page.goto("/settings/security/passkeys");
  expect((await press(page, "Passkey")).status()).toBe(200);
  // One sending takes two answers; a browser has one device of its own, so it is exchanged between them.
  let other = "";
  await page.route("**/passkeys/options", async (route) => {
    if (route.request().postData() === "purpose=register" && !other) {
      await cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: id });
      other = await plugIn(cdp);
    }
    await route.continue();
  });
  await page.getByLabel("Name").fill("Second");
  expect((await press(page, "Add passkey")).status()).toBe(303);
  await expect(page.getByText("Passkey added.")).toBeVisible();
  await expect(rows(page)).toHaveCount(3);
  expect(await held({ cdp, id: other })).toHaveLength(1);
  // The same device once more: the browser knows that it has one.
  await page.getByLabel("Name").fill("Third");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Add passkey" }).click();
  await expect(page.getByText("This device holds a passkey for your account already.")).toBeVisible();
});

test("whoever dismisses the passkey is told so and may use another way", async ({ page, enter, cli }) => {
  const { email } = await owner(cli);
  await enter(page, email);
  const device = await authenticator(page);
  await enrol(page, "Phone");
  await device.cdp.send("WebAuthn.setUserVerified", { authenticatorId: device.id, isUserVerified: false });
  await page.goto("/settings/security/passkeys");
  await page.getByRole("link", { name: "Remove Phone" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Passkey", exact: true }).click();
  await page.getByRole("button", { name: "Remove passkey" }).click();
  await expect(page.getByText("The passkey didn't answer. Try again, or use another way.")).toBeVisible();
  // The form was not sent, and its button is still there to be used.
  await expect(page.getByRole("button", { name: "Remove passkey" })).toBeEnabled();
  await device.cdp.send("WebAuthn.setUserVerified", { authenticatorId: device.id, isUserVerified: true });
  await page.getByRole("button", { name: "Remove passkey" }).click();
  await expect(page.getByText("Passkey removed.")).toBeVisible();
});

test("an answer that was sent once is refused the second time", async ({ page, enter, cli, portal }) => {
  const { email } = await owner(cli);
  await enter(page, email);
  await authenticator(page);
  await enrol(page, "Phone");
  await signOut(page);
  const sent = page.waitForRequest((request) => request.url().endsWith("/login/passkey"));
  await page.getByRole("button", { name: "Use a passkey" }).click();
  const body = (await sent).postDataBuffer()!;
  await expect(page).toHaveURL(/\/dashboard$/);
  await page.context().clearCookies();
  const again = await Promise.all(
    Array.from({ length: 5 }, () => send(page, `${portal}/login/passkey`, body)),
  );
  expect(again.map((answer) => answer.status())).toEqual([422, 422, 422, 422, 422]);
});

test("a passkey of another person confirms nothing", async ({ page, enter, cli }) => {
  const [mine, theirs] = [await owner(cli), await owner(cli)];
  const device = await authenticator(page);
  await enter(page, theirs.email);
  await enrol(page, "Theirs");
  const { credentialId } = (await held(device))[0]!;
  await signOut(page);
  await enter(page, mine.email);
  await enrol(page, "Mine");
  await page.goto("/keys/new?env=sandbox");
  // A challenge made for one person, answered by the passkey of the other.
  const answer = (whose: string) =>
    page.evaluate(async (whose) => {
      const bytes = (text: string) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
      const text = (buffer: ArrayBuffer) =>
        btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
      const reply = await fetch("/passkeys/options", { method: "POST", body: new URLSearchParams({ purpose: "key.create" }) });
      const { ceremony, publicKey } = await reply.json();
      publicKey.challenge = bytes(publicKey.challenge);
      publicKey.allowCredentials = [{ type: "public-key", id: bytes(whose || publicKey.allowCredentials[0].id) }];
      const made = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
      const said = made.response as AuthenticatorAssertionResponse;
      const response = {
        clientDataJSON: text(said.clientDataJSON),
        authenticatorData: text(said.authenticatorData),
        signature: text(said.signature),
        userHandle: text(said.userHandle!),
      };
      return JSON.stringify({ ceremony, credential: { id: made.id, rawId: made.id, type: made.type, response } });
    }, whose);
  const create = async (proof: string) => {
    const key = { draft: await draft(page), environment: "sandbox", label: unique("Foreign"), scopes: "customers:read" };
    return (await send(page, "/keys/new", Object.entries({ ...key, factor: "passkey", proof }))).status();
  };
  expect(await create(await answer(credentialId))).toBe(422);
  const own = await answer("");
  expect(await create(own)).toBe(200);
  expect(await create(own)).toBe(422);
});

test("the script is only there where it is of use", async ({ page, enter }) => {
  await page.goto("/login");
  const scripts = () => page.evaluate(() => [...document.scripts].map((one) => one.src.split("/").pop()));
  expect(await scripts()).toContain("passkey.js");
  await enter(page, maker);
  await page.goto("/keys");
  expect(await scripts()).not.toContain("passkey.js");
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("signing in offers no passkey, and adding one says why it can't", async ({ page, signIn }) => {
    await page.goto("/login");
    await expect(page.getByRole("button", { name: "Sign in", exact: true })).toBeVisible();
    await expect(page.getByRole("button", { name: "Use a passkey" })).toBeHidden();
    await signIn(page, maker);
    await page.goto("/settings/security/passkeys");
    await expect(page.locator("noscript p")).toContainText("Adding a passkey needs scripts");
    await expect(page.getByRole("button", { name: "Add passkey" })).toBeHidden();
  });
});
