// The command line beside a running server, and what survives when that server is killed.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { customers, enrol, enter, expect, mailed, owner, password, signInWith, start, test, unique, verify } from "../support";

test("what the console makes works at once, and what it ends is refused within a second", async ({ cli, api, gateway }) => {
  const email = `${unique("console").replace(" ", "-")}@example.test`;
  const { user_id } = await cli(["admin", "create-user", "--email", email, "--name", "Con Sole"], `${password}\n`);
  expect(user_id).toMatch(/^usr_/);
  const { workspace_id } = await cli(["admin", "create-workspace", "--name", unique("Console"), "--owner", email]);
  const made = ["admin", "create-key", "--workspace", workspace_id!, "--label", "By hand", "--env", "live", "--scopes", "customers:read,products:read"];
  const { key_id, secret } = await cli([...made, "--expires-in-days", "7"]);
  expect(secret).toMatch(/^rk_live_[0-9A-Za-z]{49}$/);
  const { token } = await cli(["admin", "create-service-token", "--name", unique("console")]);
  const { body } = await verify(api, token!, { key: secret!, scope: "products:read", environment: "live" });
  expect(body).toMatchObject({ valid: true, key: { id: key_id, workspace_id, expires_at: expect.stringMatching(/^\d{4}-.*Z$/) } });
  expect((await customers(gateway, secret!)).status).toBe(200);

  await cli(["admin", "revoke-key", "--key", key_id!]);
  await expect.poll(async () => (await customers(gateway, secret!)).status, { timeout: 1_000, intervals: [50] }).toBe(401);
  expect((await verify(api, token!, { key: secret! })).body).toMatchObject({ valid: false, code: "REVOKED" });
  expect(await cli<{ ok: boolean }>(["audit", "verify"])).toMatchObject({ ok: true });
});

test("the console takes a person's second factors, and they are told", async ({ page, cli, portal }) => {
  const { email } = await owner(cli);
  await enter(page, email, portal);
  await enrol(page);
  expect((await cli(["admin", "reset-factors", "--email", email])).user_id).toMatch(/^usr_/);
  await page.goto("/keys");
  await expect(page).toHaveURL(/\/login\?next=/);
  await signInWith(page, email, password);
  await expect(page).toHaveURL(/\/dashboard$/);
  await mailed(portal, email, /^Your second factors were reset$/);
  await expect(cli(["admin", "reset-factors", "--email", "nobody@example.test"])).rejects.toThrow(/ended with 1[^]*no account/);
});

test("many keys are made with one command, a line for each", async ({ cli, api }) => {
  const email = `${unique("many").replace(" ", "-")}@example.test`;
  await cli(["admin", "create-user", "--email", email, "--name", "Many"], `${password}\n`);
  const { workspace_id } = await cli(["admin", "create-workspace", "--name", "Many", "--owner", email]);
  const keys = await cli<{ key_id: string; secret: string }[]>([
    ...["admin", "create-key", "--workspace", workspace_id!, "--label", "Fleet", "--env", "sandbox"],
    ...["--scopes", "customers:read", "--count", "3", "--never-expires"],
  ]);
  expect(new Set(keys.map((key) => key.secret)).size).toBe(3);
  const { token } = await cli(["admin", "create-service-token", "--name", unique("fleet")]);
  for (const { secret } of keys) expect((await verify(api, token!, { key: secret })).body.valid).toBe(true);
});

