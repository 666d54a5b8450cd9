import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { restorableEntries, restoreDatabase } from '../../infra/backup/database-dump.mjs';

const URL_OF_DATABASE = 'postgresql://projector:secret@localhost:5432/record';
const TABLE = '215; 1259 16400 TABLE read_1 tag projector';
const INDEX = '3421; 1259 16500 INDEX read_1 tag_by_time projector';
const TRIGRAMS = [
  '2; 3079 16389 EXTENSION - pg_trgm ',
  '4021; 0 0 COMMENT - EXTENSION pg_trgm ',
  '3422; 1259 16501 INDEX read_1 tag_search projector',
  '3423; 1259 16502 INDEX read_1 repository_search projector',
];

describe('a dump of the database', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dtm-dump-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A program in the place of PostgreSQL's, which notes what it was asked. */
  function program(name: string, script: string): string {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$*" >> '${path}.log'\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  }
  const askedOf = (path: string): string => (existsSync(`${path}.log`) ? readFileSync(`${path}.log`, 'utf8') : '');
  const listing = (...lines: string[]): string => program('pg_restore', `cat <<'END'\n${lines.join('\n')}\nEND`);
  const REFUSES = `case "$*" in *extension*) echo 'ERROR: permission denied' >&2; exit 3;; esac`;

  it('is restored without the extension where it has none, on a server that would refuse it', async () => {
    const client = { pgRestore: listing(TABLE, INDEX), psql: program('psql', REFUSES) };
    const { entries, leftOut } = await restorableEntries(client, URL_OF_DATABASE, 'dump');
    expect(leftOut).toBeNull();
    expect(entries).toEqual(expect.arrayContaining([TABLE, INDEX]));
    await restoreDatabase(client, URL_OF_DATABASE, 'dump', entries, ['read_1', 'public']);
    expect(askedOf(client.psql)).not.toContain('extension');
    expect(askedOf(client.psql)).toContain('drop schema "read_1" cascade;');
  });

  it('is restored without the indexes of trigrams where the server refuses the extension, and says so', async () => {
    const client = { pgRestore: listing(TABLE, INDEX, ...TRIGRAMS), psql: program('psql', REFUSES) };
    const { entries, leftOut } = await restorableEntries(client, URL_OF_DATABASE, 'dump');
    expect(leftOut).toMatch(/search works without trigrams.*permission denied/);
    expect(entries.filter((line) => line !== '')).toEqual([TABLE, INDEX]);
  });

  it('is restored with them where the server takes it', async () => {
    const client = { pgRestore: listing(TABLE, INDEX, ...TRIGRAMS), psql: program('psql', '') };
    const { entries, leftOut } = await restorableEntries(client, URL_OF_DATABASE, 'dump');
    expect(leftOut).toBeNull();
    expect(entries.filter((line) => line !== '')).toEqual([TABLE, INDEX, ...TRIGRAMS.slice(2)]);
    expect(askedOf(client.psql)).toContain('create extension if not exists pg_trgm');
  });
});
