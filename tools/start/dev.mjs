// `npm run dev`: as `npm start`, but rebuilds on each change of a source file and restarts the services concerned.
import { ensureInstalled } from './install.mjs';
import { ensureNode } from './node-version.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const { run } = await import('./run.mjs');
  await run({ watch: true });
}
