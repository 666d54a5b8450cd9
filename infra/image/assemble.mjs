// Puts what a service runs into its image: node infra/image/assemble.mjs <sources, built and installed> <app> <service>
// Only packages that the service reaches by its dependencies are copied: npm installs the test tools of all workspaces
// whenever it installs one.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const [sources = '', app = '', service = ''] = process.argv.slice(2);
if (service === '') throw new Error('assemble.mjs <sources> <app> <service>');

const main = join('services', service, 'dist', 'main.js');
if (!existsSync(join(sources, main))) throw new Error(`${service} is no service: there is no ${main}`);

/** A dependency of another one that does nothing but report installations to its maker. */
const NEVER = new Set(['@scarf/scarf']);

/** Folders of packages, relative to the root, that run. */
const reached = new Set();
/** Links of node_modules to packages of this repository, and where they lead to. */
const links = new Map();
reach(join('services', service));

for (const folder of reached) {
  const own = !folder.includes('node_modules');
  const to = join(app, folder);
  if (own) {
    cpSync(join(sources, folder, 'package.json'), join(to, 'package.json'));
    cpSync(join(sources, folder, 'dist'), join(to, 'dist'), { recursive: true, filter: runs });
  } else {
    cpSync(join(sources, folder), to, {
      recursive: true,
      // Packages within packages come by themselves, where they are reached.
      filter: (path) => runs(path) && relative(join(sources, folder), path) !== 'node_modules',
    });
  }
}
for (const [link, target] of links) {
  mkdirSync(dirname(join(app, link)), { recursive: true });
  symlinkSync(relative(dirname(link), target), join(app, link));
}

for (const folder of ['image', 'compose', 'backup', 'subscribers']) {
  cpSync(join(sources, 'infra', folder), join(app, 'infra', folder), {
    recursive: true,
    filter: (path) => !/\.(?:sh|ts)$|\/(?:assemble|compress|preview-head)\.mjs$/.test(path),
  });
}
for (const name of ['nats.conf', 'nats-users.conf']) cpSync(join(sources, 'infra', name), join(app, 'infra', name));
cpSync(join(sources, 'LICENSE'), join(app, 'LICENSE'));
symlinkSync(main, join(app, 'main.js'));

const native = readdirSync(app, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.node'));
if (native.length > 0) throw new Error(`not the same for every platform: ${native.join(', ')}`);
console.log(`${service}: ${reached.size} packages`);

/** Notes a package and what it depends on, as Node finds it: in the nearest node_modules on the way up. */
function reach(/** @type {string} */ folder) {
  if (reached.has(folder)) return;
  reached.add(folder);
  const manifest = JSON.parse(readFileSync(join(sources, folder, 'package.json'), 'utf8'));
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    if (NEVER.has(name)) continue;
    const found = find(folder, name);
    const optional =
      name in optionalDependencies || (!(name in dependencies) && peerDependenciesMeta[name]?.optional === true);
    if (found === null && !optional) throw new Error(`${folder} needs ${name}, which is not installed`);
    // An optional peer works where it is there for a reason of its own.
    if (found === null || (name in peerDependencies && !(name in dependencies) && optional)) continue;
    const real = relative(realpathSync(sources), realpathSync(join(sources, found)));
    if (real !== found) links.set(found, real);
    reach(real);
  }
}

/** @param {string} from @param {string} name @returns {string | null} */
function find(from, name) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(sources, candidate, 'package.json'))) return candidate;
    if (folder === '.') return null;
  }
}

/** Whether a file is needed at run time; tests, types and maps are not. */
function runs(/** @type {string} */ path) {
  return !/\.(?:d\.[cm]?ts|map|tsbuildinfo)$|\.spec\.js$/.test(path);
}
