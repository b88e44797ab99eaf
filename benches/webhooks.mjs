// Deliveries of webhooks: how many a second, beside graphile-worker + fetch, and what endpoints that hang cost the others.
// A group of run.mjs, which hands over what it starts and measures servers with.
//
// The server and the database have core 0 between them; this process, which posts events and receives deliveries, has core 1.
// Postgres is one of its own, set up as it comes: what is committed is on disk. So it is with Latchkey on SQLite.

import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import * as fs from "node:fs";
import * as http from "node:http";
import * as os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** Of each workspace; an event goes to all endpoints of its workspace. The last of all has one endpoint alone. */
const ENDPOINTS = 5;
const WORKSPACES = 4;
const ADDRESSES = Array.from({ length: WORKSPACES * ENDPOINTS + 1 }, (_, i) => `127.0.1.${i + 1}`);
const ALONE = ADDRESSES.at(-1);
/** Every other endpoint of the twenty. */
const HANGING = ADDRESSES.slice(0, -1).filter((_, i) => i % 2);
/** Events a second, over all workspaces. */
const STEADY = 50;
/** While the queue is filled a try is kept waiting for so long: below the 15 s after which it would count as failed. */
const HOLD = 10_000;
/** Events that are posted at once, each on a connection that is kept. */
const POSTERS = 16;

// ── Who receives ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Answers 204 to what is signed as it should be: at once when open, late when not, never where it hangs. */
async function listen(port) {
  const sink = { secrets: {}, hanging: new Set(), open: true };
  let held = new Set();
  let wrong = 0;
  const take = (request, response, body, at) => {
    const address = request.socket.localAddress;
    const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = request.headers;
    const key = Buffer.from((sink.secrets[address] ?? "").replace("whsec_", ""), "base64");
    if (signature !== `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`) wrong += 1;
    if (sink.hanging.has(address)) return;
    const answer = () => {
      clearTimeout(late);
      held.delete(answer);
      response.writeHead(204).end();
    };
    let late;
    sink.arrivals.push({ at, address, id, body });
    if (sink.open) return answer();
    held.add(answer);
    late = setTimeout(answer, HOLD);
  };
  const handle = (request, response) => {
    const at = performance.now();
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => take(request, response, body, at));
  };
  const servers = await Promise.all(ADDRESSES.map((address) => new Promise((resolve, reject) => {
    const server = http.createServer({ keepAliveTimeout: 60_000 }, handle).once("error", reject);
    server.listen(port, address, () => resolve(server));
  })));
  /** Forgets everything: a measurement begins. */
  sink.reset = ({ secrets, hanging = [], open = true }) => {
    for (const server of servers) server.closeAllConnections();
    for (const answer of [...held]) answer();
    Object.assign(sink, { secrets, hanging: new Set(hanging), open, arrivals: [] });
    wrong = 0;
  };
  /** Lets through what waits and whatever comes; gives how many had come before. */
  sink.release = () => {
    sink.open = true;
    for (const answer of [...held]) answer();
    return sink.arrivals.length;
  };
  /** Waits until so many deliveries have arrived that differ; gives them as they first came, and how many came twice. */
  sink.all = async (count, patience) => {
    const differing = () => new Map(sink.arrivals.toReversed().map((arrival) => [`${arrival.address} ${arrival.id}`, arrival]));
    for (const until = performance.now() + patience; ; await sleep(10)) {
      // Telling them apart costs more than counting does.
      const first = sink.arrivals.length >= count ? differing() : undefined;
      if (first?.size >= count) {
        if (wrong || first.size > count) throw new Error(`${wrong} deliveries were signed wrongly, ${first.size} came of ${count}`);
        return { first: [...first.values()].sort((a, b) => a.at - b.at), twice: sink.arrivals.length - count };
      }
      if (performance.now() > until) throw new Error(`${differing().size} deliveries arrived of ${count}`);
    }
  };
  sink.close = () => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  };
  return sink;
}

