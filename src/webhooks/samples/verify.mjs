import { createHmac, timingSafeEqual } from "node:crypto";

// Throws unless the request was signed with the secret within five minutes.
// `body`: the bytes as they came, not parsed.
export function verify(secret, headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (!id || !/^[0-9]+$/.test(timestamp ?? ""))
    throw new Error("a header is missing");
  const age = Date.now() / 1000 - Number(timestamp);
  if (Math.abs(age) > 300) throw new Error("too old, or from the future");

  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key)
    .update(`${id}.${timestamp}.`)
    .update(body)
    .digest();

  // While a secret is rotated there are two.
  const signatures = (headers["webhook-signature"] ?? "").split(" ");
  const matches = signatures.some((signature) => {
    const [version, value = ""] = signature.split(",");
    const given = Buffer.from(value, "base64");
    if (version !== "v1" || given.length !== expected.length) return false;
    return timingSafeEqual(given, expected);
  });
  if (!matches) throw new Error("the signature is wrong");
}
