import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { findNatsServer } from '@dtm/embedded';
import { ensureStreams, STREAMS } from '@dtm/jetstream';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';

const BACKUP = fileURLToPath(new URL('../../infra/backup/backup.mjs', import.meta.url));
const HOUR = 3_600_000;

let nats: RunningNats;
let nc: NatsConnection;
let folder: string;
beforeAll(async () => {
  nats = await startNats({ binary: process.env['NATS_SERVER_BIN'] ?? findNatsServer() ?? 'nats-server' });
  nc = await connect({ servers: nats.url });
});
afterAll(async () => {
  await nc.close();
  await nats.stop();
});
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'dtm-failed-backup-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a backup under a shell's limits; `during` is called as soon as it writes. */
async function backUp(env: Record<string, string>, limits = 'true', during?: (pid: number) => void): Promise<Ended> {
  const child = spawn('sh', ['-c', `${limits} && exec "$0" "$@"`, process.execPath, BACKUP], {
    env: { PATH: process.env['PATH'], BACKUP_DIR: folder, NATS_URL: nats.url, PG_DUMP: 'none', ...env },
  });
  const ended: Ended = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (ended.stdout += String(text)));
  child.stderr.on('data', (text) => (ended.stderr += String(text)));
  const closed = once(child, 'close') as Promise<[number | null]>;
  if (during !== undefined) {
    while (readdirSync(folder).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    during(child.pid ?? 0);
  }
  [ended.code] = await closed;
  return ended;
}

/** Says why in one sentence, and leaves nothing. */
function expectFailure({ code, stderr }: Ended, words: string, expectedCode = 1): void {
  expect(stderr).toMatch(/^no backup was made: [^\n]+\n$/);
  expect(stderr).toContain(words);
  expect(code).toBe(expectedCode);
  expect(readdirSync(folder)).toEqual([]);
}

describe('a backup that fails', () => {
  it('because NATS is another one', async () => {
    expectFailure(await backUp({}), 'this NATS has no stream HISTORY: is NATS_URL right?');
  });

  it('because NATS or a setting is missing', async () => {
    expectFailure(await backUp({ NATS_URL: 'nats://127.0.0.1:1' }), 'refused');
    expectFailure(await backUp({ BACKUP_KEEP: 'all' }), 'BACKUP_KEEP is "all"');
    expectFailure(await backUp({ BACKUP_DIR: '' }), 'BACKUP_DIR (or BACKUP_DIR_FILE) is not set');
  });

  describe('with something to back up', () => {
    beforeAll(async () => {
      await ensureStreams(nc);
      for (let i = 0; i < 200; i++)
        await jetstream(nc).publish(
          `${STREAMS.history.toLowerCase()}.a.b.c-${i}`,
          Buffer.alloc(2_000, `${i} ${Math.random()}`),
        );
    });

    it('because the database cannot be dumped', async () => {
      const env = { PG_DUMP: 'false', DATABASE_URL: 'postgresql://u:secret-word@127.0.0.1:1/dtm' };
      const ended = await backUp(env);
      expectFailure(ended, 'false');
      expect(ended.stderr).not.toContain('secret-word');
    });

    it('because there is no room', async () => {
      expectFailure(await backUp({}, 'ulimit -f 1'), 'EFBIG');
    });

    it('because it is ended', async () => {
      // Waits for ever.
      const dump = join(folder, '..', `dtm-dump-${process.pid}`);
      writeFileSync(dump, '#!/bin/sh\nexec sleep 20\n', { mode: 0o755 });
      const env = { PG_DUMP: dump, DATABASE_URL: 'postgresql://u@127.0.0.1:1/dtm' };
      try {
        expectFailure(await backUp(env, undefined, (pid) => process.kill(pid, 'SIGTERM')), 'SIGTERM', 143);
      } finally {
        rmSync(dump);
      }
    });

    it('where one was killed before, what that left is removed first, but nothing that is being written', async () => {
      const old = new Date(Date.now() - 7 * HOUR);
      for (const name of ['.unfinished-2026-01-01T00-00-00Z', '.unfinished-2026-01-02T00-00-00Z']) {
        mkdirSync(join(folder, name));
        writeFileSync(join(folder, name, 'postgres.dump'), 'half');
        utimesSync(join(folder, name, 'postgres.dump'), old, old);
        utimesSync(join(folder, name), old, old);
      }
      writeFileSync(join(folder, '.unfinished-2026-01-02T00-00-00Z', 'postgres.dump'), 'more');
      const { code } = await backUp({ NATS_URL: 'nats://127.0.0.1:1' });
      expect(code).toBe(1);
      expect(readdirSync(folder)).toEqual(['.unfinished-2026-01-02T00-00-00Z']);
    });
  });
});
