// The curl lines of the platforms' pages, run by the real curl: unchanged but for the host and the key. Of the reseller's
// page, which has no line of its own, the body is.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, owner, type Running, type Server, start, test } from "../support";

const run = promisify(execFile);

type Answer = { status: number; headers: string; body: any };

/** What the shell makes of the line; `-i` and `-s` are added for the status and against the progress. */
async function curl(line: string): Promise<Answer> {
  const { stdout } = await run("sh", ["-c", line.replace(/^curl /, "curl -s -i ")]);
  // A `100 Continue` may come before the answer.
  const parts = stdout.split("\r\n\r\n");
  const body = parts.pop() ?? "";
  const headers = parts.pop() ?? "";
  return { status: Number(headers.split(" ")[1]), headers: headers.toLowerCase(), body: JSON.parse(body) };
}

/** A server of the platform, for the tests that follow in this block. */
function platform(profile: string) {
  let running: Running | undefined;
  let dir = "";
  test.beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), `latchkey-curl-${profile}-`));
    running = await start(dir, "demo", profile);
  });
  test.afterAll(async () => {
    await running?.stop();
    await rm(dir, { recursive: true, force: true });
  });
  return () => running!.server;
}

async function key({ cli }: Server, environment: string, scopes: string): Promise<{ id: string; secret: string }> {
  const { workspace } = await owner(cli);
  const made = await cli(["admin", "create-key", "--workspace", workspace, "--label", "Shop", "--env", environment, "--scopes", scopes]);
  return { id: made.key_id!, secret: made.secret! };
}

test.describe("RukkyHub's page", () => {
  const server = platform("rukkyhub");

  const page = `curl -X POST https://developers.rukkyhub.com/api/v1 \\
  -H "X-API-KEY: rk_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxx" \\
  -d "action=balance"`;
  const of = (secret: string) =>
    page.replace("https://developers.rukkyhub.com", server().gateway).replace(/rk_live_x+/, secret);

  test("its curl line reads the balance, and no more once the key is revoked", async () => {
    const { id, secret } = await key(server(), "live", "balance");
    const answer = await curl(of(secret));
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ currency: "NGN", balance: expect.stringMatching(/^\d+\.\d+$/) });
    await server().cli(["admin", "revoke-key", "--key", id]);
    await expect(async () => expect((await curl(of(secret))).status).toBe(401)).toPass({ timeout: 2_000 });
  });

  test("the key as a POST body parameter does the same", async () => {
    const { secret } = await key(server(), "live", "balance");
    const line = `curl -X POST ${server().gateway}/api/v1 -d "key=${secret}" -d "action=balance"`;
    expect((await curl(line)).status).toBe(200);
  });
});

test.describe("RevKeen's page", () => {
  const server = platform("revkeen");

  const page = `curl https://api.revkeen.com/v2/customers \\
  -H "x-revkeen-key: rk_live_123..." \\
  -H "Content-Type: application/json"`;
  const of = (secret: string) => page.replace("https://api.revkeen.com", server().gateway).replace("rk_live_123...", secret);

  test("its curl line lists customers, with a live key and a sandbox one", async () => {
    for (const environment of ["live", "sandbox"]) {
      const { secret } = await key(server(), environment, "customers:read");
      const answer = await curl(of(secret));
      expect(answer.status).toBe(200);
      expect(answer.body.data[0]).toMatchObject({ object: "customer", livemode: environment === "live" });
      for (const name of ["limit", "remaining", "reset"]) expect(answer.headers).toContain(`x-ratelimit-${name}: `);
    }
  });

  test("as it stands there, with a key that is none, it is refused with an authentication_error", async () => {
    const answer = await curl(page.replace("https://api.revkeen.com", server().gateway));
    expect(answer.status).toBe(401);
    expect(answer.body.error.type).toBe("authentication_error");
    expect(answer.headers).toContain("www-authenticate: bearer");
  });

  test("a failure that was asked for comes with a sandbox key alone", async () => {
    const asking = ' -H "X-Latchkey-Lab: rate-limited"';
    const sandbox = await key(server(), "sandbox", "customers:read");
    const staged = await curl(of(sandbox.secret) + asking);
    expect(staged.status).toBe(429);
    expect(staged.body.error.type).toBe("rate_limit_error");
    expect(staged.headers).toContain("retry-after: ");
    const live = await key(server(), "live", "customers:read");
    expect((await curl(of(live.secret) + asking)).status).toBe(200);
  });
});

test.describe("The reseller's page", () => {
  const server = platform("reseller-v2");

  test("its body lists the services", async () => {
    const { secret } = await key(server(), "live", "*");
    const body = "key=YOUR_API_KEY&action=services".replace("YOUR_API_KEY", secret);
    const type = '-H "Content-Type: application/x-www-form-urlencoded"';
    const answer = await curl(`curl ${server().gateway}/api/v2 ${type} -d "${body}"`);
    expect(answer.status).toBe(200);
    expect(answer.body[0]).toMatchObject({ service: 1, rate: expect.any(String) });
    const inHeader = await curl(`curl ${server().gateway}/api/v2 ${type} -H "X-API-KEY: ${secret}" -d "action=services"`);
    expect(inHeader.status).toBe(401);
  });
});
