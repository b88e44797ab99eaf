// What no honest browser sends, and what people get wrong: the right status, a word about it, and nothing changed.
import type { APIResponse } from "@playwright/test";
import { customers, draft, expect, maker, makeKey, owner, type Page, password, pin, press, send, test, unique, verify } from "../support";

const megabyte = "x".repeat(1024 * 1024);

/** The page says what is wrong, aloud. */
async function refused(answer: APIResponse, status: number, why: string) {
  expect(answer.status(), why).toBe(status);
  const html = await answer.text();
  expect(html.includes("<h1"), `a page: ${why}`).toBe(true);
  if (status === 422) expect(html.includes('role="alert"'), `said aloud: ${why}`).toBe(true);
}

test("a form for a key with anything wrong in it makes none", async ({ page, cli, enter }) => {
  const { email } = await owner(cli);
  await enter(page, email);
  const good = { environment: "sandbox", label: "Sound", factor: "password", proof: password };
  const wrong: { [why: string]: { [name: string]: string } } = {
    "no label": { label: "" },
    "a label of spaces": { label: "   " },
    "NUL in the label": { label: "a\0b" },
    "a line break in the label": { label: "a\nb" },
    "an escape in the label": { label: "a\x1b[31mb" },
    "a turned label": { label: "a\u202eb" },
    "61 characters": { label: "x".repeat(61) },
    "an unknown scope": { scopes: "customers:steal" },
    "no scope": { scopes: "" },
    "NUL in a scope": { scopes: "customers:read\0" },
    "an unknown environment": { environment: "mars" },
    "no environment": { environment: "" },
    "no password": { proof: "" },
    "a wrong password": { proof: "not-my-password" },
    "an unknown way to confirm": { factor: "passkey" },
    "no way to confirm": { factor: "" },
    "a PIN that was never set": { factor: "pin", proof: "4831" },
  };
  for (const [why, fields] of Object.entries(wrong)) {
    const all = { draft: await draft(page), scopes: "customers:read", ...good, ...fields };
    await refused(await send(page, "/keys/new", Object.entries(all)), 422, why);
  }
  for (const bad of ["", "nonsense", "drf_\0", "x".repeat(5000)]) {
    await refused(await send(page, "/keys/new", Object.entries({ ...good, scopes: "customers:read", draft: bad })), 400, `draft ${bad.slice(0, 10)}`);
  }
  await refused(await send(page, "/keys/new", []), 400, "an empty body");
  await page.goto("/keys?env=sandbox");
  await expect(page.getByText("No keys yet.")).toBeVisible();
});

test("a label that differs only in case or spacing from another is refused", async ({ page, enter }) => {
  await enter(page, maker);
  const { label } = await makeKey(page, { label: unique("Till Nine") });
  for (const alike of [label, label.toUpperCase(), ` ${label.replace(" ", "   ")} `]) {
    const fields = { draft: await draft(page), environment: "sandbox", label: alike, scopes: "customers:read", factor: "password", proof: password };
    await refused(await send(page, "/keys/new", Object.entries(fields)), 422, alike);
  }
  await page.goto(`/keys?env=sandbox&q=${encodeURIComponent(label)}`);
  await expect(page.getByRole("table", { name: "API keys" }).getByRole("row")).toHaveCount(2);
  // Another environment has labels of its own.
  await makeKey(page, { label, environment: "live" });
});

