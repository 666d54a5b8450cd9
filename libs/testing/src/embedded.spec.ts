import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findNatsServer, freePort, isPortFree, natsConfiguration, startPostgresServer } from '@dtm/embedded';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';

let folder: string;
// mkdtemp makes it with mode 0700, which is what PostgreSQL's unprivileged user cannot enter.
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'dtm-embedded-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('natsConfiguration', () => {
  const server = { port: 4222, storeDir: '/data', durable: true };

  it.each(['2.10.0', '2.12.3', '3.0.0'])('has every write synced by a server %s', (version) => {
    expect(natsConfiguration({ ...server, version })).toContain('sync_interval: always');
  });

  it('spares a server 2.9 the setting that it refuses to start with', () => {
    expect(natsConfiguration({ ...server, version: '2.9.10' })).not.toContain('sync_interval');
  });

  it('listens on this machine only', () => {
    expect(natsConfiguration({ ...server, version: '2.12.0' })).toContain('listen: "127.0.0.1:4222"');
  });
});

describe('findNatsServer', () => {
  it('takes the one that is named', () => {
    expect(findNatsServer({ NATS_SERVER_BIN: '/opt/own/nats-server' })).toBe('/opt/own/nats-server');
  });
});

describe('freePort', () => {
  it('takes the preferred one unless somebody listens there', async () => {
    const preferred = await freePort();
    expect(await freePort(preferred)).toBe(preferred);
    const server = (await import('node:net')).createServer().listen(preferred, '127.0.0.1');
    await once(server, 'listening');
    expect(await isPortFree(preferred)).toBe(false);
    expect(await freePort(preferred)).not.toBe(preferred);
    server.close();
  });
});

describe('startPostgresServer', () => {
  const options = () => ({ home: join(folder, 'postgres'), password: 'p@ss/word', forgetful: true });

  it('serves from a folder below one that only its owner can enter, and keeps the data', async () => {
    const first = await startPostgresServer(options());
    await query(first.url, 'create table kept (name text)');
    await first.process.stop();
    const second = await startPostgresServer(options());
    expect(await query(second.url, 'select * from kept')).toEqual([]);
    await second.process.stop();
    if (second.home !== options().home) await rm(second.home, { recursive: true });
  });

  it('lets nobody in without the password', async () => {
    const { url, process: server } = await startPostgresServer(options());
    const wrong = new URL(url);
    wrong.password = 'other';
    await expect(query(wrong.href, 'select 1')).rejects.toThrow('password authentication failed');
    await server.stop();
  });

  it('starts after a SIGKILL, although the process id of then is somebody else now', async () => {
    const { home, process: server } = await startPostgresServer(options());
    await server.kill('SIGKILL');
    // This process is alive, and no PostgreSQL.
    await writeFile(
      join(home, 'data', 'postmaster.pid'),
      `${process.pid}\n${home}/data\n0\n5432\n\n\n  0 0\nready   \n`,
    );
    const again = await startPostgresServer(options());
    expect(await query(again.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await again.process.stop();
  });
});

describe('a server of a process that is killed with SIGKILL', () => {
  it('ends too', async () => {
    const embedded = fileURLToPath(import.meta.resolve('@dtm/embedded'));
    const script = `import { startNatsServer } from ${JSON.stringify(embedded)};
      const { process: server } = await startNatsServer({ storeDir: ${JSON.stringify(folder)} });
      console.log(server.pid);
      setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    for (let tries = 0; isAlive(pid) && tries < 200; tries++) await sleep(50);
    expect(isAlive(pid)).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
