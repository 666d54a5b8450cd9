// `npm run import`: this file runs on Node.js 20 with nothing installed yet; the rest under that of the services.
import { join } from 'node:path';
import { ensureInstalled } from '../start/install.mjs';
import { ensureNode } from '../start/node-version.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const { runCommand } = await import('../start/command.mjs');
  await runCommand(join(import.meta.dirname, 'import.ts'), process.argv.slice(2));
}
