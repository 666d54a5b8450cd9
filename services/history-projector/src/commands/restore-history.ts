// `npm run restore-history`: lost streams, refilled from the copies in the read models.
import { restoreHistory } from '../recovery/restore-history.ts';
import type { Restored } from '../recovery/restore-stream.ts';
import { progressLines } from './progress.ts';
import { runCommand } from './run-command.ts';

await runCommand(async ({ config, database, nc }) => {
  const report = await restoreHistory(database, nc, progressLines(), config.natsReplicas);
  const { history, tracking, manifests, scanLog } = report;
  const streams = Object.entries({ HISTORY: history, TRACKING: tracking, MANIFESTS: manifests }).map(wordsOf);
  const scans = scanLog === 'begun anew' ? '; SCAN_LOG begins anew' : '';
  return { words: `${streams.join('; ')}${scans}. The services can be started.`, code: 0 };
});

function wordsOf([stream, restored]: [string, Restored | null]): string {
  if (restored === null) return `of ${stream} these read models keep no copy`;
  const { refilled, events } = restored;
  return refilled === 0
    ? `${stream} was whole, ${events} events`
    : `${stream} holds its ${events} events again, ${refilled} of them refilled, equal byte for byte`;
}
