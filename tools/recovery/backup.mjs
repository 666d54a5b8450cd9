// `npm run backup`: this file runs on Node.js 20 with nothing installed yet; the rest under that of the services.
import { join } from 'node:path';
import { ensureInstalled } from '../start/install.mjs';
import { ensureNode } from '../start/node-version.mjs';
import { ROOT } from '../start/paths.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const { runCommand } = await import('../start/command.mjs');
  const { setting } = await import('../start/environment.mjs');
  // The embedded PostgreSQL comes without pg_dump, and another version's refuses it; the streams are enough to restore from.
  if (setting('DATABASE_URL') === undefined && setting('PG_DUMP') === undefined) process.env.PG_DUMP = 'none';
  await runCommand(join(ROOT, 'infra/backup/backup.mjs'), process.argv.slice(2));
}
