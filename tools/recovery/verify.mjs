// `npm run verify`: this file runs on Node.js 20 with nothing installed yet; the rest under that of the services.
import { join } from 'node:path';
import { ensureInstalled } from '../start/install.mjs';
import { ensureNode } from '../start/node-version.mjs';
import { ROOT } from '../start/paths.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const { runCommand } = await import('../start/command.mjs');
  await runCommand(join(ROOT, 'services/history-projector/dist/commands/verify.js'), process.argv.slice(2));
}
