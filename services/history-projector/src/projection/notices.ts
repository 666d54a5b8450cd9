import { EVENT_TYPES, type ScanLogEvent } from '@dtm/events';
import { CHANNELS, type Sql } from '@dtm/read-model';
import type { Batch } from './messages.ts';

/** PostgreSQL refuses a payload of 8,000 bytes or more. */
const PAYLOAD_MAX_BYTES = 7_900;
const FAILURES_MAX = 20;

/** Wakes the api in the batch's own transaction: it hears of rows when it can read them, and of none that are rolled back. */
export async function notify(sql: Sql, batch: Batch): Promise<void> {
  const channels: string[] = [];
  const payloads: string[] = [];
  const last = batch.HISTORY.at(-1);
  if (last !== undefined) {
    channels.push(CHANNELS.history);
    payloads.push(String(last.message.sequence));
  }
  for (const { event } of batch.SCAN_LOG) {
    if (event === null) continue;
    channels.push(CHANNELS.scan);
    payloads.push(scanMessage(event));
  }
  if (channels.length === 0) return;
  await sql.query('select pg_notify(n.channel, n.payload) from unnest($1::text[], $2::text[]) as n(channel, payload)', [
    channels,
    payloads,
  ]);
}

/** The `ScanMessage` of api-contract, as JSON, cut to what a payload can hold. */
export function scanMessage(event: ScanLogEvent): string {
  const { registry, repository, finishedAt } = event.data;
  const succeeded = event.type === EVENT_TYPES.RepositoryScanned;
  const failures = succeeded ? event.data.failures.slice(0, FAILURES_MAX) : [];
  for (;;) {
    const text = JSON.stringify({
      registry,
      repository,
      finishedAt,
      succeeded,
      changes: succeeded ? event.data.changes : 0,
      error: succeeded ? null : event.data.error,
      failures: failures.map(({ tag, reason }) => ({ tag, reason })),
    });
    if (failures.length === 0 || Buffer.byteLength(text) <= PAYLOAD_MAX_BYTES) return text;
    failures.pop();
  }
}
