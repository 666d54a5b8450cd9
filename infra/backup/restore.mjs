// Restores a backup that backup.mjs made: node infra/backup/restore.mjs <folder> [--replace] [--streams-only]
//   --replace       what the stores hold now is given up
//   --streams-only  the database is left as it is
// Run as the operator of NATS and the owner of the database (the history-projector's user), with all services stopped.
// Afterwards, before they start: node services/history-projector/dist/commands/reunite.js. `npm run restore` does both.
// Environment: NATS_URL, DATABASE_URL (each also as _FILE), NATS_REPLICAS (where it differs from the backup), PG_RESTORE, PSQL.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { connectAsOperator } from '../image/nats-connection.mjs';
import { requiredSetting, setting } from '../image/setting.mjs';
import { verifyBackup } from './checksums.mjs';
import { readModelsIn, restorableEntries, restoreDatabase, whyNotReadable } from './database-dump.mjs';
import { api } from './jetstream-api.mjs';
import { restoreStream, stateOf, streamsIn } from './stream-restore.mjs';

const USAGE = 'npm run restore -- <folder of a backup> [--replace] [--streams-only]';

try {
  await restore();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function restore() {
  const { folder, replace, streamsOnly } = argumentsGiven();
  await verifyBackup(folder);
  const { startedAt } = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
  console.log(`the backup of ${startedAt} is as it was written`);
  const nc = await connectAsOperator('restore');
  try {
    const streams = streamsIn(folder);
    const inTheWay = await streamsInTheWay(nc, streams, replace);
    const dump = streamsOnly ? null : await readableDump(folder, replace);
    // No store lost anything before this line.
    for (const name of inTheWay) await api(nc, `STREAM.DELETE.${name}`, {});
    for (const name of streams) {
      const { messages, last_seq: last } = await restoreStream(nc, folder, name, replicasGiven());
      console.log(`${name} is back: ${messages} messages, last sequence ${last}`);
    }
    if (dump !== null) {
      await restoreDatabase(dump.client, dump.url, dump.file, dump.entries, dump.replaced).catch((error) => {
        throw new Error(
          `The streams are those of the backup, and the database was not restored${dump.replaced.length > 0 ? '; what it held may be gone' : ''}. ` +
            `Once the cause is mended, run the same with --replace. Cause: ${error instanceof Error ? error.message : error}`,
          { cause: error },
        );
      });
      console.log('the database is back');
    }
  } finally {
    await nc.close();
  }
  console.log(
    'next, before any service starts: streams and read models are compared (reunite.js, part of npm run restore)',
  );
}

function argumentsGiven() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { replace: { type: 'boolean' }, 'streams-only': { type: 'boolean' } },
    });
    const [folder, ...more] = positionals;
    if (folder === undefined || more.length > 0) throw new Error('name one folder');
    const { replace = false, 'streams-only': streamsOnly = false } = values;
    return { folder: resolve(folder), replace, streamsOnly };
  } catch (error) {
    throw new Error(`${USAGE}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function replicasGiven() {
  const replicas = setting('NATS_REPLICAS');
  return replicas === undefined ? undefined : Number(replicas);
}

/**
 * The streams that must go before: empty ones, which every service makes at its start, and others only where that was said.
 * @param {import('@nats-io/transport-node').NatsConnection} nc
 * @param {string[]} streams
 * @param {boolean} replace
 */
async function streamsInTheWay(nc, streams, replace) {
  const found = [];
  for (const name of streams) {
    const state = await stateOf(nc, name);
    if (state === null) continue;
    if (state.last_seq > 0 && !replace) {
      throw new Error(
        `Nothing was changed: ${name} is there and has ${state.messages} messages, up to sequence ${state.last_seq}. With ` +
          `--replace all streams of the backup take the place of those that are there; what these hold and the backup does ` +
          `not is lost then. If only some events are lost, "npm run restore-history" brings them back from the database.`,
      );
    }
    found.push(name);
  }
  return found;
}

/**
 * The dump of the database, where there is one and this machine can read it; else the read models are made from the streams.
 * @param {string} folder
 * @param {boolean} replace
 */
async function readableDump(folder, replace) {
  const file = join(folder, 'postgres.dump');
  const url = requiredSetting('DATABASE_URL');
  if (!existsSync(file)) {
    console.log('the backup has no dump of the database: the read models are made from the streams');
    return null;
  }
  const client = { pgRestore: setting('PG_RESTORE') ?? 'pg_restore', psql: setting('PSQL') ?? 'psql' };
  const fault = await whyNotReadable(client, url, file);
  if (fault !== null) {
    console.log(`the dump of the database cannot be read here, so the read models are made from the streams: ${fault}`);
    return null;
  }
  const replaced = await readModelsIn(client, url);
  if (replaced.length > 0 && !replace) {
    throw new Error(
      `Nothing was changed: the database holds read models already (${replaced.join(', ')}). With --replace the backup takes ` +
        `their place; with --streams-only they stay, and the streams get from them what is newer than the backup.`,
    );
  }
  const { entries, leftOut } = await restorableEntries(client, url, file);
  if (leftOut !== null) console.log(leftOut);
  return { file, url, client, entries, replaced };
}
