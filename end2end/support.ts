// What every browser test starts from: `import { expect, test } from "../support"`.
//
// Each worker runs `latchkey demo` from the debug binary on free ports, in a temporary directory and on
// a database of its own, so that tests may change whatever they like without meeting one another.
import { test as base, expect, type Page } from "@playwright/test";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export { expect };
export type { Page };

export const password = "correct-horse-battery";
export const pin = "4831";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** Runs `latchkey ARGS` on the worker's database: its JSON, or an array of it if it printed several lines. */
export type Cli = <T = { [key: string]: string }>(args: string[], stdin?: string) => Promise<T>;

type Server = { portal: string; api: string; gateway: string; cli: Cli; log: () => Promise<string> };
type WorkerFixtures = {
  server: Server;
  /** Base URL of the portal; `page.goto("/keys")` starts there. */
  portal: string;
  /** Base URL of the API: verify, forward-auth, health. */
  api: string;
  /** Base URL of the gateway that an API's customers call. */
  gateway: string;
  cli: Cli;
};
type TestFixtures = {
  /** Signs one of the demo's people in and waits until the page has moved on. */
  signIn: (page: Page, email: string) => Promise<void>;
  /** On failure, hands what the server logged to the report. */
  serverLog: void;
};

const binary = resolve(__dirname, "../target/debug/latchkey");

export const test = base.extend<TestFixtures, WorkerFixtures>({
  server: [
    async ({}, use) => {
      const dir = await mkdtemp(join(tmpdir(), "latchkey-end2end-"));
      try {
        const { server, stop } = await start(dir);
        try {
          await use(server);
        } finally {
          await stop();
        }
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },
    { scope: "worker", timeout: 60_000 },
  ],
  portal: [async ({ server }, use) => use(server.portal), { scope: "worker" }],
  api: [async ({ server }, use) => use(server.api), { scope: "worker" }],
  gateway: [async ({ server }, use) => use(server.gateway), { scope: "worker" }],
  cli: [async ({ server }, use) => use(server.cli), { scope: "worker" }],

  baseURL: async ({ portal }, use) => use(portal),

  signIn: async ({}, use) =>
    use(async (page, email) => {
      await page.goto("/login");
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await expect(page).not.toHaveURL(/\/login/);
    }),

  serverLog: [
    async ({ server }, use, testInfo) => {
      const before = (await server.log()).length;
      await use();
      if (testInfo.status !== testInfo.expectedStatus) {
        const body = (await server.log()).slice(before);
        await testInfo.attach("server log", { body, contentType: "text/plain" });
      }
    },
    { auto: true },
  ],
});

async function start(dir: string): Promise<{ server: Server; stop: () => Promise<void> }> {
  const [portal, api, gateway] = await freePorts();
  // The settings of whoever runs the tests must not reach the server.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(LATCHKEY|LEPTOS)_/.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    LATCHKEY_DATABASE_URL: `sqlite://${join(dir, "demo.db")}`,
    LATCHKEY_SECRETS_FILE: join(dir, "secrets.toml"),
    LATCHKEY_PORTAL_ADDR: `127.0.0.1:${portal}`,
    LATCHKEY_API_ADDR: `127.0.0.1:${api}`,
    LATCHKEY_GATEWAY_ADDR: `127.0.0.1:${gateway}`,
  };

  const logFile = join(dir, "server.log");
  const fd = openSync(logFile, "a");
  const child = spawn(binary, ["demo"], { cwd: dir, env, stdio: ["ignore", fd, fd] });
  closeSync(fd);
  let failure: Error | undefined;
  child.on("error", (error) => (failure = error));
  // A worker that is cut short must not leave its server behind.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);

  const stop = async () => {
    const gone = exited(child);
    child.kill("SIGTERM");
    const timer = setTimeout(kill, 10_000);
    await gone;
    clearTimeout(timer);
    process.off("exit", kill);
  };
  const log = () => readFile(logFile, "utf8");

  const deadline = Date.now() + 45_000;
  const ready = async () => {
    const answer = await fetch(`http://127.0.0.1:${api}/readyz`).catch(() => undefined);
    return answer?.status === 200;
  };
  while (!(await ready())) {
    const ended = failure ?? (child.exitCode === null ? undefined : `exit code ${child.exitCode}`);
    if (ended || Date.now() > deadline) {
      await stop();
      throw new Error(`latchkey demo ${ended ?? "was not ready in time"}\n${await log()}`);
    }
    await new Promise((r) => setTimeout(r, 50));
  }

  const server = {
    // By name, since passkeys have no addresses; the server binds to 127.0.0.1 all the same.
    portal: `http://localhost:${portal}`,
    api: `http://127.0.0.1:${api}`,
    gateway: `http://127.0.0.1:${gateway}`,
    cli: ((args, stdin) => run(args, { cwd: dir, env }, stdin)) as Cli,
    log,
  };
  return { server, stop };
}

async function run(args: string[], where: { cwd: string; env: NodeJS.ProcessEnv }, stdin = "") {
  const child = spawn(binary, args, { ...where, stdio: "pipe" });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
  child.stdin.end(stdin);
  const code = await new Promise<number | null>((done, fail) => child.on("error", fail).on("close", done));
  if (code !== 0) throw new Error(`latchkey ${args.join(" ")} ended with ${code}\n${out}${err}`);
  const lines = out.split("\n").filter((line) => line.trim());
  const values = lines.map((line) => JSON.parse(line) as Json);
  return values.length === 1 ? values[0] : values;
}

function exited(child: ChildProcess): Promise<void> {
  const never = child.pid === undefined;
  if (never || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => child.once("exit", () => done()));
}

/** Three ports that are free now, held together so that they differ. */
async function freePorts(): Promise<[number, number, number]> {
  const one = () =>
    new Promise<{ port: number; release: () => Promise<void> }>((done, fail) => {
      const listener = createServer();
      listener.on("error", fail).listen(0, "127.0.0.1", () => {
        const address = listener.address();
        if (address === null || typeof address === "string") return fail(new Error("no port"));
        done({ port: address.port, release: () => new Promise((r) => listener.close(() => r())) });
      });
    });
  const [a, b, c] = [await one(), await one(), await one()];
  await Promise.all([a, b, c].map((held) => held.release()));
  return [a.port, b.port, c.port];
}
