// What every browser test starts from: `import { expect, test } from "../support"`.
//
// Each worker runs `latchkey demo` from the debug binary on free ports, in a temporary directory and on
// a database of its own, so that tests may change whatever they like without meeting one another.
import { test as base, expect, type APIResponse, type Browser, type BrowserContextOptions, type Page, type Response } from "@playwright/test";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { generateSync } from "otplib";

export { expect };
export type { Locator, Page } from "@playwright/test";

export const password = "correct-horse-battery";
export const pin = "4831";
export const maker = "maker@demo.test";
export const checker = "checker@demo.test";
export const auditor = "auditor@demo.test";
export const admin = "admin@demo.test";
export const operator = "operator@demo.test";

/** A label that no other test uses: tests of a worker share its server. */
export const unique = (what: string) => `${what} ${randomBytes(4).toString("hex")}`;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** Runs `latchkey ARGS` on the worker's database: its JSON, or an array of it if it printed several lines. */
export type Cli = <T = { [key: string]: string }>(args: string[], stdin?: string) => Promise<T>;

export type Server = {
  portal: string;
  api: string;
  gateway: string;
  cli: Cli;
  log: () => Promise<string>;
  /** Where it keeps its database. */
  dir: string;
};
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
  /** Signs a person in at the page of that, as they would. */
  signIn: (page: Page, email: string) => Promise<void>;
  /** Signs a person in without looking at a page, for tests of something else. */
  enter: (page: Page, email: string) => Promise<void>;
  /** On failure, hands what the server logged to the report. */
  serverLog: void;
};

/** What the tests run. */
export const binary = resolve(__dirname, "../target/debug/latchkey");

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

  enter: async ({ portal }, use) => use((page, email) => enter(page, email, portal)),

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

export async function enter(page: Page, email: string, portal: string) {
  const answer = await page.request.post(`${portal}/login`, { form: { email, password }, maxRedirects: 0 });
  expect(answer.status()).toBe(303);
}

/** A person who owns a workspace of their own, so that nothing else happens in it. */
export async function owner(cli: Cli): Promise<{ email: string; workspace: string }> {
  const email = `${unique("owner").replace(" ", "-")}@example.test`;
  await cli(["admin", "create-user", "--email", email, "--name", "Olu Ferreira"], `${password}\n`);
  const made = await cli(["admin", "create-workspace", "--name", unique("Workshop"), "--owner", email]);
  return { email, workspace: made.workspace_id! };
}

export type Running = { server: Server; stop: (signal?: "SIGTERM" | "SIGKILL") => Promise<void> };

/** Starts a server on the database in `dir`, which may hold one of an earlier start; on another profile, if one is named. */
export async function start(dir: string, command: "demo" | "serve" = "demo", profile = "revkeen"): Promise<Running> {
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
    LATCHKEY_UPSTREAM: "sandbox",
    LATCHKEY_PROFILE: profile,
  };

  const logFile = join(dir, "server.log");
  const fd = openSync(logFile, "a");
  const child = spawn(binary, [command], { cwd: dir, env, stdio: ["ignore", fd, fd] });
  closeSync(fd);
  let failure: Error | undefined;
  child.on("error", (error) => (failure = error));
  // A worker that is cut short must not leave its server behind.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);

  const stop: Running["stop"] = async (signal = "SIGTERM") => {
    const gone = exited(child);
    child.kill(signal);
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
      throw new Error(`latchkey ${command} ${ended ?? "was not ready in time"}\n${await log()}`);
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
    dir,
  };
  return { server, stop };
}

async function run(args: string[], where: { cwd: string; env: NodeJS.ProcessEnv }, stdin = "") {
  const child = spawn(binary, args, { ...where, stdio: "pipe" });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
  // A command that refuses its arguments ends before it reads what is sent to it.
  child.stdin.on("error", () => {}).end(stdin);
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

export type NewKey = { label?: string; environment?: "sandbox" | "live"; scopes?: string[] };
export type Key = { id: string; label: string; secret: string };

/** What marks a form for a new key as one that was opened; it makes one key at most. */
export async function draft(page: Page): Promise<string> {
  const html = await (await page.request.get("/keys/new")).text();
  return html.match(/name="draft" value="(drf_\w+)"/)?.[1] ?? "";
}

/** Makes a key for whoever is signed in, without looking at a page. */
export async function makeKey(page: Page, wanted: NewKey = {}): Promise<Key> {
  const { label = unique("Key"), environment = "sandbox", scopes = ["customers:read"] } = wanted;
  const fields = { draft: await draft(page), environment, label, factor: "password", proof: password };
  const answer = await send(page, "/keys/new", [...Object.entries(fields), ...scopes.map((id) => ["scopes", id])]);
  expect(answer.status()).toBe(200);
  const html = await answer.text();
  const id = html.match(/action="\/keys\/(key_\w+)"/)?.[1];
  const secret = html.match(/rk_(?:sandbox|live)_[0-9A-Za-z]{49}/)?.[0];
  if (!id || !secret) throw new Error(`no key was made: ${html.slice(0, 500)}`);
  return { id, label, secret };
}

/** Sends a form without a page; `body` is its fields or, to be sent as they are, bytes. */
export function send(page: Page, path: string, body: string[][] | Buffer, headers = {}): Promise<APIResponse> {
  const data = Buffer.isBuffer(body) ? body : Buffer.from(new URLSearchParams(body as [string, string][]).toString());
  const type = { "content-type": "application/x-www-form-urlencoded" };
  return page.request.post(path, { data, headers: { ...type, ...headers }, maxRedirects: 0 });
}

/** Presses a button that sends a form; gives the answer to that form. */
export async function press(page: Page, name: string): Promise<Response> {
  const sent = page.waitForResponse((answer) => answer.request().method() === "POST" && answer.request().isNavigationRequest());
  await page.getByRole("button", { name, exact: true }).click();
  return sent;
}

/** Ticks the box, which is the only way to leave the secret without being asked. */
export async function done(page: Page) {
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Done" }).click();
}

/**
 * What the browser complained of, but for the status of pages that are meant to have it and transitions between pages
 * that it gave up: a busy machine has it do so, and the page comes all the same.
 */
export function complaints(page: Page): string[] {
  const meant = /the server responded with a status of 4|^Transition was (aborted|skipped)/;
  const found: string[] = [];
  const note = (text: string) => meant.test(text) || found.push(text);
  page.on("pageerror", (error) => note(error.message));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && note(message.text()));
  return found;
}

