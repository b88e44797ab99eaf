// Measures Latchkey beside what people would take instead: `make bench`, or node benches/run.mjs [--quick] [--only GROUP]….
//
// Every server runs alone on core 0, wrk on core 1, both on loopback. Rows of a group take turns, and what is printed is the
// median of the rounds. The table goes to benches/results/ under the day's date; a group that is measured again that day
// takes the place of its former self. `--binary FILE` measures another Latchkey, `--baseline FILE` one beside it.

import { execFileSync, spawn } from "node:child_process";
import { createHmac, createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { webhooks } from "./webhooks.mjs";

const { values: asked } = parseArgs({
  options: {
    quick: { type: "boolean" },
    only: { type: "string", multiple: true },
    baseline: { type: "string" },
    binary: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
  },
});
const rounds = Number(asked.rounds ?? (asked.quick ? 1 : 5));
const seconds = Number(asked.seconds ?? (asked.quick ? 3 : 6));
/** Connections of wrk: enough that the server never waits for it. */
const CONNECTIONS = 32;
const KEYS = 10_000;

const here = new URL("..", import.meta.url).pathname;
const dir = `${here}target/bench`;
const tools = process.env.LATCHKEY_BENCH_TOOLS ?? dir;
const LATCHKEY = asked.binary ?? `${here}target/release/latchkey`;
/** Its row is left out where it is not there: .ci/tools makes it. */
const PINGAP = `${tools}/bin/pingap`;
const AXUM = `${dir}/axum/release/bare-axum`;
const PORTS = { portal: 4700, api: 4701, gateway: 4702, peer: 4703, upstream: 4704, sink: 4705, postgres: 4706 };
const PASSWORD = "a password that is only measured with";

// ── What runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

/** Starts a program on one core and waits until it answers on its port, or on `says` in what it prints. */
async function start(core, name, command, args, { port, env = {}, cwd = dir, patience = 30_000 }) {
  const log = fs.openSync(`${dir}/${name}.log`, "w");
  const child = spawn("taskset", ["-c", String(core), command, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", log, log],
  });
  fs.closeSync(log);
  running.add(child);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  for (const until = Date.now() + patience; ; await sleep(50)) {
    if (child.exitCode !== null || Date.now() > until) {
      throw new Error(`${name} does not start:\n${fs.readFileSync(`${dir}/${name}.log`, "utf8").slice(-2000)}`);
    }
    if (await fetch(`http://127.0.0.1:${port}/healthz`).then((answer) => answer.text(), () => undefined) !== undefined) break;
  }
  return {
    pid: child.pid,
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(late);
      running.delete(child);
    },
  };
}

/** Seconds of processor that a process has used, and the bytes that it has in memory. */
function used(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const rss = fs.readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/);
  return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, rss: Number(rss[1]) * 1024 };
}

/** One run of wrk against a port with the requests in a file. */
function wrk(port, file, { order = "random", time = seconds, connections = CONNECTIONS } = {}) {
  const report = `${dir}/wrk.json`;
  const args = ["-c", "1", "wrk", "-t1", `-c${connections}`, `-d${time}s`, "--timeout", "20s", "-s", `${here}benches/load.lua`, `http://127.0.0.1:${port}`];
  const child = spawn("taskset", args, {
    env: { ...process.env, LOAD_FILE: file, LOAD_ORDER: order, LOAD_REPORT: report },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => (code === 0 ? resolve(JSON.parse(fs.readFileSync(report, "utf8"))) : reject(new Error(`wrk: ${code}`))));
  });
}

// ── What is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Writes requests to a file, once. */
function requests(name, make) {
  const file = `${dir}/${name}.requests`;
  if (!fs.existsSync(file)) {
    const out = fs.openSync(`${file}.part`, "w");
    let text = "";
    for (const request of make()) {
      text += `${request}\0`;
      if (text.length > 1 << 20) {
        fs.writeSync(out, text);
        text = "";
      }
    }
    fs.writeSync(out, text);
    fs.closeSync(out);
    fs.renameSync(`${file}.part`, file);
  }
  return file;
}

