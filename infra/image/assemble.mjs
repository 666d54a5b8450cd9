// Puts what a service runs into its image: node infra/image/assemble.mjs <sources, built> <app> <service>
// The app has its node_modules by then, with links to the libraries of this repository that the service depends on.
import { cpSync, existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

const [sources, app, service] = process.argv.slice(2);
if (sources === undefined || app === undefined || service === undefined) {
  throw new Error('assemble.mjs <sources> <app> <service>');
}

const main = join('services', service, 'dist', 'main.js');
if (!existsSync(join(sources, main))) throw new Error(`${service} is no service: there is no ${main}`);

const scope = join(app, 'node_modules', '@dtm');
const linked = readdirSync(scope).map((name) => (name === service ? join('services', name) : join('libs', name)));
const kept = new Set(linked.filter((folder) => existsSync(join(sources, folder, 'dist'))));
kept.add(join('services', service));

for (const parent of ['libs', 'services', 'frontend', 'tools']) rmSync(join(app, parent), { recursive: true, force: true });
for (const folder of kept) {
  cpSync(join(sources, folder, 'package.json'), join(app, folder, 'package.json'));
  cpSync(join(sources, folder, 'dist'), join(app, folder, 'dist'), { recursive: true, filter: runs });
}
for (const name of readdirSync(scope)) {
  if (!existsSync(join(scope, name))) rmSync(join(scope, name));
}

for (const folder of ['image', 'compose', 'backup', 'subscribers']) {
  cpSync(join(sources, 'infra', folder), join(app, 'infra', folder), {
    recursive: true,
    filter: (path) => !/\.(?:sh|ts)$|Dockerfile/.test(path),
  });
}
for (const name of ['nats.conf', 'nats-users.conf']) cpSync(join(sources, 'infra', name), join(app, 'infra', name));
cpSync(join(sources, 'LICENSE'), join(app, 'LICENSE'));
rmSync(join(app, 'infra', 'image', basename(import.meta.filename)));
rmSync(join(app, 'package-lock.json'), { force: true });
rmSync(join(app, '.npmrc'), { force: true });
trim(join(app, 'node_modules'));
symlinkSync(main, join(app, 'main.js'));

/** Whether a built file is needed at run time. */
function runs(path) {
  return !/\.(?:d\.ts|map|tsbuildinfo)$|\.spec\.js$/.test(path);
}

/** Removes what packages carry for editors and debuggers only. */
function trim(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) trim(path);
    else if (/\.(?:d\.[cm]?ts|map|md)$/i.test(entry.name) && !/^licen[cs]e/i.test(entry.name)) rmSync(path);
  }
}