/** Asks the gateway for the customers, as an API's customer does. */
export function customers(gateway: string, secret: string) {
  return fetch(`${gateway}/v2/customers`, { headers: { "x-revkeen-key": secret } });
}

/** Calls `verify` as a resource server does. */
export async function verify(api: string, token: string, question: Json) {
  const answer = await fetch(`${api}/v1/keys/verify`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(question),
  });
  return { status: answer.status, body: (await answer.json()) as { [key: string]: Json } };
}

export type Mailed = { id: string; to: string; subject: string; text: string; links: string[] };

/** The last letter to this address, or the last of them about this. */
export async function mailed(portal: string, to: string, about = /./): Promise<Mailed> {
  let found: Mailed | undefined;
  await expect(async () => {
    const letters: Mailed[] = await (await fetch(`${portal}/dev/mail.json`)).json();
    found = letters.find((letter) => letter.to === to && about.test(letter.subject));
    expect(found, `a letter to ${to} about ${about}`).toBeDefined();
  }).toPass();
  return found!;
}

/** An address that nobody has. */
export const address = () => `${unique("person").replace(" ", "-")}@example.test`;

/** Signs a person in at the page of that, wherever it then leads them. */
export async function signInWith(page: Page, email: string, secret: string) {
  await page.goto("/login");
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(secret);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Seconds that a code made now stays what it is, so that a slow machine can still send it in its step. */
const CODE_LASTS = 12;

/** A code of a later step than the last one that was used: each counts once. Waits where a step is about to end. */
export async function code(secret: string, steps = 0) {
  const left = 30 - ((Date.now() / 1000) % 30);
  if (left < CODE_LASTS) await new Promise((r) => setTimeout(r, left * 1000 + 50));
  return generateSync({ secret, epoch: Math.floor(Date.now() / 1000) + 30 * steps });
}

/** Sets an authenticator up for whoever is signed in, with the code of the step before this one. */
export async function enrol(page: Page) {
  await page.goto("/settings/security");
  await page.getByRole("link", { name: "Set up" }).first().click();
  const manual = (await page.locator("#manual").innerText()).replaceAll(/\s/g, "");
  const used = await code(manual, -1);
  await page.getByLabel("Type the code that it shows").fill(used);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await press(page, "Set up authenticator");
  const shown = page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem");
  await expect(shown).toHaveCount(10);
  const codes = await shown.allInnerTexts();
  return { manual, codes, used };
}

/** Confirms with the password what the form in sight asks for; gives the answer to that form. */
export async function confirmed(page: Page, submit: string): Promise<Response> {
  await page.getByLabel("Password", { exact: true }).fill(password);
  return press(page, submit);
}

export type Member = { page: Page; email: string; id: string };

/** Somebody new in the workspace of whoever is signed in on `page`, signed in in a browser of their own. */
export async function member(
  page: Page,
  { cli, browser, portal }: { cli: Cli; browser: Browser; portal: string },
  roles: string[],
  options: BrowserContextOptions = {},
): Promise<Member> {
  const email = address();
  const made = await cli(["admin", "create-user", "--email", email, "--name", "Mio Tanaka"], `${password}\n`);
  const fields = [["email", email], ...roles.map((role) => ["roles", role]), ["factor", "password"], ["proof", password]];
  const invited = await send(page, "/members/invite", fields);
  expect(invited.status()).toBe(200);
  const token = (await invited.text()).match(/\/join\?token=([\w-]+)/)?.[1] ?? "";
  const theirs = await (await browser.newContext({ baseURL: portal, ...options })).newPage();
  await enter(theirs, email, portal);
  expect((await send(theirs, "/join", [["token", token]])).status()).toBe(303);
  return { page: theirs, email, id: made.user_id! };
}