test("60 characters of any script make a label, and it is text wherever it stands", async ({ page, enter }) => {
  await enter(page, maker);
  const label = `${unique("<b>&amp;</b> Käse 東京 🗝")}"'`.padEnd(60, "é").slice(0, 60);
  const key = await makeKey(page, { label });
  await page.goto(`/keys/${key.id}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(label);
  await page.goto(`/keys/${key.id}/revoke`);
  await expect(page.getByRole("heading", { name: `Revoke “${label}”?` })).toBeVisible();
});

for (const path of ["/keys/new", "/login", "/settings/security"]) {
  test(`${path} refuses bodies that are no form of ours`, async ({ page, enter }) => {
    if (path !== "/login") await enter(page, maker);
    const big = [["email", maker], ["password", megabyte], ["proof", megabyte], ["new_pin", "2846"]];
    await refused(await send(page, path, big), 413, "a password of a megabyte");
    await refused(await send(page, path, Buffer.from([0x61, 0x3d, 0xff, 0xfe])), 400, "bytes that are no UTF-8");
    await refused(await send(page, path, Buffer.from("label=%ff%fe&email=%ff")), 400, "escapes that are no UTF-8");
    for (const type of ["application/json", "text/plain", "multipart/form-data; boundary=x"]) {
      await refused(await send(page, path, Buffer.from('{"label":"x"}'), { "content-type": type }), 400, type);
    }
    for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]) {
      const answer = await page.request.fetch(path, { method, maxRedirects: 0 }).catch(() => undefined);
      if (answer) expect([404, 405], method).toContain(answer.status());
    }
  });
}

test("signing in says what is missing and never which half was wrong", async ({ page }) => {
  for (const [email, word] of [["", ""], ["", password], [maker, ""], ["a\0b@demo.test", password], ["not an address", "x"], [maker, "x".repeat(300)]]) {
    await refused(await send(page, "/login", [["email", email!], ["password", word!]]), 422, JSON.stringify(email));
  }
  await refused(await send(page, "/login", []), 422, "an empty body");
  expect(await page.context().cookies()).not.toContainEqual(expect.objectContaining({ name: "latchkey" }));
});

test("odd addresses never break a page", async ({ page, enter }) => {
  await enter(page, maker);
  const odd = ["%00", "%ff", "a".repeat(3000), "'%20OR%201=1--", "%F0%9F%97%9D", "-1", "999999999999999999999"];
  const paths = odd.flatMap((text) => [
    `/keys?q=${text}`,
    `/keys?tab=${text}&env=${text}&before=${text}`,
    `/logs?key=${text}&ip=${text}&code=${text}&outcome=${text}&before=${text}`,
    `/dashboard?env=${text}`,
    `/keys/new?env=${text}`,
  ]);
  for (const path of paths) {
    expect((await page.request.get(path)).status(), path).toBe(200);
  }
  for (const text of odd) {
    for (const path of [`/logs/${text}`, `/keys/${text}`, `/keys/${text}/revoke`, `/${text}`]) {
      expect([400, 404], path).toContain((await page.request.get(path)).status());
    }
  }
});

/** Opens the form for a key, filled but for the confirmation. */
async function fill(page: Page) {
  await page.goto("/keys/new?env=sandbox");
  await page.getByLabel("Label", { exact: true }).fill(unique("With PIN"));
  await page.getByLabel("customers:read", { exact: true }).check();
}

test("a PIN is set behind the password, and only a PIN worth the name", async ({ page, cli, enter }) => {
  const { email } = await owner(cli);
  await enter(page, email);
  await fill(page);
  await expect(page.getByRole("button", { name: "PIN", exact: true })).toHaveCount(0);

  await page.goto("/settings/security");
  await expect(page.getByText("Not set").last()).toBeVisible();
  const tries = [["1234", password], ["0000", password], ["48a1", password], ["481", password], ["481516234", password], ["4831", "not-my-password"], ["4831", ""]];
  for (const [typed, word] of tries) {
    await refused(await send(page, "/settings/security", [["new_pin", typed!], ["password", word!]]), 422, `${typed} ${word}`);
  }
  await page.getByLabel("New PIN").fill("1234");
  await page.getByLabel("Password").fill(password);
  expect((await press(page, "Set PIN")).status()).toBe(422);
  await expect(page.getByRole("alert")).toContainText("Choose another");
  await expect(page.getByLabel("New PIN")).toHaveAccessibleDescription(/Choose another/);
  await page.getByLabel("New PIN").fill("2846");
  await page.getByLabel("Password").fill(password);
  expect((await press(page, "Set PIN")).status()).toBe(303);
  await expect(page.getByText("Your PIN is set.")).toBeVisible();

  await fill(page);
  await press(page, "PIN");
  await page.getByLabel("PIN", { exact: true }).fill("2846");
  expect((await press(page, "Create key")).status()).toBe(200);
  await expect(page.getByLabel("API key")).toBeVisible();
});

test("five wrong PINs lock it and the password unlocks it", async ({ page, cli, enter }) => {
  const { email } = await owner(cli);
  await enter(page, email);
  expect((await send(page, "/settings/security", [["new_pin", pin], ["password", password]])).status()).toBe(303);
  const create = async (factor: string, proof: string) =>
    send(page, "/keys/new", Object.entries({ draft: await draft(page), environment: "sandbox", label: unique("Locked"), scopes: "customers:read", factor, proof }));
  for (let left = 4; left >= 0; left -= 1) {
    const answer = await create("pin", "9090");
    expect(answer.status()).toBe(422);
    const words = left === 0 ? "it is locked now" : `${left} ${left === 1 ? "try" : "tries"} left`;
    expect(await answer.text()).toContain(words);
  }
  const locked = await create("pin", pin);
  expect(locked.status()).toBe(422);
  expect(await locked.text()).toContain("PIN locked after 5 tries. Your password unlocks it.");
  await page.goto("/settings/security");
  await expect(page.getByText("PIN locked after 5 tries.")).toBeVisible();
  expect((await create("password", password)).status()).toBe(200);
  expect((await create("pin", pin)).status()).toBe(200);
});

test("verify answers every question that can be read, and tells what is wrong with the others", async ({ page, api, cli, enter }) => {
  await enter(page, maker);
  const { token } = await cli(["admin", "create-service-token", "--name", unique("reader")]);
  const ask = (question: Parameters<typeof verify>[2]) => verify(api, token!, question);
  const { secret, id, label } = await makeKey(page);

  const good = await ask({ key: secret, scope: "customers:read", environment: "sandbox" });
  expect(good.status).toBe(200);
  expect(good.body).toMatchObject({ valid: true, code: "VALID", key: { id, label, environment: "sandbox", scopes: ["customers:read"] } });
  expect(JSON.stringify(good.body)).not.toContain(secret);
  const wildcard = await ask({ key: secret, scope: "customers:* AND (products:read OR customers:read)", dry_run: true });
  expect(wildcard.body).toMatchObject({ valid: true, trace: expect.any(Array) });

  const last = secret.at(-1) === "A" ? "B" : "A";
  const unknown = secret.slice(0, 11) + "0".repeat(43);
  const verdicts: [string, Parameters<typeof verify>[2], string][] = [
    ["a scope it lacks", { key: secret, scope: "products:read" }, "INSUFFICIENT_SCOPE"],
    ["a scope that nobody knows", { key: secret, scope: "moon:land" }, "INSUFFICIENT_SCOPE"],
    ["another environment", { key: secret, environment: "live" }, "ENVIRONMENT_MISMATCH"],
    ["a currency that nobody knows", { key: secret, amount: { value: 1, currency: "XXX" } }, "CURRENCY_NOT_ALLOWED"],
    ["a wrong checksum", { key: secret.slice(0, -1) + last }, "MALFORMED"],
    ["half a key", { key: secret.slice(0, 40) }, "MALFORMED"],
    ["a key that was never made", { key: unknown + checksum(unknown) }, "NOT_FOUND"],
    ["a key of elsewhere", { key: "sk_live_of_somebody_else" }, "NOT_FOUND"],
  ];
  for (const [why, question, code] of verdicts) {
    const { status, body } = await ask(question);
    expect({ why, status, code: body.code, valid: body.valid }).toEqual({ why, status: 200, code, valid: false });
  }

  const raw = (body: BodyInit | undefined, type = "application/json", bearer = token) =>
    fetch(`${api}/v1/keys/verify`, { method: "POST", body, headers: { "content-type": type, authorization: `Bearer ${bearer}` } });
  const unreadable: [string, Response, number][] = [
    ["no body", await raw(undefined), 400],
    ["half of JSON", await raw('{"key":'), 400],
    ["no key", await raw("{}"), 400],
    ["a list", await raw("[]"), 400],
    ["a key that is a number", await raw('{"key":1}'), 400],
    ["a field that nobody knows", await raw(JSON.stringify({ key: secret, scopes: ["customers:read"] })), 400],
    ["an address that is none", await raw(JSON.stringify({ key: secret, ip: "300.1.1.1" })), 400],
    ["a scope that cannot be read", await raw(JSON.stringify({ key: secret, scope: "customers:read AND" })), 400],
    ["a scope too deep", await raw(JSON.stringify({ key: secret, scope: "(".repeat(500) })), 400],
    ["JSON too deep", await raw("[".repeat(50_000)), 400],
    ["bytes that are no UTF-8", await raw(Buffer.from([0x7b, 0xff, 0xfe])), 400],
    ["less than nothing", await raw(JSON.stringify({ key: secret, amount: { value: -1, currency: "USD" } })), 400],
    ["half a cent", await raw(JSON.stringify({ key: secret, amount: { value: 1.5, currency: "USD" } })), 400],
    ["an amount of nothing", await raw(JSON.stringify({ key: secret, amount: { value: 1 } })), 400],
    ["an idempotency key that is none", await raw(JSON.stringify({ key: secret, idempotency_key: "" })), 400],
    ["another type", await raw(JSON.stringify({ key: secret }), "text/plain"), 400],
    ["a megabyte", await raw(JSON.stringify({ key: megabyte })), 413],
    ["a wrong token", await raw(JSON.stringify({ key: secret }), undefined, `lk_svc_${"0".repeat(64)}`), 401],
    ["a key in place of a token", await raw(JSON.stringify({ key: secret }), undefined, secret), 401],
    ["no token", await fetch(`${api}/v1/keys/verify`, { method: "POST", body: "{}" }), 401],
    ["another method", await fetch(`${api}/v1/keys/verify`), 405],
    ["another path", await fetch(`${api}/v1/nothing`), 404],
  ];
  for (const [why, answer, status] of unreadable) {
    expect.soft({ why, status: answer.status, type: answer.headers.get("content-type") }).toEqual({ why, status, type: expect.stringMatching(/json/) });
    expect.soft(answer.headers.get("x-request-id"), why).toMatch(/^req_/);
    expect.soft(await answer.text(), why).not.toContain(secret);
  }
});

test("a service token that was revoked is refused within a second", async ({ page, api, cli, enter }) => {
  await enter(page, maker);
  const { secret } = await makeKey(page);
  const { token_id, token } = await cli(["admin", "create-service-token", "--name", unique("leaver")]);
  expect((await verify(api, token!, { key: secret })).status).toBe(200);
  await cli(["admin", "revoke-service-token", "--id", token_id!]);
  await expect.poll(async () => (await verify(api, token!, { key: secret })).status, { timeout: 1_000, intervals: [50] }).toBe(401);
});

test("the gateway refuses what it cannot judge, each with its code", async ({ page, gateway, enter }) => {
  await enter(page, maker);
  const { secret } = await makeKey(page);
  const unable = await makeKey(page, { scopes: ["products:read"] });
  const last = secret.at(-1) === "A" ? "B" : "A";
  const tries: [string, string, { [name: string]: string }, number, string, string?][] = [
    ["no key", "/v2/customers", {}, 401, "MISSING_CREDENTIAL"],
    ["a key where none is looked for", "/v2/customers", { "x-api-key": secret }, 401, "MISSING_CREDENTIAL"],
    ["a key in the address", `/v2/customers?key=${secret}`, {}, 401, "MISSING_CREDENTIAL"],
    ["two keys", "/v2/customers", { "x-revkeen-key": secret, authorization: `Bearer ${secret}` }, 400, "AMBIGUOUS_CREDENTIAL"],
    ["a mistyped key", "/v2/customers", { "x-revkeen-key": secret.slice(0, -1) + last }, 401, "MALFORMED"],
    ["a key that is none", "/v2/customers", { "x-revkeen-key": "hello" }, 401, "NOT_FOUND"],
    ["a key without the scope", "/v2/customers", { "x-revkeen-key": unable.secret }, 403, "INSUFFICIENT_SCOPE"],
    ["a path that no rule names", "/v2/nowhere", { "x-revkeen-key": secret }, 403, "INSUFFICIENT_SCOPE"],
    ["a path below one that is named", "/v2/customers/1/2", { "x-revkeen-key": secret }, 403, "INSUFFICIENT_SCOPE"],
    ["a method that no rule names", "/v2/customers", { "x-revkeen-key": secret }, 403, "INSUFFICIENT_SCOPE", "DELETE"],
  ];
  const kinds: { [status: number]: string } = { 400: "invalid_request_error", 401: "authentication_error", 403: "permission_error" };
  for (const [why, path, headers, status, code, method] of tries) {
    const answer = await fetch(gateway + path, { headers, method });
    const { error } = (await answer.json()) as { error: { type: string; code: string; message: string; request_id: string } };
    expect({ why, status: answer.status, ...error }).toEqual({
      why,
      status,
      type: kinds[status],
      code,
      message: expect.any(String),
      request_id: answer.headers.get("x-request-id"),
    });
    expect(error.message).not.toContain(secret);
  }
  const passed = await customers(gateway, secret);
  expect(passed.status).toBe(200);
  expect(passed.headers.get("x-request-id")).toMatch(/^req_/);
});

/** CRC-32 in base 62, six digits: what ends a key. */
function checksum(text: string): string {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  let rest = (crc ^ 0xffffffff) >>> 0;
  let digits = "";
  for (; digits.length < 6; rest = Math.floor(rest / 62)) {
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[rest % 62] + digits;
  }
  return digits;
}