// ── Databases ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A Postgres on core 0 that goes when this process does. */
function postgres(here, port) {
  const bin = execFileSync("bash", ["-c", "source .ci/env && postgres_bin"], { cwd: here }).toString().trim();
  const home = fs.mkdtempSync(`${os.tmpdir()}/latchkey-bench.`);
  // It refuses to run as root.
  const root = process.getuid() === 0;
  const run = (...command) => {
    const whole = ["taskset", "-c", "0", ...(root ? ["runuser", "-u", "postgres", "--"] : []), ...command];
    execFileSync(whole[0], whole.slice(1), { cwd: home, stdio: ["ignore", "ignore", "inherit"] });
  };
  if (root) execFileSync("chown", ["postgres", home]);
  const stop = () => {
    if (!fs.existsSync(home)) return;
    try {
      run(`${bin}/pg_ctl`, "-D", `${home}/data`, "-m", "immediate", "-s", "stop");
    } finally {
      fs.rmSync(home, { recursive: true, force: true });
    }
  };
  process.on("exit", stop);
  run(`${bin}/initdb`, "-D", `${home}/data`, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C");
  run(`${bin}/pg_ctl`, "-D", `${home}/data`, "-l", `${home}/data/log`, "-w", "-s", "start", "-o", `-p ${port} -c unix_socket_directories= -c listen_addresses=127.0.0.1`);
  const url = (name) => `postgres://postgres@127.0.0.1:${port}/${name}`;
  const fresh = (name, template = "template1") => {
    for (const sql of [`drop database if exists ${name} with (force)`, `create database ${name} template ${template}`]) {
      execFileSync("psql", ["-q", "-d", url("postgres"), "-c", sql], { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, PATH: `${process.env.PATH}:${bin}`, PGOPTIONS: "-c client_min_messages=warning" } });
    }
    return url(name);
  };
  return { fresh, copy: fresh, stop };
}

/** The same of SQLite: databases by their names. */
function sqlite(dir) {
  const file = (name) => `${dir}/webhooks-${name}.db`;
  const clear = (name) => ["", "-wal", "-shm"].forEach((end) => fs.rmSync(file(name) + end, { force: true }));
  return {
    fresh(name) {
      clear(name);
      return `sqlite://${file(name)}`;
    },
    copy(name, of) {
      clear(name);
      fs.copyFileSync(file(of), file(name));
      return `sqlite://${file(name)}`;
    },
  };
}

// ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export async function webhooks({ here, dir, binary, ports, password, start, used, median, quick, rounds }) {
  const events = quick ? 1000 : 5000;
  const steadySeconds = quick ? 5 : 20;
  const everyCore = `0-${os.cpus().length - 1}`;
  const pin = (cores) => execFileSync("taskset", ["-acp", cores, String(process.pid)], { stdio: "ignore" });
  pin("1");
  const sink = await listen(ports.sink);
  const engines = { Postgres: postgres(here, ports.postgres), SQLite: sqlite(dir) };
  const at = (address) => `http://${address}:${ports.sink}/`;

  const environment = (database, engine) => ({
    LATCHKEY_DATABASE_URL: database,
    LATCHKEY_SECRETS_FILE: `${dir}/webhooks-${engine}.secrets.toml`,
    LATCHKEY_PROFILE: `${here}benches/profile.toml`,
    LATCHKEY_PORTAL_ADDR: `127.0.0.1:${ports.portal}`,
    LATCHKEY_API_ADDR: `127.0.0.1:${ports.api}`,
    LATCHKEY_GATEWAY_ADDR: `127.0.0.1:${ports.gateway}`,
    LATCHKEY_UPSTREAM: `http://127.0.0.1:${ports.upstream}`,
    LATCHKEY_WEBHOOK_ALLOW: "127.0.0.0/8,::1/128",
  });

  /** Workspaces with their endpoints in a database that every measurement takes a copy of. */
  function installation(engine) {
    fs.rmSync(`${dir}/webhooks-${engine}.secrets.toml`, { force: true });
    const env = { ...process.env, ...environment(engines[engine].fresh("base"), engine) };
    const admin = (...args) => JSON.parse(execFileSync(binary, ["admin", ...args], { env, input: `${password}\n`, stdio: ["pipe", "pipe", "inherit"] }));
    admin("create-user", "--email", "bench@example.test", "--name", "Bench");
    const { token } = admin("create-service-token", "--name", "bench");
    const secrets = {};
    const workspaces = Array.from({ length: WORKSPACES + 1 }, (_, i) => {
      const { workspace_id } = admin("create-workspace", "--name", `Bench ${i}`, "--owner", "bench@example.test");
      for (const address of ADDRESSES.slice(i * ENDPOINTS, (i + 1) * ENDPOINTS)) {
        secrets[address] = admin("create-webhook", "--workspace", workspace_id, "--url", at(address), "--events", "transaction.completed").secret;
      }
      return workspace_id;
    });
    return { engine, token, secrets, shared: workspaces.slice(0, -1), alone: workspaces.slice(-1) };
  }

  const serve = ({ engine }) =>
    start(0, "latchkey", binary, ["serve"], { port: ports.api, env: environment(engines[engine].copy("live", "base"), engine) });

  const agent = new http.Agent({ keepAlive: true, maxSockets: POSTERS });
  function post({ token }, workspace, number) {
    const body = JSON.stringify({ type: "transaction.completed", workspace_id: workspace, environment: "live", data: { transaction_id: `trx_${number}`, amount: 1250, currency: "USD", sent: performance.now() } });
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const request = http.request({ port: ports.api, host: "127.0.0.1", path: "/v1/events", method: "POST", agent, headers }, (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk));
        response.on("end", () => (response.statusCode === 202 ? resolve() : reject(new Error(`/v1/events answers ${response.statusCode}: ${text}`))));
      });
      request.once("error", reject).end(body);
    });
  }

  /** From the moment that the sink opens on a full queue. `left` gives what is not settled yet. */
  async function drain(server, queued, left) {
    const before = used(server.pid);
    const idle = process.cpuUsage();
    const opened = performance.now();
    const early = sink.release();
    const { first, twice } = await sink.all(queued, 300_000);
    const { user, system } = process.cpuUsage(idle);
    const busy = (user + system) / (performance.now() - opened) / 10;
    for (const until = performance.now() + 30_000; (await left()) > 0; await sleep(20)) {
      if (performance.now() > until) throw new Error("what has arrived is not settled");
    }
    const settled = performance.now();
    const drained = first.slice(early);
    const took = drained.at(-1).at - drained[0].at;
    const cpu = ((used(server.pid).cpu - before.cpu) * 1e6) / drained.length;
    return { rate: ((drained.length - 1) * 1000) / took, cpu, settled: settled - drained.at(-1).at, twice, busy };
  }

  const throughput = (name, installed, workspaces) => ({
    name,
    async measure() {
      sink.reset({ secrets: installed.secrets, open: false });
      const server = await serve(installed);
      try {
        const each = workspaces.length > 1 ? ENDPOINTS : 1;
        let posted = 0;
        const poster = async () => {
          while (posted < events / each) await post(installed, workspaces[posted % workspaces.length], posted++);
        };
        await Promise.all(Array.from({ length: POSTERS }, poster));
        const settled = async () => {
          const text = await fetch(`http://127.0.0.1:${ports.api}/metrics`).then((answer) => answer.text());
          return Number(text.match(/^latchkey_webhook_attempts_total\{outcome="delivered"\} (\d+)/m)?.[1] ?? 0);
        };
        return await drain(server, posted * each, async () => posted * each - (await settled()));
      } finally {
        await server.stop();
      }
    },
  });

  const graphile = (name, concurrency, ...more) => ({
    name,
    async measure() {
      const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
      sink.reset({ secrets: { [ALONE]: secret } });
      const args = ["worker.mjs", String(ports.peer), engines.Postgres.fresh("graphile"), at(ALONE), String(events), String(concurrency), ...more];
      const server = await start(0, "graphile-worker", process.execPath, args, { port: ports.peer, cwd: `${here}benches/peers/graphile-worker`, env: { BENCH_SECRET: secret } });
      try {
        const ask = (path) => fetch(`http://127.0.0.1:${ports.peer}${path}`).then((answer) => answer.text()).then(Number);
        ask("/run");
        return await drain(server, events, () => ask("/left"));
      } finally {
        await server.stop();
      }
    },
  });

  /** How long after it was posted an event arrives at those that never hang. */
  const steady = (name, installed, hanging) => ({
    name,
    async measure() {
      sink.reset({ secrets: installed.secrets, hanging });
      const server = await serve(installed);
      try {
        const count = STEADY * steadySeconds;
        const posts = [];
        const began = performance.now();
        for (let i = 0; i < count; i++) {
          await sleep(Math.max(0, began + (i * 1000) / STEADY - performance.now()));
          posts.push(post(installed, installed.shared[i % WORKSPACES], i));
        }
        await Promise.all(posts);
        const answering = WORKSPACES * ENDPOINTS - hanging.length;
        const { first, twice } = await sink.all((count / WORKSPACES) * answering, 60_000);
        const waits = first.filter(({ address }) => !HANGING.includes(address)).map((arrival) => arrival.at - JSON.parse(arrival.body).data.sent).sort((a, b) => a - b);
        const share = (part) => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))];
        return { p50: share(0.5), p99: share(0.99), most: waits.at(-1), twice };
      } finally {
        await server.stop();
      }
    },
  });

  /** Rows take turns; gives each with the medians of what was measured. */
  async function measured(rows, told) {
    const runs = rows.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, row] of rows.entries()) {
        runs[i].push(await row.measure());
        console.error(`bench: ${row.name}: ${told(runs[i].at(-1))}`);
      }
    }
    return rows.map(({ name }, i) => ({ name, ...Object.fromEntries(Object.keys(runs[i][0]).map((key) => [key, median(runs[i].map((run) => run[key]))])) }));
  }

  const [onPostgres, onSqlite] = ["Postgres", "SQLite"].map(installation);
  const rates = await measured([
    graphile("graphile-worker + fetch, 8 at once", 8),
    graphile("graphile-worker + fetch, 32 at once", 32),
    graphile("the same, in batches", 32, "batched"),
    throughput("Latchkey on Postgres, 1 endpoint", onPostgres, onPostgres.alone),
    throughput("Latchkey on Postgres, 20 endpoints", onPostgres, onPostgres.shared),
    throughput("Latchkey on SQLite, 1 endpoint", onSqlite, onSqlite.alone),
    throughput("Latchkey on SQLite, 20 endpoints", onSqlite, onSqlite.shared),
  ], ({ rate, twice, busy }) => `${Math.round(rate)} deliveries/s, ${twice} came twice, the sink was busy for ${Math.round(busy)} % of the time`);
  const waits = await measured([onPostgres, onSqlite].flatMap((installed) => [
    steady(`${installed.engine}, all answer`, installed, []),
    steady(`${installed.engine}, half of them hang`, installed, HANGING),
  ]), ({ p50, p99, twice }) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${twice} came twice`);
  sink.close();
  agent.destroy();
  engines.Postgres.stop();
  pin(everyCore);

  const standard = Math.max(...rates.slice(0, 3).map(({ rate }) => rate));
  return [
    `${events} events wait when the sink opens; from the first delivery to the last. Server and database share core 0, sink and load have core 1; both databases commit to disk. CPU is the server's alone, without Postgres. The factor is to the best of graphile-worker.`,
    "",
    "| | deliveries/s | | CPU-µs each | the last is settled after ms |",
    "| --- | --: | --: | --: | --: |",
    ...rates.map(({ name, rate, cpu, settled }) => `| ${[name, Math.round(rate).toLocaleString("en").replaceAll(",", " "), `${(rate / standard).toFixed(2)}×`, cpu.toFixed(0), settled.toFixed(0)].join(" | ")} |`),
    "",
    `From \`POST /v1/events\` to the arrival at ten endpoints that answer, of twenty in ${WORKSPACES} workspaces; ${STEADY} events a second for ${steadySeconds} s, ${ENDPOINTS} deliveries each.`,
    "",
    "| | p50 ms | p99 ms | | max ms |",
    "| --- | --: | --: | --: | --: |",
    ...waits.map(({ name, p50, p99, most }, i) => `| ${[name, p50.toFixed(1), p99.toFixed(1), `${(p99 / waits[i - (i % 2)].p99).toFixed(2)}×`, most.toFixed(1)].join(" | ")} |`),
  ].join("\n");
}
