// `npm ci` refuses a lockfile that lacks the optional packages of other platforms, and npm leaves them out where a
// mirror does not carry them. This adds an entry for each that is missing, so that the lockfile is whole everywhere.
// Run it after each change of the lockfile: node tools/lockfile/complete.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
const packages = lock.packages;

/** Where Node would find `name` from the package at `from`, or null. */
function resolve(from, name) {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('node_modules/') - 1))) {
    const candidate = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (packages[candidate]) return candidate;
    if (base === '') return null;
    if (!base.includes('node_modules/')) base = '';
    if (base === '' && packages[`node_modules/${name}`]) return `node_modules/${name}`;
  }
}

/** Platform names as they stand in the names of prebuilt packages. */
function platformOf(name) {
  const os = [
    'darwin',
    'linux',
    'win32',
    'windows',
    'freebsd',
    'openbsd',
    'netbsd',
    'android',
    'sunos',
    'aix',
    'wasi',
    'openharmony',
  ];
  const cpu = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el', 'wasm32', 'aarch64'];
  const parts = name.split(/[-/_.]/);
  const found = { os: os.find((o) => parts.includes(o)), cpu: cpu.find((c) => parts.includes(c)) };
  return {
    os: [found.os === 'windows' ? 'win32' : (found.os ?? 'none')],
    cpu: [found.cpu ?? 'none'],
    ...(parts.includes('musl') ? { libc: ['musl'] } : {}),
  };
}

let added = 0;
for (const [where, entry] of Object.entries(packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolve(where, name) !== null) continue;
    const version = range.replace(/^[\^~]/, '');
    packages[`node_modules/${name}`] = { version, optional: true, ...platformOf(name) };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added`);