function http(method, path, headers, body) {
  const lines = Object.entries({ Host: "bench.example", "User-Agent": "bench/1.0", ...headers });
  if (body !== undefined) lines.push(["Content-Type", "application/json"], ["Content-Length", Buffer.byteLength(body)]);
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body ?? ""}`;
}

const original = (method = "GET") => ({ "X-Original-Method": method, "X-Original-URI": "/v1/things" });
const forwardAuth = (key, method) => http("GET", "/v1/forward-auth", { "X-API-KEY": key, ...original(method) });
const things = (key) => http("GET", "/v1/things", { "X-API-KEY": key });
const verify = (token, question, end = "") => http("POST", "/v1/keys/verify", { Authorization: `Bearer ${token}` }, JSON.stringify(question) + end);
/** Space behind JSON. Lua tells long texts apart by their length and a few places, their end among them; alike there, thousands of them take it minutes. */
const ending = (i) => Array.from(randomBytes(4 + (i % 64)), (byte) => " \t\r\n"[byte & 3]).join("");

// ── Latchkey ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const environment = (database, name, profile) => ({
  LATCHKEY_DATABASE_URL: `sqlite://${database}`,
  LATCHKEY_SECRETS_FILE: `${dir}/${name}.secrets.toml`,
  LATCHKEY_PROFILE: `${here}benches/${profile}.toml`,
  LATCHKEY_PORTAL_ADDR: `127.0.0.1:${PORTS.portal}`,
  LATCHKEY_API_ADDR: `127.0.0.1:${PORTS.api}`,
  LATCHKEY_GATEWAY_ADDR: `127.0.0.1:${PORTS.gateway}`,
  LATCHKEY_UPSTREAM: `http://127.0.0.1:${PORTS.upstream}`,
});

/** An installation with so many keys, made by the command line and kept for the next time. Gives the keys and a token. */
function installation(name, profile, kinds) {
  const kept = `${dir}/${name}.json`;
  const database = `${dir}/${name}.db`;
  if (!fs.existsSync(kept)) {
    for (const end of ["", "-wal", "-shm"]) fs.rmSync(database + end, { force: true });
    fs.rmSync(`${dir}/${name}.secrets.toml`, { force: true });
    // Those with the keys of one before.
    for (const old of fs.readdirSync(dir).filter((file) => file.endsWith(".requests"))) fs.rmSync(`${dir}/${old}`);
    const admin = (...args) =>
      execFileSync(LATCHKEY, ["admin", ...args], { env: { ...process.env, ...environment(database, name, profile) }, input: `${PASSWORD}\n`, maxBuffer: 1 << 30, stdio: ["pipe", "pipe", "inherit"] })
        .toString().trim().split("\n").map((line) => JSON.parse(line));
    admin("create-user", "--email", "bench@example.test", "--name", "Bench");
    const [{ workspace_id }] = admin("create-workspace", "--name", "Bench", "--owner", "bench@example.test");
    const [{ token }] = admin("create-service-token", "--name", "bench");
    const keys = {};
    for (const [kind, options] of Object.entries(kinds)) {
      console.error(`bench: making keys: ${name}, ${kind}`);
      keys[kind] = admin("create-key", "--workspace", workspace_id, "--label", kind, "--env", "live", "--never-expires", ...options);
    }
    fs.writeFileSync(kept, JSON.stringify({ token, keys }));
  }
  return { ...JSON.parse(fs.readFileSync(kept, "utf8")), name, profile };
}

const SCOPES = ["--scopes", "things:read,things:write"];
const NETS = ["--allow-ip", "127.0.0.0/8", "--allow-ip", "10.0.0.0/8"];

/** Serves a fresh copy of an installation. */
async function latchkey({ name, profile }, { binary = LATCHKEY, args = [], under = [], patience } = {}) {
  const database = `${dir}/live.db`;
  for (const end of ["", "-wal", "-shm"]) fs.rmSync(database + end, { force: true });
  fs.copyFileSync(`${dir}/${name}.db`, database);
  const [command, ...rest] = [...under, binary, "serve", ...args];
  return start(0, "latchkey", command, rest, { port: PORTS.api, patience, env: environment(database, name, profile) });
}

const plain = () =>
  installation("plain", "profile", {
    good: ["--count", String(KEYS), ...SCOPES, ...NETS],
    narrow: ["--count", "1000", "--scopes", "orders:read", ...NETS],
    limited: ["--count", "1000", ...SCOPES, ...NETS, "--currency", "USD", "--max-amount", "100000", "--max-daily-volume", "9000000000000"],
  });

