// `npm run restore -- <folder>`: this file runs on Node.js 20 with nothing installed yet; the rest under that of the services.
import { join } from 'node:path';
import { ensureInstalled } from '../start/install.mjs';
import { ensureNode } from '../start/node-version.mjs';
import { ROOT } from '../start/paths.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const { runCommands } = await import('../start/command.mjs');
  const scripts = ['infra/backup/restore.mjs', 'services/history-projector/dist/commands/reunite.js'];
  const [restore = '', reunite = ''] = scripts.map((script) => join(ROOT, script));
  await runCommands(
    [
      [restore, process.argv.slice(2)],
      [reunite, []],
    ],
    { alone: true },
  );
}
