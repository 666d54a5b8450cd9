// `npm run bench`: measures the real services and prints one table. This file and what it imports run on Node.js 20 with
// nothing installed yet; everything else is imported by run.mjs, under the Node.js version of the services.
import { spawnSync } from 'node:child_process';
import { ensureInstalled } from '../start/install.mjs';
import { ensureNode } from '../start/node-version.mjs';
import { programOf, ROOT } from '../start/paths.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const args = process.argv.slice(2);
  if (!args.includes('--no-build')) buildServices();
  const { run } = await import('./run.mjs');
  await run(args.filter((arg) => arg !== '--no-build'));
}

/** Not the whole build: who measures the web UI builds it. */
function buildServices() {
  const services = ['scheduler', 'registry-fetcher', 'history-projector', 'api'].map((name) => `services/${name}`);
  const built = spawnSync(process.execPath, [programOf('tsc'), '-b', ...services], { cwd: ROOT, encoding: 'utf8' });
  if (built.status === 0) return;
  console.error(`${built.stdout}${built.stderr}\nThe build failed: see above.`);
  process.exit(1);
}
