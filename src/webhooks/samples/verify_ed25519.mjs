import { createPublicKey, verify as verifies } from "node:crypto";

// Of an endpoint whose events are signed with Ed25519: `publicKey` is the
// whpk_… that its page shows.
export function verify(publicKey, headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (!id || !/^[0-9]+$/.test(timestamp ?? ""))
    throw new Error("a header is missing");
  const age = Date.now() / 1000 - Number(timestamp);
  if (Math.abs(age) > 300) throw new Error("too old, or from the future");

  // The 32 bytes of the key, behind what says that it is one of Ed25519.
  const raw = Buffer.from(publicKey.replace(/^whpk_/, ""), "base64");
  const head = Buffer.from("302a300506032b6570032100", "hex");
  const der = Buffer.concat([head, raw]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  const signed = Buffer.concat([
    Buffer.from(`${id}.${timestamp}.`),
    Buffer.from(body),
  ]);

  const signatures = (headers["webhook-signature"] ?? "").split(" ");
  const matches = signatures.some((signature) => {
    const [version, value = ""] = signature.split(",");
    const given = Buffer.from(value, "base64");
    return version === "v1a" && verifies(null, signed, key, given);
  });
  if (!matches) throw new Error("the signature is wrong");
}
