// `npm run rebuild`: new read models from the streams, beside those that serve.
import { ensureStreams } from '@dtm/jetstream';
import { streamsOf } from '../reading/event-source.ts';
import { rebuild } from '../recovery/rebuild.ts';
import { progressLines } from './progress.ts';
import { runCommand } from './run-command.ts';

await runCommand(async ({ config, database, nc }) => {
  // This version may be the first to know a stream.
  await ensureStreams(nc, { replicas: config.natsReplicas });
  const { from, to, events, carriedScans, dropped } = await rebuild(database, streamsOf(nc), progressLines());
  const scans = carriedScans ? '; what older scans told was carried over, as SCAN_LOG no longer holds them' : '';
  const older = dropped.length === 0 ? '' : `; ${dropped.join(', ')} was dropped`;
  return {
    words: `${to} serves now, made of ${events} events${scans}. ${from} is kept until the next rebuild${older}.`,
    code: 0,
  };
});
