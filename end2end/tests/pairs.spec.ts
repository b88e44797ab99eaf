// A pair that is made in the browser: its public half is handed in, its private half never leaves the page but by its person.
import { createPrivateKey, randomBytes, sign } from "node:crypto";
import { readFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enter, expect, maker, password, press, start, test, unique } from "../support";

/** Asks the gateway for the balance, signed (RFC 9421) by this private key. */
async function balance(gateway: string, keyId: string, pem: string) {
  const { host } = new URL(gateway);
  const created = Math.floor(Date.now() / 1000);
  const nonce = randomBytes(16).toString("hex");
  const input = `("@method" "@authority" "@path" "@query");created=${created};keyid="${keyId}";nonce="${nonce}"`;
  const base = [
    `"@method": GET`,
    `"@authority": ${host}`,
    `"@path": /v1/balance`,
    `"@query": ?`,
    `"@signature-params": ${input}`,
  ].join("\n");
  const signature = sign(null, Buffer.from(base), createPrivateKey(pem)).toString("base64");
  return fetch(`${gateway}/v1/balance`, {
    headers: { "Signature-Input": `sig1=${input}`, Signature: `sig1=:${signature}:` },
  });
}

test("a pair made in the browser signs, and its private half is in no request", async ({ browser }) => {
  const dir = await mkdtemp(join(tmpdir(), "latchkey-pairs-"));
  const { server, stop } = await start(dir, "demo", "dual-mode");
  try {
    const context = await browser.newContext({ baseURL: server.portal });
    const page = await context.newPage();
    const sent: string[] = [];
    page.on("request", (request) => sent.push(`${request.url()} ${request.postData() ?? ""}`));
    await enter(page, maker, server.portal);
    await page.goto("/keys/new?env=test");
    await page.getByRole("radio", { name: "Test" }).check();
    await page.getByLabel("Label", { exact: true }).fill(unique("Ledger"));
    const make = page.getByRole("button", { name: "Make a pair in this browser" });
    await expect(make).toBeHidden();
    await page.getByRole("radio", { name: "I hand in a public key" }).check();
    await make.click();
    const shown = page.getByRole("status", { name: "Private key", exact: true });
    await expect(shown).toHaveText(/BEGIN PRIVATE KEY/);
    const pem = (await shown.textContent())!;
    const saving = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download private key" }).click();
    expect(await readFile(await (await saving).path(), "utf8")).toBe(pem);

    await page.getByRole("button", { name: /^Next/ }).click();
    await page.getByLabel("balance:read", { exact: true }).check();
    await page.getByRole("button", { name: /Continue/ }).click();
    await page.getByRole("radio", { name: "Fiat" }).check();
    await page.getByRole("radio", { name: "Never" }).check();
    await page.getByRole("button", { name: /^Next/ }).click();
    await page.getByLabel("Password", { exact: true }).fill(password);
    await press(page, "Create key");
    const keyId = await page.getByLabel("Public key", { exact: true }).inputValue();
    expect(keyId).toMatch(/^pk_test_/);
    await expect(page.getByLabel("API key", { exact: true })).toHaveCount(0);

    expect((await balance(server.gateway, keyId, pem)).status).toBe(200);
    await page.getByRole("link", { name: "Done" }).click();
    await expect(page.getByText("Signs with Ed25519.")).toBeVisible();

    // No part of the private half is in what was sent, in whatever form.
    const lines = pem.split("\n").filter((line) => line && !line.startsWith("-"));
    const half = createPrivateKey(pem).export({ format: "jwk" }).d!;
    for (const secret of [...lines, half, encodeURIComponent(lines[0]!)])
      expect(sent.filter((text) => text.includes(secret))).toEqual([]);
    expect(sent.some((text) => text.includes("public_key="))).toBe(true);
    await context.close();
  } finally {
    await stop();
    await rm(dir, { recursive: true, force: true });
  }
});