function pairs() {
  const { publicKey, privateKey } = fs.existsSync(`${dir}/ed25519.pem`)
    ? { privateKey: createPrivateKey(fs.readFileSync(`${dir}/ed25519.pem`)) }
    : generateKeyPairSync("ed25519");
  if (publicKey) fs.writeFileSync(`${dir}/ed25519.pem`, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const raw = Buffer.from(privateKey.export({ format: "jwk" }).x, "base64url").toString("base64");
  const installed = installation("signed", "signed", {
    hmac: ["--count", "1000", ...SCOPES, ...NETS],
    ed25519: [...SCOPES, ...NETS, "--ed25519-public-key", raw],
  });
  return { installed, privateKey };
}

/** Questions to verify whose request was signed a moment ago (RFC 9421), each with a nonce of its own. */
function* signedQuestions(installed, privateKey, kind, count) {
  const created = Math.floor(Date.now() / 1000);
  const keys = installed.keys[kind];
  for (let i = 0; i < count; i++) {
    const key = keys[i % keys.length];
    const parameters = `("@method" "@authority" "@path" "@query");created=${created};keyid="${key.public_key}";nonce="${randomBytes(12).toString("hex")}"`;
    const base = `"@method": GET\n"@authority": api.example\n"@path": /v1/things\n"@query": ?\n"@signature-params": ${parameters}`;
    const signature = kind === "hmac" ? createHmac("sha256", key.secret).update(base).digest() : sign(null, Buffer.from(base), privateKey);
    yield verify(installed.token, {
      key: key.public_key,
      scope: "things:read",
      ip: "127.0.0.1",
      request: {
        method: "GET",
        authority: "api.example",
        path: "/v1/things",
        headers: { "signature-input": `sig=${parameters}`, signature: `sig=:${signature.toString("base64")}:` },
      },
    }, ending(i));
  }
}

// ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A row: how its server is started, where and what is sent to it, and whether all of it is to be refused. */
function row(name, begin, port, file, more = {}) {
  return { name, begin, port, file, ...more };
}

const secrets = (installed, kind = "good") => installed.keys[kind].map((key) => key.secret);

function forwardAuthRow(name, more = {}) {
  const installed = plain();
  const file = requests("forward-auth", () => secrets(installed).map((key) => forwardAuth(key)));
  return row(name, () => latchkey(installed, more), PORTS.api, file, more);
}

const axum = (core, port) => start(core, `axum-${port}`, AXUM, [`127.0.0.1:${port}`], { port });
const bareAxum = () => row("bare axum", () => axum(0, PORTS.peer), PORTS.peer, requests("things", () => secrets(plain()).map(things)));

function fromTemplate(name, values) {
  const text = fs.readFileSync(`${here}benches/peers/${name}.in`, "utf8");
  return Object.entries(values).reduce((text, [key, value]) => text.replaceAll(`@${key}@`, value), text);
}

function nginx() {
  const folder = `${dir}/nginx`;
  const begin = () => {
    fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(`${folder}/keys.txt`, secrets(plain()).join("\n") + "\n");
    fs.writeFileSync(`${folder}/nginx.conf`, fromTemplate("nginx.conf", { DIR: folder, PORT: PORTS.peer }));
    return start(0, "nginx", "/usr/sbin/nginx", ["-c", `${folder}/nginx.conf`], { port: PORTS.peer });
  };
  return row("nginx + Lua", begin, PORTS.peer, requests("things", () => secrets(plain()).map(things)));
}

function pingap() {
  const keys = secrets(plain()).slice(0, 10);
  const begin = () => {
    const config = fromTemplate("pingap.toml", { PORT: PORTS.peer, KEYS: keys.map((key) => `"${key}"`).join(", ") });
    fs.writeFileSync(`${dir}/pingap.toml`, config);
    return start(0, "pingap", PINGAP, ["-c", `${dir}/pingap.toml`], { port: PORTS.peer });
  };
  return row("pingap (10 keys)", begin, PORTS.peer, requests("pingap", () => keys.map(things)));
}

function betterAuth() {
  const file = `${dir}/better-auth.keys`;
  const begin = async () => {
    for (const end of ["", ".db", ".db-wal", ".db-shm"]) fs.rmSync(file + end, { force: true });
    fs.rmSync(`${dir}/better-auth.requests`, { force: true });
    const server = await start(0, "better-auth", process.execPath, ["server.mjs", String(PORTS.peer), "500", file], { port: PORTS.peer, cwd: `${here}benches/peers/better-auth`, patience: 60_000 });
    requests("better-auth", () => fs.readFileSync(file, "utf8").trim().split("\n").map(things));
    return server;
  };
  return row("better-auth (500 keys)", begin, PORTS.peer, `${dir}/better-auth.requests`);
}

function verifyRow(name, question, kind = "good", more = {}) {
  const installed = plain();
  const file = requests(name.replaceAll(/\W+/g, "-"), () => secrets(installed, kind).map((key) => verify(installed.token, { key, scope: "things:read", ip: "127.0.0.1", ...question })));
  return row(name, () => latchkey(installed), PORTS.api, file, more);
}

function gatewayRow() {
  const installed = plain();
  const begin = async () => {
    const upstream = await axum(1, PORTS.upstream);
    const server = await latchkey(installed);
    return { pid: server.pid, stop: async () => { await server.stop(); await upstream.stop(); } };
  };
  return row("gateway, upstream on wrk's core", begin, PORTS.gateway, requests("things", () => secrets(installed).map(things)));
}

/** A key of the right form that nobody has: the checksum is public. */
function stranger(good) {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const prefix = good.slice(0, good.length - 49);
  const random = Array.from(randomBytes(43), (byte) => digits[byte % 62]).join("");
  let crc = ~0;
  for (const byte of Buffer.from(prefix + random)) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  let rest = ~crc >>> 0;
  let sum = "";
  for (let i = 0; i < 6; i++) [sum, rest] = [digits[rest % 62] + sum, Math.floor(rest / 62)];
  return prefix + random + sum;
}

const refused = { refused: true };
const groups = {
  work: {
    title: "The work W, on one core",
    rows: () => [bareAxum(), forwardAuthRow("Latchkey forward-auth"), ...(asked.baseline ? [forwardAuthRow("Latchkey forward-auth, baseline", { binary: asked.baseline })] : []), nginx(), ...(fs.existsSync(PINGAP) ? [pingap()] : []), betterAuth()],
    compare: "bare axum",
  },
  doors: {
    title: "Latchkey's doors",
    rows: () => [forwardAuthRow("forward-auth"), verifyRow("verify", {}), gatewayRow()],
    compare: "forward-auth",
  },
  refusals: {
    title: "Refusals and a hot key, on forward-auth",
    rows: () => {
      const installed = plain();
      const begin = () => latchkey(installed);
      const good = secrets(installed);
      const send = (name, make, more) => row(name, begin, PORTS.api, requests(name.replaceAll(/\W+/g, "-"), make), more);
      return [
        forwardAuthRow("granted"),
        send("one hot key", () => [forwardAuth(good[0])]),
        send("denied: lacks the scope", () => secrets(installed, "narrow").map((key) => forwardAuth(key)), refused),
        send("malformed: a wrong checksum", () => good.map((key) => forwardAuth(key.slice(0, -1) + (key.endsWith("0") ? "1" : "0"))), refused),
        send("unknown: 10 000 keys of strangers", () => good.map((key) => forwardAuth(stranger(key))), refused),
        send("unknown: never seen before", function* () { for (let i = 0; i < 400_000; i++) yield forwardAuth(stranger(good[0])); }, { ...refused, order: "once" }),
      ];
    },
    compare: "granted",
  },
  signed: {
    title: "Signed requests, on verify",
    rows: () => {
      const { installed, privateKey } = pairs();
      // Fresh for each run, since a nonce serves once and a signature is good for five minutes.
      const fresh = (kind, rate) => () => {
        fs.rmSync(`${dir}/signed-${kind}.requests`, { force: true });
        return requests(`signed-${kind}`, () => signedQuestions(installed, privateKey, kind, rate * (seconds + 3)));
      };
      const signed = (name, kind, rate) => row(name, () => latchkey(installed), PORTS.api, fresh(kind, rate), { order: "once", warm: 0 });
      return [verifyRow("verify, unsigned", {}), signed("HMAC-SHA256", "hmac", 40_000), signed("Ed25519", "ed25519", 15_000)];
    },
    compare: "verify, unsigned",
  },
  amounts: {
    title: "Amounts, durable before they are answered, on verify",
    // What waits for the disk waits together: with few connections there are few to share what a commit costs.
    rows: () => [32, 128].flatMap((connections) =>
      [["no amount", {}], ["with an amount", { amount: { value: 100, currency: "USD" } }]].map(([name, question]) => ({
        ...verifyRow(`verify, ${name}`, question, "limited", { connections }),
        name: `verify, ${name}, ${connections} connections`,
      }))),
    compare: "verify, no amount, 32 connections",
  },
  log: {
    title: "With and without the usage log, on forward-auth",
    rows: () => [forwardAuthRow("without", { args: ["--without-usage-log"] }), forwardAuthRow("with")],
    compare: "without",
  },
  keys: {
    title: "A thousand keys and a million, on forward-auth",
    rows: () => {
      const made = (name, count) => installation(name, "profile", { good: ["--count", String(count), ...SCOPES, ...NETS] });
      // Both before there are requests of either, which a new installation does away with.
      const installations = { thousand: made("thousand", 1000), million: made("million", 1_000_000) };
      const of = (name, count, warm, log, args) => {
        const installed = installations[name];
        const file = requests(name, () => secrets(installed).map((key) => forwardAuth(key)));
        return row(`${count.toLocaleString("en").replaceAll(",", " ")} keys, ${log} log`, () => latchkey(installed, { args }), PORTS.api, file, { warm, keys: count });
      };
      // Each key once before it is measured.
      return [["with", []], ["without", ["--without-usage-log"]]].flatMap(([log, args]) => [of("thousand", 1000, 3, log, args), of("million", 1_000_000, 120, log, args)]);
    },
    compare: "1 000 keys, with log",
    once: true,
    // Without the log, whose rows take as much memory whatever the keys.
    after: ([, , few, many]) => `${Math.round((many.rss - few.rss) / (many.keys - few.keys))} bytes of memory for each further key, and ${(many.rate / few.rate).toFixed(2)}× the requests, without the log.`,
  },
};

// ── Measuring ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function measure(row) {
  const server = await row.begin();
  try {
    const file = typeof row.file === "function" ? row.file() : row.file;
    const warm = row.warm ?? 2;
    if (warm) await wrk(row.port, file, { order: row.order === "once" ? "random" : "once", time: warm, connections: row.connections });
    const before = used(server.pid);
    const result = await wrk(row.port, file, { order: row.order, connections: row.connections });
    const after = used(server.pid);
    const wrong = row.refused ? result.requests - result.refused : result.refused;
    if (wrong > (row.connections ?? CONNECTIONS) || result.broken) throw new Error(`${row.name}: ${wrong} of ${result.requests} answers are not what they should be, ${result.broken} connections broke`);
    return { rate: result.requests / (result.us / 1e6), cpu: ((after.cpu - before.cpu) * 1e6) / result.requests, p50: result.p50, p99: result.p99, rss: after.rss };
  } finally {
    await server.stop();
  }
}

