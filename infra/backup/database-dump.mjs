import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClientFailed, runClient } from './postgres-client.mjs';

/**
 * Dumps the database in PostgreSQL's own format, which `pg_restore` reads.
 * @param {string} url
 * @param {string} file
 * @param {string} program `pg_dump`, or where it lies
 */
export async function dumpDatabase(url, file, program) {
  await runClient(program, ['--format=custom', '--no-owner', '--no-privileges', `--file=${file}`], url);
  return { bytes: statSync(file).size };
}

/** Programs of PostgreSQL's client. @typedef {{ pgRestore: string, psql: string }} Client */

/**
 * What keeps this machine from reading a dump: a sentence; null where nothing does.
 * @param {Client} client
 * @param {string} url
 * @param {string} file
 */
export async function whyNotReadable({ pgRestore }, url, file) {
  try {
    await runClient(pgRestore, ['--list', file], url);
    return null;
  } catch (error) {
    if (error instanceof ClientFailed) return error.message;
    throw error;
  }
}

/**
 * The schemas that hold read models in the database; with the pointer to them alone, `public`.
 * @param {Client} client
 * @param {string} url
 */
export async function readModelsIn({ psql }, url) {
  const question = `select nspname from pg_namespace where nspname ~ '^read_[0-9]+$'
    union all select 'public' where to_regclass('public.read_model') is not null`;
  return (await runClient(psql, [...PLAIN, '--command', question], url)).split('\n').filter((name) => name !== '');
}

const PLAIN = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1'];

/**
 * What of a dump this server can hold, a line each as `pg_restore --use-list` reads it, and a sentence on what is left out; null
 * where nothing is. The extension of trigrams must be there before: its owner is the server's, who alone may comment on it,
 * which would end the restoring. Search is right without it, as the product is on a server that refuses it.
 * @param {Client} client
 * @param {string} url
 * @param {string} file
 */
export async function restorableEntries({ pgRestore, psql }, url, file) {
  const all = (await runClient(pgRestore, ['--list', file], url)).split('\n');
  const entries = all.filter((line) => !OF_TRIGRAMS.test(line));
  if (entries.length === all.length) return { entries, leftOut: null };
  try {
    await runClient(psql, [...PLAIN, '--command', 'create extension if not exists pg_trgm'], url);
    return { entries, leftOut: null };
  } catch (error) {
    if (!(error instanceof ClientFailed)) throw error;
    const leftOut = `search works without trigrams: create extension pg_trgm: ${error.message}`;
    return { entries: entries.filter((line) => !TRIGRAM_INDEX.test(line)), leftOut };
  }
}

const OF_TRIGRAMS = / (?:EXTENSION|COMMENT) - (?:EXTENSION )?pg_trgm/;
/** Those that libs/read-model makes where it finds the extension. */
const TRIGRAM_INDEX = / INDEX read_[0-9]+ (?:tag_search|repository_search) /;

/**
 * Restores entries of a dump in one transaction: all of them or none. `replaced` are the schemas that `readModelsIn` found; they
 * are dropped before, in a transaction of their own, and stay so where the restoring fails.
 * The user of the url owns what is restored, so it must be the history-projector's.
 * @param {Client} client
 * @param {string} url
 * @param {string} file
 * @param {string[]} entries
 * @param {string[]} replaced
 */
export async function restoreDatabase({ pgRestore, psql }, url, file, entries, replaced) {
  const folder = mkdtempSync(join(tmpdir(), 'restore-'));
  try {
    writeFileSync(join(folder, 'list'), entries.join('\n'));
    const drops = replaced.map((name) =>
      name === 'public' ? 'drop table public.read_model;' : `drop schema "${name}" cascade;`,
    );
    if (drops.length > 0) {
      await runClient(psql, [...PLAIN, '--command', ['begin;', ...drops, 'commit;'].join('\n')], url);
    }
    const options = ['--no-owner', '--no-privileges', '--single-transaction', '--exit-on-error'];
    const database = decodeURIComponent(new URL(url).pathname.slice(1));
    await runClient(pgRestore, [...options, `--use-list=${join(folder, 'list')}`, `--dbname=${database}`, file], url);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
