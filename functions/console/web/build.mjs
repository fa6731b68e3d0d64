// Bundles the site into the folder given: `index.html`, and `assets` with their content's hash in their names.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [site] = process.argv.slice(2);
const web = dirname(fileURLToPath(import.meta.url));
const assets = join(site, "assets");

const { metafile, warnings } = await build({
  absWorkingDir: web,
  // Named, so that esbuild does not read a tsconfig.json of the folders above the one it builds in.
  tsconfig: join(web, "tsconfig.json"),
  entryPoints: { app: "src/main.tsx", style: "src/styles/style.css" },
  outdir: assets,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "eof",
  charset: "utf8",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: { ".svg": "file" },
  metafile: true,
  logLevel: "warning",
});

// What it warns of is a fault of ours: a rule that no browser understands, an import that is none.
if (warnings.length) process.exit(1);

const made = Object.entries(metafile.outputs);

/** Returns the name of the file that an entry point was made into. */
function outputOf(source) {
  const [path] = made.find(([, output]) => output.entryPoint === source);
  return basename(path);
}

/** Returns the names of what an entry point imports from the first, and not only when a room is opened. */
function importedAtOnce(name, found = new Set()) {
  const [, output] = made.find(([path]) => basename(path) === name);
  for (const each of output.imports.filter((one) => one.kind === "import-statement")) {
    const chunk = basename(each.path);
    if (!found.has(chunk)) importedAtOnce(chunk, found.add(chunk));
  }
  return found;
}

/** Returns the licences of every package that a part of went into the site: they ask to be passed on with it. */
async function licences() {
  const folders = new Set();
  for (const path of Object.keys(metafile.inputs)) {
    const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (found) folders.add(found[1]);
  }
  const texts = [...folders].sort().map(async (name) => {
    const { version, license } = JSON.parse(await readFile(join(web, "node_modules", name, "package.json"), "utf8"));
    const text = await readFile(join(web, "node_modules", name, "LICENSE"), "utf8").catch(() =>
      readFile(join(web, "node_modules", name, "LICENSE.md"), "utf8"),
    );
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${"-".repeat(78)}\n\n`);
}

/** Writes a file of its own under a name with its content's hash; returns the name. */
async function hashed(name, ending, text) {
  const file = `${name}-${createHash("sha256").update(text).digest("hex").slice(0, 8).toUpperCase()}.${ending}`;
  await writeFile(join(assets, file), text);
  return file;
}

const app = outputOf("src/main.tsx");
const given = {
  script: app,
  style: outputOf("src/styles/style.css"),
  icon: await hashed("icon", "svg", await readFile(join(web, "src/icon.svg"), "utf8")),
  licences: await hashed("licences", "txt", await licences()),
  preloads: [...importedAtOnce(app)].map((name) => `<link rel="modulepreload" href="{{root}}/assets/${name}">`).join(""),
};
let page = await readFile(join(web, "index.html"), "utf8");
for (const [name, value] of Object.entries(given)) page = page.replaceAll(`{{${name}}}`, value);
await writeFile(join(site, "index.html"), page);