async function table(group) {
  const rows = group.rows();
  const runs = rows.map(() => []);
  for (let round = 0; round < (group.once ? 1 : rounds); round++) {
    for (const [i, row] of rows.entries()) {
      runs[i].push(await measure(row));
      const { rate, cpu } = runs[i].at(-1);
      console.error(`bench: ${row.name}: ${Math.round(rate)} requests/s, ${cpu.toFixed(1)} µs`);
    }
  }
  const results = rows.map((row, i) => ({ name: row.name, keys: row.keys, ...Object.fromEntries(Object.keys(runs[i][0]).map((key) => [key, median(runs[i].map((run) => run[key]))])) }));
  const standard = results.find((result) => result.name === group.compare);
  const lines = results.map(({ name, rate, cpu, p50, p99, rss }) =>
    `| ${[name, Math.round(rate).toLocaleString("en").replaceAll(",", " "), `${(rate / standard.rate).toFixed(rate < standard.rate / 50 ? 4 : 2)}×`, cpu.toFixed(1), (p50 / 1000).toFixed(2), (p99 / 1000).toFixed(2), (rss / 1e6).toFixed(0)].join(" | ")} |`);
  return ["| | requests/s | | CPU-µs each | p50 ms | p99 ms | RSS MB |", "| --- | --: | --: | --: | --: | --: | --: |", ...lines, ...(group.after ? ["", group.after(results)] : [])].join("\n");
}