test("commands say what is wrong and change nothing", async ({ cli }) => {
  const key = ["admin", "create-key", "--label", "x", "--env", "sandbox", "--scopes", "customers:read"];
  await expect(cli(["admin", "create-user", "--email", "no-address", "--name", "x"], `${password}\n`)).rejects.toThrow(/ended with 1[^]*e-mail address/);
  await expect(cli(["admin", "create-user", "--email", "short@example.test", "--name", "x"], "short\n")).rejects.toThrow(/ended with 1[^]*at least 8/);
  await expect(cli(["admin", "create-user", "--email", "maker@demo.test", "--name", "x"], `${password}\n`)).rejects.toThrow(/ended with 1[^]*already/);
  await expect(cli(["admin", "create-workspace", "--name", "x", "--owner", "nobody@example.test"])).rejects.toThrow(/ended with 1[^]*no account/);
  await expect(cli([...key, "--workspace", "wsp_nonsense"])).rejects.toThrow(/ended with 1[^]*no workspace/);
  const webhook = ["admin", "create-webhook", "--url", "https://hooks.example/in", "--events", "*"];
  await expect(cli([...webhook, "--workspace", "wsp_nonsense"])).rejects.toThrow(/ended with 1[^]*no workspace/);
  await expect(cli(["admin", "revoke-key", "--key", "nonsense"])).rejects.toThrow(/ended with 1/);
  await expect(cli(["admin", "revoke-key", "--key", "key_00000000000000000000000000"])).rejects.toThrow(/ended with 1/);
  // Bad usage is told apart from what cannot be done.
  await expect(cli(["admin", "create-key"])).rejects.toThrow(/ended with 2/);
  await expect(cli(["listen", "--token", "x"])).rejects.toThrow(/ended with 2[^]*--forward-to/);
  await expect(cli(["nonsense"])).rejects.toThrow(/ended with 2/);
  // What this version has not got is refused by name.
  await expect(cli(["admin", "rotate-secrets"])).rejects.toThrow(/rotate-secrets is not available in this version/);
  await expect(cli(["serve", "--only", "portal"])).rejects.toThrow(/--only is not available in this version/);
});

test("serve refuses the demo's database", async ({ cli }) => {
  await expect(cli(["serve"])).rejects.toThrow(/ended with 1[^]*demo/);
});

test("what was acknowledged survives kill -9", async ({ page }) => {
  const dir = await mkdtemp(join(tmpdir(), "latchkey-killed-"));
  let running = await start(dir, "serve");
  try {
    const { cli } = running.server;
    await cli(["admin", "create-user", "--email", "own@example.test", "--name", "Own Er"], `${password}\n`);
    const { workspace_id } = await cli(["admin", "create-workspace", "--name", "Survivors", "--owner", "own@example.test"]);
    const make = (label: string) => cli(["admin", "create-key", "--workspace", workspace_id!, "--label", label, "--env", "sandbox", "--scopes", "customers:read"]);
    const [kept, ended] = [await make("Kept"), await make("Ended")];
    const { token } = await cli(["admin", "create-service-token", "--name", "reader"]);
    for (let call = 0; call < 5; call += 1) expect((await customers(running.server.gateway, kept.secret!)).status).toBe(200);
    // The promise is about time: what is older than a second is never lost.
    await new Promise((later) => setTimeout(later, 1_000));
    await cli(["admin", "revoke-key", "--key", ended.key_id!]);
    await running.stop("SIGKILL");

    running = await start(dir, "serve");
    const { api, gateway, portal } = running.server;
    expect((await verify(api, token!, { key: kept.secret! })).body).toMatchObject({ valid: true });
    expect((await verify(api, token!, { key: ended.secret! })).body).toMatchObject({ valid: false, code: "REVOKED" });
    expect((await customers(gateway, kept.secret!)).status).toBe(200);
    expect(await running.server.cli<{ ok: boolean }>(["audit", "verify"])).toMatchObject({ ok: true });

    // No demo: neither its sign-ins nor its gallery are there.
    await page.goto(`${portal}/login`);
    await expect(page.getByText("This is the demo")).toHaveCount(0);
    expect((await page.request.get(`${portal}/dev/ui`)).status()).toBe(404);
    await enter(page, "own@example.test", portal);
    await expect(async () => {
      await page.goto(`${portal}/logs?env=sandbox&key=${kept.key_id}&outcome=allowed`);
      const gatewayCalls = page.getByRole("table", { name: "Requests" }).getByRole("row").filter({ hasText: "GET /v2/customers" });
      await expect(gatewayCalls).toHaveCount(6, { timeout: 500 });
    }).toPass();
  } finally {
    await running.stop("SIGKILL");
    await rm(dir, { recursive: true, force: true });
  }
});
