// `node bundle-libraries.mjs ROOT FOLDER STAMP`: bundles what the harness imports of its libraries into FOLDER, with an
// index of it. A library that cannot be bundled is left out; the folder is then of use all the same, and not made again.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * What is imported in place of the main entries of the dependencies. What is not listed is read from node_modules; so is
 * playwright-core, which finds its own files there, and is rarely asked for; rolldown makes the bundle.
 */
const entries = {
  zx: ['zx/core'],
  'allure-js-commons': ['allure-js-commons', 'allure-js-commons/sdk/reporter'],
  'playwright-core': [],
  rolldown: [],
};

const [root = '', folder = '', stamp = ''] = process.argv.slice(2);
const manifest = resolve(root, 'package.json');

/** @type {Record<string, string>} */
let modules = {};
await mkdir(folder, { recursive: true });
try {
  modules = await bundle();
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
}
const files = await readdir(folder);
await writeFile(resolve(folder, 'index.json'), JSON.stringify({ stamp, files, modules }));

async function bundle() {
  const { rolldown } = await import('rolldown');
  /** @type {{ dependencies: Record<string, string> }} */
  const { dependencies } = JSON.parse(await readFile(manifest, 'utf8'));
  const names = Object.keys(dependencies).flatMap((name) => Reflect.get(entries, name) ?? [name]);
  /** A module for each library that passes on what it exports. @type {Map<string, string>} */
  const sources = new Map();
  /** @type {Map<string, string[]>} */
  const exported = new Map();
  // @peculiar/x509 cannot be loaded before it.
  if ('reflect-metadata' in dependencies) await import('reflect-metadata');
  for (const name of names) {
    // What a CommonJS library exports is known once it is loaded.
    const own = await exportsOf(name).catch(() => undefined);
    if (!own) continue;
    exported.set(name, own);
    sources.set(`\0${name}`, `export { ${own.join(', ')} } from ${JSON.stringify(name)};`);
  }
  /** @type {import('rolldown').Plugin} */
  const entry = {
    name: 'entry',
    resolveId(id, importer) {
      if (sources.has(id)) return id;
      return importer !== undefined && sources.has(importer) ? this.resolve(id, manifest) : undefined;
    },
    load: (id) => sources.get(id),
  };
  const stem = (/** @type {string} */ name) => name.replaceAll('/', '.');
  const made = await rolldown({
    input: Object.fromEntries([...exported.keys()].map((name) => [stem(name), `\0${name}`])),
    cwd: root,
    platform: 'node',
    logLevel: 'silent',
    plugins: [entry],
  });
  await made.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: 'shared.[hash].mjs',
    // To read it is what takes the time; names stay, as libraries look at those of their classes.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  const checked = [...exported].map(async ([name, own]) => {
    const file = `${stem(name)}.mjs`;
    const found = await exportsOf(pathToFileURL(resolve(folder, file)).href).catch(() => undefined);
    return found?.join() === own.join() ? [[name, file]] : [];
  });
  return Object.fromEntries((await Promise.all(checked)).flat());
}

/** @param {string} specifier */
async function exportsOf(specifier) {
  return Object.keys(await import(specifier)).filter((name) => name !== 'module.exports');
}