/** Instructions a request, and of its parts, counted by valgrind: the same whatever else the machine does. */
async function instructions() {
  const parts = {
    "credential, from its text to its record (`door::recognise`)": /gateway::door::recognise/,
    "of that, the keyed hash (`Peppers::hashes`)": /secrets::hmac|Peppers::mac/,
    "judge (`judge::judge`)": /gateway::judge::judge$/,
    "limit (`door::take`)": /gateway::door::take/,
    "the log, without the thread of SQLite (`usage::buffer::follow`)": /usage::buffer::follow/,
  };
  const installed = plain();
  const file = requests("forward-auth", () => secrets(installed).map((key) => forwardAuth(key)));
  const out = `${dir}/callgrind.out`;
  for (const old of fs.readdirSync(dir).filter((name) => name.startsWith("callgrind.out"))) fs.rmSync(`${dir}/${old}`);
  const server = await latchkey(installed, { under: ["valgrind", "--tool=callgrind", "--instr-atstart=no", `--callgrind-out-file=${out}`], patience: 120_000 });
  const control = (...args) => execFileSync("callgrind_control", [...args, String(server.pid)], { stdio: "ignore" });
  let counted;
  try {
    await wrk(PORTS.api, file, { order: "once", time: 15 });
    await sleep(1500);
    control("-i", "on");
    counted = await wrk(PORTS.api, file, { time: 15 });
    await sleep(1500);
    control("-i", "off");
    control("-d");
  } finally {
    await server.stop();
  }
  const dump = fs.readdirSync(dir).filter((name) => name.startsWith("callgrind.out")).map((name) => `${dir}/${name}`).sort((a, b) => fs.statSync(b).size - fs.statSync(a).size)[0];
  const listing = execFileSync("callgrind_annotate", ["--inclusive=yes", "--threshold=100", dump], { maxBuffer: 1 << 30 }).toString();
  const lines = listing.split("\n").map((line) => line.match(/^\s*([\d,]+) \([^)]*\)\s+(.*?)(?: \[.*)?$/)).filter(Boolean).map(([, count, name]) => ({ count: Number(count.replaceAll(",", "")), name: name.replace(/^[^:]*:/, "") }));
  const total = Number(listing.match(/([\d,]+)[^\n]*PROGRAM TOTALS/)[1].replaceAll(",", ""));
  const rows = [["all of it, the writer's thread and the kernel's door included", total]];
  for (const [name, pattern] of Object.entries(parts)) {
    const found = lines.filter((line) => pattern.test(line.name.replace(/::\{\{closure\}\}.*|'\d+$/g, ""))).map((line) => line.count);
    rows.push([name, found.length ? Math.max(...found) : undefined]);
  }
  return [`${counted.requests.toLocaleString("en").replaceAll(",", " ")} requests of W on forward-auth. Valgrind knows no SHA instructions, so that hashes cost more here than they do.`, "", "| | instructions a request |", "| --- | --: |",
    ...rows.map(([name, count]) => `| ${name} | ${count === undefined ? "inlined" : Math.round(count / counted.requests).toLocaleString("en").replaceAll(",", " ")} |`)].join("\n");
}

// ── The dated table ──────────────────────────────────────────────────────────────────────────────────────────────────────

function record(title, text) {
  const day = new Date().toISOString().slice(0, 10);
  const file = `${here}benches/results/${day}.md`;
  const cpu = os.cpus()[0].model.trim();
  const head = `# Measured on ${day}\n\n${cpu}, ${os.cpus().length} cores, Linux ${os.release()}. Each server alone on one core, wrk with ${CONNECTIONS} connections on another; medians of rounds in which the rows take turns. \`make bench\` makes this file; benches/run.mjs says what each row is.\n`;
  const sections = fs.existsSync(file) ? fs.readFileSync(file, "utf8").split(/^(?=## )/m) : [head];
  sections[0] = head;
  const section = `## ${title}\n\n${text}\n\n`;
  const at = sections.findIndex((one) => one.startsWith(`## ${title}\n`));
  if (at < 0) sections.push(section);
  else sections[at] = section;
  fs.mkdirSync(`${here}benches/results`, { recursive: true });
  fs.writeFileSync(file, sections.map((one) => `${one.trim()}\n\n`).join("").trimEnd() + "\n");
}

/** What is measured otherwise than by wrk. */
const others = {
  webhooks: {
    title: "Webhooks",
    text: () => webhooks({ here, dir, binary: LATCHKEY, ports: PORTS, password: PASSWORD, start, used, median, quick: asked.quick, rounds }),
  },
  instructions: { title: "Instructions", text: instructions },
};

const wanted = asked.only ?? [...Object.keys(groups).filter((name) => !asked.quick || name !== "keys"), ...Object.keys(others)];
fs.mkdirSync(dir, { recursive: true });
for (const name of wanted) {
  if (!groups[name] && !others[name]) throw new Error(`there is no group ${name}; take one of: ${Object.keys({ ...groups, ...others }).join(", ")}`);
}
for (const name of wanted) {
  const { title, text: measured } = others[name] ?? { title: groups[name].title, text: () => table(groups[name]) };
  const text = await measured();
  console.log(`\n## ${title}\n\n${text}`);
  if (!asked.quick) record(title, text);
}
process.exit(0);
