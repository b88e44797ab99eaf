// Makes public/fonts from the npm packages: one small variable font for text, one for code.
//
// Inter comes from its author's package rather than from one already cut by script, because a
// name such as Łódź or Dvořák needs Latin and Latin Extended-A in the same file.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fontverter from "fontverter";
import subsetFont from "subset-font";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "public/fonts");
const resolve = createRequire(import.meta.url).resolve;

const range = (first, last) =>
  Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)).join("");
const latin = range(0x20, 0x7e) + range(0xa0, 0xff);
const latinExtendedA = range(0x100, 0x17f);
const punctuation = range(0x2009, 0x200b) + range(0x2010, 0x2027) + range(0x202f, 0x203a);
const symbols = "⁄№™−×÷≈≠≤≥∞✓✗⌘⌥⌃⇧↵" + range(0x2190, 0x2199);
const currency = range(0x20a0, 0x20bf);

// Weights are those that the design uses: 400, 500 and 600.
const wght = { min: 400, max: 600 };
const fonts = [
  {
    name: "inter",
    source: resolve("inter-ui/variable/InterVariable.woff2"),
    licence: resolve("inter-ui/LICENSE.txt"),
    text: latin + latinExtendedA + punctuation + symbols + currency,
    // Figures of one width (tnum) keep the columns of tables straight.
    keepFeatures: ["kern", "mark", "mkmk", "ccmp", "locl", "case", "zero", "tnum"],
    variationAxes: { opsz: 14, wght },
    budget: 60_000,
    sample: "AŁżř0€→",
  },
  {
    name: "jetbrains-mono",
    source: resolve(
      "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2",
    ),
    licence: resolve("@fontsource-variable/jetbrains-mono/LICENSE"),
    text: latin + punctuation + symbols + currency,
    // No ligatures: what stands in a key or in code is shown as it is.
    keepFeatures: ["ccmp", "locl", "mark", "zero"],
    variationAxes: { wght },
    budget: 40_000,
    sample: "Aé0_",
  },
];

/** The tables of a TrueType file, by tag. */
function tables(sfnt) {
  const found = {};
  for (let i = 0; i < sfnt.readUInt16BE(4); i++) {
    const entry = 12 + 16 * i;
    const offset = sfnt.readUInt32BE(entry + 8);
    found[sfnt.toString("latin1", entry, entry + 4)] = sfnt.subarray(
      offset,
      offset + sfnt.readUInt32BE(entry + 12),
    );
  }
  return found;
}

/** The substitution features that do something, i.e. have at least one lookup left. */
function features(sfnt) {
  const gsub = tables(sfnt).GSUB;
  if (!gsub) return [];
  const list = gsub.readUInt16BE(6);
  const tags = Array.from({ length: gsub.readUInt16BE(list) }, (_, i) => {
    const record = list + 2 + 6 * i;
    const feature = list + gsub.readUInt16BE(record + 4);
    return gsub.readUInt16BE(feature + 2) > 0 ? gsub.toString("latin1", record, record + 4) : null;
  });
  return [...new Set(tags.filter(Boolean))];
}

/** The characters that the font has a glyph for (from its format 4 map, which covers all of ours). */
function characters(sfnt) {
  const cmap = tables(sfnt).cmap;
  const have = new Set();
  for (let i = 0; i < cmap.readUInt16BE(2); i++) {
    const map = cmap.subarray(cmap.readUInt32BE(4 + 8 * i + 4));
    if (map.readUInt16BE(0) !== 4) continue;
    const segments = map.readUInt16BE(6) / 2;
    for (let s = 0; s < segments; s++) {
      const last = map.readUInt16BE(14 + 2 * s);
      const first = map.readUInt16BE(16 + 2 * (segments + s));
      for (let c = first; c <= last && c !== 0xffff; c++) have.add(String.fromCodePoint(c));
    }
  }
  return have;
}

await mkdir(out, { recursive: true });
for (const font of fonts) {
  const sfnt = await subsetFont(await readFile(font.source), font.text, {
    targetFormat: "truetype",
    keepFeatures: font.keepFeatures,
    variationAxes: font.variationAxes,
  });
  const kept = features(sfnt);
  const have = characters(sfnt);
  const woff2 = await fontverter.convert(sfnt, "woff2");

  const lost = [...font.sample].filter((c) => !have.has(c)).join("");
  if (lost) throw new Error(`${font.name} has no glyph for ${lost}`);
  if (!tables(sfnt).fvar) throw new Error(`${font.name} is no longer variable`);
  if (font.keepFeatures.includes("tnum") && !kept.includes("tnum"))
    throw new Error(`${font.name} lost its figures of one width (tnum)`);
  if (kept.includes("liga") || kept.includes("calt"))
    throw new Error(`${font.name} still has ligatures`);
  if (woff2.length > font.budget)
    throw new Error(`${font.name} has ${woff2.length} bytes, more than ${font.budget}`);

  await copyFile(font.licence, join(out, `${font.name}-OFL.txt`));
  await writeFile(join(out, `${font.name}.woff2`), woff2);
  console.log(
    `${font.name}.woff2: ${woff2.length} bytes, ${have.size} characters, features ${kept.join(" ")}`,
  );
}
