// How long a wrong sign-in takes for addresses that have an account and for ones that have none: whoever can tell the two apart
// by time learns who is a customer.
//
//   LATCHKEY_TRUSTED_PROXIES=127.0.0.0/8 latchkey serve …      (so that each try comes from an address of its own)
//   node benches/sign-in.mjs http://localhost:3000 known1@example.test known2@example.test …
//
// Tries of both kinds take turns. Fewer than 100 at one account are let through, so name an account for every 90 tries.

const [base, ...known] = process.argv.slice(2);
if (!base || !known.length) {
  console.error("usage: sign-in.mjs BASE KNOWN-ADDRESS…");
  process.exit(2);
}
const rounds = known.length * 90;
const times = { known: [], unknown: [] };
let from = 0;

async function attempt(email) {
  from += 1;
  const began = process.hrtime.bigint();
  const answer = await fetch(`${base}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { "x-forwarded-for": `10.${from >> 16}.${(from >> 8) & 255}.${from & 255}` },
    body: new URLSearchParams({ email, password: "not the password" }),
  });
  await answer.text();
  if (answer.status !== 422) throw new Error(`${email}: ${answer.status}`);
  return Number(process.hrtime.bigint() - began) / 1e6;
}

for (let i = 0; i < 20; i++) await attempt(`warm${i}@example.test`);
for (let i = 0; i < rounds; i++) {
  const pair = [
    ["known", known[i % known.length]],
    ["unknown", `nobody${i}@example.test`],
  ];
  if (i % 2) pair.reverse();
  for (const [kind, email] of pair) times[kind].push(await attempt(email));
}

const at = (list, share) => list[Math.min(list.length - 1, Math.floor(list.length * share))].toFixed(2);
console.log("ms        n     p5    p25    p50    p75    p95    mean");
for (const [kind, list] of Object.entries(times)) {
  list.sort((a, b) => a - b);
  const mean = (list.reduce((sum, time) => sum + time, 0) / list.length).toFixed(2);
  const shares = [0.05, 0.25, 0.5, 0.75, 0.95].map((share) => at(list, share).padStart(6));
  console.log(`${kind.padEnd(8)}${String(list.length).padStart(4)} ${shares.join(" ")}  ${mean}`);
}
// The share of pairs in which the known one took longer; one half means that time tells nothing (Mann–Whitney).
let longer = 0;
for (const a of times.known) for (const b of times.unknown) longer += a > b ? 1 : a === b ? 0.5 : 0;
console.log(`known took longer in ${((100 * longer) / (times.known.length * times.unknown.length)).toFixed(1)} % of pairs`);
