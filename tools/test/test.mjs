// `npm test`: every test there is. This file and what it imports at once run on Node.js 20 with nothing installed yet.
import { ensureInstalled } from '../start/install.mjs';
import { ensureNode } from '../start/node-version.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const { runAll } = await import('./stages.mjs');
  process.exit(await runAll());
}
