// One backup of everything that must survive: the database (pg_dump), then every stream (a snapshot by the server). In that
// order, so that the streams reach at least as far as the checkpoints in the database: what is projected from a restored
// pair goes on where it stopped. restore.mjs takes it. A backup is a folder that is there as a whole or not at all:
//   BACKUP_DIR/2026-11-22T03-17-00Z/{summary.json,SHA256SUMS,postgres.dump,HISTORY/backup.json,HISTORY/stream.tar.s2,...}
// Environment: NATS_URL, DATABASE_URL (each also as _FILE), BACKUP_DIR, BACKUP_KEEP (default 14), PG_DUMP (default pg_dump;
// `none` backs up the streams alone: the database can be made from them).
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsOperator } from '../image/nats-connection.mjs';
import { requiredSetting, setting } from '../image/setting.mjs';
import { checksums, verifyBackup } from './checksums.mjs';
import { dumpDatabase } from './database-dump.mjs';
import { snapshotStream, streamNames } from './stream-snapshot.mjs';

const FINISHED = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/;
const UNFINISHED = '.unfinished-';

/** Longer than pg_dump may wait for anything; whoever writes nothing for it does not write any more. */
const SILENCE_MS = 6 * 3600 * 1000;

/** What is being written; removed where it does not become a backup. @type {string | undefined} */
let draft;
for (const [signal, code] of /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])) {
  process.once(signal, () => {
    giveUp(`ended by ${signal}`);
    process.exit(code);
  });
}
try {
  await backUp(requiredSetting('BACKUP_DIR'));
} catch (error) {
  giveUp(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function giveUp(/** @type {string} */ why) {
  if (draft !== undefined) rmSync(draft, { recursive: true, force: true });
  console.error(`no backup was made: ${why}`);
}

async function backUp(/** @type {string} */ folder) {
  const keep = Number(setting('BACKUP_KEEP') ?? '14');
  if (!Number.isInteger(keep) || keep < 1)
    throw new Error(`BACKUP_KEEP is "${setting('BACKUP_KEEP')}": allowed is a whole number from 1`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // First: they may hold the room that this one needs.
  removeCutOff(folder);
  const nc = await connectAsOperator('backup');
  let made;
  try {
    made = await write(nc, folder);
  } finally {
    await nc.close();
  }
  console.log(`backup ${made.name} is done`);
  const end = endOfHistory(made.streams);
  const longest = longestBefore(folder);
  if (end < longest) {
    // Something was lost, and the older backups hold it.
    console.error(
      `HISTORY ends at ${end}, and a backup before had it up to ${longest}: no backup is removed, and this counts as no success. ` +
        'See docs/recovery.md; where it is meant, remove the older backups.',
    );
    process.exitCode = 1;
  } else {
    rotate(folder, keep);
    tellPrometheus(folder);
  }
}

/** @param {import('@nats-io/transport-node').NatsConnection} nc @param {string} folder */
async function write(nc, folder) {
  const names = await streamNames(nc);
  if (!names.includes('HISTORY')) throw new Error('this NATS has no stream HISTORY: is NATS_URL right?');
  const begun = await begin(folder);
  const { startedAt, name } = begun;
  const into = (draft = begun.draft);
  const program = setting('PG_DUMP') ?? 'pg_dump';
  const database =
    program === 'none'
      ? null
      : await dumpDatabase(requiredSetting('DATABASE_URL'), join(into, 'postgres.dump'), program);
  /** @type {Awaited<ReturnType<typeof snapshotStream>>[]} */
  const streams = [];
  for (const stream of lastWrittenFirst(names)) streams.push(await snapshotStream(nc, stream, into, '_INBOX.backup'));
  const summary = { startedAt, finishedAt: new Date(), database, natsServer: nc.info?.version ?? null, streams };
  writeFileSync(join(into, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  writeFileSync(join(into, 'SHA256SUMS'), await checksums(into));
  await verifyBackup(into);
  renameSync(into, join(folder, name));
  draft = undefined;
  for (const { stream, messages, lastSequence, bytes } of streams) {
    console.log(`${stream}: ${messages} messages, last sequence ${lastSequence}, ${bytes} bytes`);
  }
  console.log(database === null ? 'postgres: not backed up, as PG_DUMP is none' : `postgres: ${database.bytes} bytes`);
  return { name, streams };
}

/** Makes the folder to write into. Names are those of seconds, so that of two backups of one second the later waits. @param {string} folder */
async function begin(folder) {
  for (;;) {
    const startedAt = new Date();
    const name = startedAt
      .toISOString()
      .replace(/\.\d+Z$/, 'Z')
      .replaceAll(':', '-');
    const draft = join(folder, `${UNFINISHED}${name}`);
    if (!existsSync(join(folder, name)) && isMade(draft)) return { startedAt, name, draft };
    await sleep(1_000 - startedAt.getMilliseconds());
  }
}

/** False where it is there already. @param {string} draft */
function isMade(draft) {
  try {
    mkdirSync(draft, { mode: 0o700 });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/** @param {{ stream: string, lastSequence: number }[]} backedUp */
function endOfHistory(backedUp) {
  return backedUp.find(({ stream }) => stream === 'HISTORY')?.lastSequence ?? 0;
}

/** The last sequence of HISTORY that any backup holds. @param {string} folder */
function longestBefore(folder) {
  const ends = readdirSync(folder)
    .filter((entry) => FINISHED.test(entry) && existsSync(join(folder, entry, 'summary.json')))
    .map((entry) => endOfHistory(JSON.parse(readFileSync(join(folder, entry, 'summary.json'), 'utf8')).streams));
  return Math.max(0, ...ends);
}

/** For the node exporter (textfile collector); the alert BackupTooOld reads it. @param {string} folder */
function tellPrometheus(folder) {
  const metric = 'dtm_backup_last_success_timestamp_seconds';
  writeFileSync(
    join(folder, '.metrics.draft'),
    `# HELP ${metric} When the last backup was finished\n# TYPE ${metric} gauge\n${metric} ${Math.floor(Date.now() / 1000)}\n`,
  );
  renameSync(join(folder, '.metrics.draft'), join(folder, 'docker-tag-monitor-backup.prom'));
}

/**
 * A scan writes HISTORY first, then SCAN_LOG, then its state. Backed up the other way round, nothing in a backup tells of an
 * event that is not in it.
 * @param {string[]} names
 */
function lastWrittenFirst(names) {
  const first = ['MANIFESTS', 'HISTORY', 'TRACKING'];
  return [...names.filter((name) => !first.includes(name)), ...first.filter((name) => names.includes(name))];
}

/** Removes what is older than the newest `keep` backups. @param {string} folder @param {number} keep */
function rotate(folder, keep) {
  const finished = readdirSync(folder).filter((entry) => FINISHED.test(entry));
  for (const entry of finished.sort().reverse().slice(keep)) remove(folder, entry);
}

/** Removes what backups that were killed left behind, and nothing that another one is still writing. @param {string} folder */
function removeCutOff(folder) {
  for (const entry of readdirSync(folder).filter((name) => name.startsWith(UNFINISHED))) {
    const path = join(folder, entry);
    const inside = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name));
    const lastWritten = Math.max(
      ...[path, ...inside].map((one) => statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? 0),
    );
    if (Date.now() - lastWritten > SILENCE_MS) remove(folder, entry);
  }
}

/** @param {string} folder @param {string} entry */
function remove(folder, entry) {
  rmSync(join(folder, entry), { recursive: true, force: true });
  console.log(`${entry} is removed`);
}
