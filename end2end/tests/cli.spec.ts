// Webhooks on one's own machine: a token from the portal, the two commands with it, and its end.
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { binary, confirmed, done, expect, maker, type Page, press, test, unique } from "../support";

type Got = { headers: IncomingHttpHeaders; body: string };

/** A program on the developer's machine that takes what comes. */
async function program() {
  const got: Got[] = [];
  const server = createServer(async (request, answer) => {
    got.push({ headers: request.headers, body: await text(request) });
    answer.end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}/hook`, got, close };
}

/** `latchkey listen` as it runs: what it has printed, what it has complained of, and how it ends. */
function listen(token: string, portal: string, to: string) {
  // The token alone is told, as on another machine.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(LATCHKEY|LEPTOS)_/.test(name));
  const args = ["listen", "--token", token, "--url", portal, "--forward-to", to];
  const child: ChildProcess = spawn(binary, args, { env: Object.fromEntries(inherited), stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout!.setEncoding("utf8").on("data", (more) => (said.out += more));
  child.stderr!.setEncoding("utf8").on("data", (more) => (said.err += more));
  const ended = new Promise<number | null>((done, fail) => child.on("error", fail).on("close", done));
  return { said, ended, kill: () => child.kill("SIGKILL") };
}

/** Makes a token as a person does; the one sight of it. */
async function makeToken(page: Page, name: string): Promise<string> {
  await page.goto("/settings/cli");
  await page.getByRole("link", { name: "Create token" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill("not-my-password");
  expect((await press(page, "Create token")).status()).toBe(422);
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue(name);
  const answer = await confirmed(page, "Create token");
  expect(answer.headers()["cache-control"]).toBe("no-store");
  const token = await page.getByLabel("Token", { exact: true }).innerText();
  expect(token).toMatch(/^lk_cli_[0-9a-f]{64}$/);
  await done(page);
  await expect(page).toHaveURL(/\/settings\/cli\??$/);
  return token;
}

test("a token brings a test event to a program on one's machine, until it is revoked", async ({ page, portal, cli, enter }) => {
  page.on("dialog", (dialog) => dialog.accept());
  await enter(page, maker);
  const name = unique("Laptop");
  const token = await makeToken(page, name);
  const row = page.getByRole("table", { name: "Tokens of the command line" }).getByRole("row").filter({ hasText: name });
  await expect(row).toContainText("Active");
  await expect(row).toContainText("never");
  expect(await page.content()).not.toContain(token);

  const mine = await program();
  const listening = listen(token, portal, mine.url);
  try {
    await expect(async () => expect(listening.said.err).toContain("Listening to")).toPass({ timeout: 15_000 });
    const type = "transaction.completed";
    const sent = await cli(["trigger", type, "--token", token, "--url", portal]);
    const id = sent.event_id!;
    // What other tests do in this workspace is heard as well.
    const line = new RegExp(`^\\d\\d:\\d\\d:\\d\\d  ${type}  ${id}  200$`, "m");
    await expect(async () => expect(listening.said.out).toMatch(line)).toPass({ timeout: 15_000 });

    // The program can verify it, by the secret that the command has printed.
    const { headers, body } = mine.got.find(({ headers }) => headers["webhook-id"] === id)!;
    expect(JSON.parse(body)).toMatchObject({ type, data: expect.any(Object) });
    const secret = listening.said.out.match(/whsec_(\S+)/)![1]!;
    const signed = `${id}.${headers["webhook-timestamp"]}.${body}`;
    const signature = createHmac("sha256", Buffer.from(secret, "base64")).update(signed).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${signature}`);

    // It is revoked: what listens by it ends by itself, and the next use is refused.
    await page.reload();
    await expect(row).not.toContainText("never");
    await row.getByRole("link", { name: "Revoke" }).click();
    await press(page, "Revoke token");
    await expect(page).toHaveURL(/\/settings\/cli\?done=revoked/);
    await expect(row).toContainText("Revoked");
    expect(await listening.ended).toBe(1);
    expect(listening.said.err).toContain("revoked");
    await expect(cli(["trigger", type, "--token", token, "--url", portal])).rejects.toThrow(/neither revoked nor expired/);
  } finally {
    listening.kill();
    mine.close();
  }
});
