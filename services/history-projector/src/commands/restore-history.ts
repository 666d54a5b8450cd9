// `npm run restore-history`: lost streams, refilled from the copies in the read models.
import { restoreHistory } from '../recovery/restore-history.ts';
import type { Restored } from '../recovery/restore-stream.ts';
import { progressLines } from './progress.ts';
import { runCommand } from './run-command.ts';

await runCommand(async ({ config, database, nc }) => {
  const report = await restoreHistory(database, nc, progressLines(), config.natsReplicas);
  const tracking =
    report.tracking === null ? 'of TRACKING these read models keep no copy' : `TRACKING ${wordsOf(report.tracking)}`;
  const scans = report.scanLogBegunAnew ? '; SCAN_LOG begins anew' : '';
  return { words: `HISTORY ${wordsOf(report.history)}; ${tracking}${scans}. The services can be started.`, code: 0 };
});

function wordsOf({ refilled, events }: Restored): string {
  return refilled === 0
    ? `was whole, ${events} events`
    : `holds its ${events} events again, ${refilled} of them refilled, equal byte for byte`;
}
