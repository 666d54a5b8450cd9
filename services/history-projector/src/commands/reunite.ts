// The end of `npm run restore`: streams and read models of a backup become one pair again, and HISTORY is verified.
import type { RestoreReport } from '../recovery/restore-history.ts';
import { reunite } from '../recovery/reunite.ts';
import { verdict } from '../recovery/verify-history.ts';
import { progressLines } from './progress.ts';
import { runCommand } from './run-command.ts';

await runCommand(async ({ config, database, nc }) => {
  const { restored, projected, verification } = await reunite(database, nc, progressLines(), {
    replicas: config.natsReplicas,
  });
  const whole = verification.first === null;
  const next = !whole
    ? 'Do not start the services: see docs/recovery.md, "An event was altered".'
    : projected === null
      ? 'The read models have another version: run "npm run rebuild", then start the services.'
      : 'The services can be started.';
  return {
    words: [databaseWords(restored, projected), verdict(verification, true), next].join(' '),
    code: whole ? 0 : 1,
  };
});

function databaseWords(restored: RestoreReport | null, projected: number | null): string {
  const events = `${projected ?? 0} events were projected`;
  if (restored === null) {
    return `The database had no read models: they were made from the streams (${events}; of scans, what SCAN_LOG still holds).`;
  }
  const refilled = Object.entries({
    HISTORY: restored.history,
    TRACKING: restored.tracking,
    MANIFESTS: restored.manifests,
  })
    .filter(([, stream]) => stream !== null && stream.refilled > 0)
    .map(([name, stream]) => `${name} got ${stream?.refilled ?? 0} events back from the database`);
  const scans = restored.scanLog === 'begun anew' ? ['SCAN_LOG begins anew'] : [];
  return `Streams and read models belong together${[...refilled, ...scans].map((words) => `; ${words}`).join('')}; ${events}.`;
}
