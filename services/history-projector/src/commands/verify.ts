// `npm run verify`: whether HISTORY is as it was written.
import { readPointer } from '@dtm/read-model';
import { streamsOf } from '../reading/event-source.ts';
import { StreamCopy } from '../recovery/stream-copy.ts';
import { HistoryVerification, verdict } from '../recovery/verify-history.ts';
import { progressLines } from './progress.ts';
import { runCommand } from './run-command.ts';

await runCommand(async ({ database, nc }) => {
  const pointer = await readPointer(database);
  const copy = pointer === null ? null : new StreamCopy(database, pointer.schema, 'HISTORY');
  const report = await new HistoryVerification(streamsOf(nc), copy).run(progressLines());
  return { words: verdict(report, copy !== null), code: report.first === null ? 0 : 1 };
});
