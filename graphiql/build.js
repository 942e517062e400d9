// Bundles the page into app/engine/graphiql_assets/: hashed scripts, styles, workers and fonts, a .gz beside
// each that gains from it, and index.html, which app/engine/graphiql.py fills in and serves.
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../app/engine/graphiql_assets");
const unfinished = `${target}.unfinished`;

const WORKERS = {
  editor: "monaco-editor/esm/vs/editor/editor.worker.js",
  graphql: "monaco-graphql/esm/graphql.worker.js",
  json: "monaco-editor/esm/vs/language/json/json.worker.js",
};

// GraphiQL ships its fonts, and all of Monaco's styles, inside one style sheet. The fonts become files, so that
// a browser fetches only the alphabets it shows; the styles that Monaco's modules import once more are dropped.
const styles = {
  name: "styles",
  setup({ onLoad, onResolve }) {
    const fonts = [];
    onLoad({ filter: /[\\/]graphiql[\\/]dist[\\/]style\.css$/ }, ({ path }) => ({
      loader: "css",
      contents: readFileSync(path, "utf8").replaceAll(
        /url\(data:font\/(\w+);base64,([^)]+)\)/g,
        (_, kind, data) => `url(font:${fonts.push(Buffer.from(data, "base64")) - 1}.${kind})`,
      ),
    }));
    onResolve({ filter: /^font:/ }, ({ path }) => ({ namespace: "font", path: path.slice("font:".length) }));
    onLoad({ filter: /.*/, namespace: "font" }, ({ path }) => ({
      loader: "file",
      contents: fonts[parseInt(path, 10)],
    }));
    onLoad({ filter: /[\\/]monaco-editor[\\/].*\.css$/ }, () => ({ contents: "", loader: "empty" }));
  },
};

const common = {
  absWorkingDir: here,
  outdir: unfinished,
  bundle: true,
  minify: true,
  metafile: true,
  legalComments: "none",
  target: "es2022",
  logLevel: "warning",
  define: { "process.env.NODE_ENV": '"production"' },
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  assetNames: "font-[hash]",
};

/** The files that entry points were written as, with what esbuild knows of them. */
function written({ metafile }) {
  return Object.entries(metafile.outputs)
    .filter(([, output]) => output.entryPoint)
    .map(([file, output]) => [basename(file), output]);
}

/** {"editor": "editor-ABCDEFGH.js"}, and so on. */
function named(outputs) {
  return Object.fromEntries(outputs.map(([file]) => [file.slice(0, file.lastIndexOf("-")), file]));
}

function html(script, style) {
  return readFileSync(join(here, "src/index.html"), "utf8")
    .replace("page.js", script)
    .replace("page.css", style);
}

function compress(directory) {
  for (const file of readdirSync(directory).filter((name) => /\.(js|css|ttf)$/.test(name))) {
    const bytes = readFileSync(join(directory, file));
    writeFileSync(join(directory, `${file}.gz`), gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
  }
}

/** The licences of all that is in the bundles, as they ask to be passed on with it. */
function licences(metafiles) {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const packages = inputs.map((input) => input.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0]).filter(Boolean);
  return [...new Set(packages)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(here, folder, "package.json"), "utf8"));
    const file = readdirSync(join(here, folder)).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
    return `${name} ${version}: ${license}\n\n${file ? readFileSync(join(here, folder, file), "utf8").trim() : ""}`;
  }).join("\n\n----\n\n");
}

rmSync(unfinished, { recursive: true, force: true });
mkdirSync(unfinished, { recursive: true });
const workers = await build({ ...common, entryPoints: WORKERS, format: "iife" });
const page = await build({
  ...common,
  entryPoints: { page: "src/page.jsx" },
  format: "esm",
  splitting: true,
  jsx: "automatic",
  plugins: [styles],
  define: { ...common.define, WORKER_FILES: JSON.stringify(named(written(workers))) },
});
const [script, { cssBundle }] = written(page).find(([file]) => file.startsWith("page-"));
compress(unfinished);
writeFileSync(join(unfinished, "LICENCES.txt"), `${licences([workers.metafile, page.metafile])}\n`);
writeFileSync(join(unfinished, "index.html"), html(script, basename(cssBundle)));
rmSync(target, { recursive: true, force: true });
renameSync(unfinished, target);
