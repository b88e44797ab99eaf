// Webhooks as one builds them oneself: graphile-worker, fetch, and a row for each try. node worker.mjs PORT DATABASE URL JOBS
// CONCURRENCY [batched] queues that many events, says on the port how many are left, and begins once /run was asked for.
// The secret that signs is in BENCH_SECRET.
import { createHmac, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";

const [port, database, url, count, concurrency, batched] = process.argv.slice(2);
const secret = Buffer.from(process.env.BENCH_SECRET.replace("whsec_", ""), "base64");
const concurrentJobs = Number(concurrency);
const pgPool = new pg.Pool({ connectionString: database, max: concurrentJobs + 2 });

const utils = await makeWorkerUtils({ pgPool });
await utils.migrate();
await pgPool.query(`create table attempts (
  id text primary key, event_id text not null, url text not null, number bigint not null, at bigint not null, latency_us bigint not null,
  status bigint, error text, request_headers text not null, response_headers text, response_body text)`);
await pgPool.query("create index attempts_by_event on attempts (event_id)");
const jobs = Array.from({ length: Number(count) }, (_, i) => ({
  identifier: "deliver",
  payload: { id: `evt_${randomUUID()}`, url, type: "transaction.completed", at: new Date().toISOString(), data: { transaction_id: `trx_${i}`, amount: 1250, currency: "USD", sent: 0 } },
}));
while (jobs.length) await utils.addJobs(jobs.splice(0, 1000));

async function deliver(event, { job, query }) {
  const body = JSON.stringify({ type: event.type, timestamp: event.at, data: event.data });
  const at = Date.now();
  const timestamp = Math.floor(at / 1000);
  const signature = createHmac("sha256", secret).update(`${event.id}.${timestamp}.${body}`).digest("base64");
  const headers = { "content-type": "application/json", "webhook-id": event.id, "webhook-timestamp": String(timestamp), "webhook-signature": `v1,${signature}` };
  const began = performance.now();
  let response, answer, error;
  try {
    response = await fetch(event.url, { method: "POST", headers, body, redirect: "manual", signal: AbortSignal.timeout(15_000) });
    answer = await response.text();
  } catch (cause) {
    error = String(cause);
  }
  const latency = Math.round((performance.now() - began) * 1000);
  await query({
    name: "attempt",
    text: "insert into attempts values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    values: [randomUUID(), event.id, event.url, job.attempts, at, latency, response?.status, error, JSON.stringify(headers), response && JSON.stringify([...response.headers]), answer],
  });
  // Throwing has it tried again later.
  if (error || !response.ok) throw new Error(error ?? `it answered ${response.status}`);
}

// Batched as its manual advises where many jobs wait.
const worker = { concurrentJobs, ...(batched ? { localQueue: { size: 2 * concurrentJobs }, completeJobBatchDelay: 0 } : {}) };
let running;
createServer(async (request, response) => {
  if (request.url === "/run") running ??= await run({ preset: { worker }, pgPool, taskList: { deliver }, noHandleSignals: true });
  const { rows } = await pgPool.query("select count(*)::int as left from graphile_worker.jobs");
  response.end(String(rows[0].left));
}).listen(Number(port), "127.0.0.1");
