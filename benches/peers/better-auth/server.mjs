// better-auth with its api-key plugin on SQLite: verify a key with a permission, and answer. node server.mjs PORT KEYS FILE
// makes that many keys, writes them to the file, a line each, and serves.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db";
import { apiKey } from "better-auth/plugins";
import Database from "better-sqlite3";

const [port, count, file] = process.argv.slice(2);
const database = new Database(`${file}.db`);
database.pragma("journal_mode = WAL");
const auth = betterAuth({
  database,
  baseURL: `http://127.0.0.1:${port}`,
  secret: "a secret that is only ever measured with",
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  plugins: [apiKey({ rateLimit: { enabled: true, timeWindow: 60_000, maxRequests: 100_000_000 } })],
});
await (await getMigrations(auth.options)).runMigrations();
const { user } = await auth.api.signUpEmail({ body: { name: "Bench", email: "bench@example.test", password: "long enough for a bench" } });
const keys = [];
for (let i = 0; i < Number(count); i++) {
  const made = await auth.api.createApiKey({ body: { userId: user.id, permissions: { things: ["read", "write"] } } });
  keys.push(made.key);
}
writeFileSync(file, keys.join("\n") + "\n");

createServer(async (request, response) => {
  // Asked about no key at all the plugin throws.
  const body = { key: request.headers["x-api-key"] ?? "", permissions: { things: ["read"] } };
  const { valid, key } = await auth.api.verifyApiKey({ body });
  response.writeHead(valid ? 200 : 401, { "x-key-id": key?.id ?? "", "cache-control": "no-store" });
  response.end();
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
