// `npm run import`: this file runs on Node.js 20 with nothing installed yet; the rest under that of the services.
import { join } from 'node:path';
import { ensureInstalled } from '../start/install.mjs';
import { ensureNode } from '../start/node-version.mjs';
import { HEAP_OPTIONS } from './heap.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const { runCommand } = await import('../start/command.mjs');
  // Node.js takes its own options before the script.
  await runCommand(HEAP_OPTIONS[0], [
    HEAP_OPTIONS[1],
    join(import.meta.dirname, 'import.ts'),
    ...process.argv.slice(2),
  ]);
}
