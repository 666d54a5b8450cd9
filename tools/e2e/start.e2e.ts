import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSystem, type RunningSystem } from './system.ts';

const START = join(import.meta.dirname, '..', 'start', 'start.mjs');

describe('npm start', () => {
  let system: RunningSystem;
  beforeAll(async () => void (system = await startSystem()));
  afterAll(() => system.remove());

  it('says what is up, then the URL, last of all', () => {
    const lines = system.log().trimEnd().split('\n');
    const up = lines.flatMap((line) => /^(\S+) +\| up: /.exec(line)?.[1] ?? []);
    expect(up.sort()).toEqual(['api', 'history-projector', 'nats', 'postgres', 'registry-fetcher', 'scheduler']);
    expect(lines.findIndex((line) => line.startsWith('Docker Tag Monitor: '))).toBeGreaterThan(
      lines.findLastIndex((line) => / \| up: /.test(line)),
    );
  });

  it('serves the page and the API at the URL', async () => {
    const page = await fetch(system.url);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('<title>Docker Tag Monitor</title>');
    expect((await fetch(`${system.url}/api/openapi.json`)).status).toBe(200);
  });

  it('refuses to start twice on the same data', async () => {
    const second = await startAndFail({ DATA_DIR: system.dataDir });
    expect(second.log).toContain(`is in use`);
    expect(second.log).toContain(system.url);
    expect(second.code).toBe(1);
  });

  it('refuses a port that is taken, and a configuration that is wrong, before it starts anything', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'dtm-refused-'));
    const taken = await startAndFail({ DATA_DIR: dataDir, PORT: String(system.port) });
    expect(taken.log).toContain(`PORT is ${system.port}, and another program listens there already`);
    const wrong = await startAndFail({
      DATA_DIR: dataDir,
      SCRAPE_INTERVAL: 'sometimes',
      MAX_REQUESTS_PER_SECOND: '-1',
    });
    expect(wrong.log).toMatch(/^SCRAPE_INTERVAL is "sometimes": /m);
    expect(wrong.log).toMatch(/^MAX_REQUESTS_PER_SECOND is "-1": /m);
    expect(wrong.log).not.toContain('| up: ');
    await rm(dataDir, { recursive: true });
  });

  it.each(['api', 'nats', 'postgres', 'registry-fetcher'] as const)('starts %s again when it dies', async (name) => {
    const before = processes(system)[name];
    system.killOne(name);
    await until(() => processes(system)[name] !== before);
    await untilReady(system);
  });

  it('goes on with the same data after a SIGKILL of everything', async () => {
    const all = Object.values(processes(system));
    await system.killAll();
    // The kernel takes a moment to take a process apart.
    await until(() => !all.some(isAlive));
    system = await system.startAgain();
    await untilReady(system);
  });

  it('takes everything along when it is killed itself', async () => {
    const { start, ...others } = processes(system);
    process.kill(start as number, 'SIGKILL');
    await until(() => !Object.values(others).some(isAlive));
    system = await system.startAgain();
  });

  it('stops in order, with exit code 0, and leaves no process behind', async () => {
    const all = Object.values(processes(system));
    expect(await system.stop()).toBe(0);
    expect(all.filter(isAlive)).toEqual([]);
    expect(existsSync(join(system.dataDir, 'running.json'))).toBe(false);
    expect(system.log().trimEnd().split('\n').at(-1)).toBe('Stopped.');
  });
});

describe('npm start where 8080 is taken', () => {
  it('takes the next free port and says so', async () => {
    // Whoever has 8080, this test or another program: it is taken.
    const other = createServer();
    await new Promise<void>((resolve) => other.once('error', () => resolve()).listen(8080, '127.0.0.1', resolve));
    const system = await startSystem({ port: 'default' });
    expect(system.port).toBeGreaterThan(8080);
    expect(system.log()).toContain(`Port 8080 is taken, so this is on ${system.port}.`);
    expect((await fetch(`${system.url}/readyz`)).status).toBe(200);
    await system.remove();
    other.close();
  });
});

/** Runs the start script and waits for its end. */
async function startAndFail(env: Record<string, string>): Promise<{ code: number | null; log: string }> {
  const child = spawn(process.execPath, [START], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout.on('data', (text: Buffer) => (log += text.toString()));
  child.stderr.on('data', (text: Buffer) => (log += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, log };
}

/** Process ids by name, `start` among them. */
function processes(system: RunningSystem): Record<string, number> {
  const path = join(system.dataDir, 'running.json');
  const { start, children } = JSON.parse(readFileSync(path, 'utf8')) as {
    start: { pid: number };
    children: { name: string; pid: number }[];
  };
  return { start: start.pid, ...Object.fromEntries(children.map(({ name, pid }) => [name, pid])) };
}

function isAlive(pid: number): boolean {
  try {
    // A zombie still answers a signal, and is no process any more.
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function untilReady(system: RunningSystem): Promise<void> {
  await until(async () => (await fetch(`${system.url}/readyz`).catch(() => undefined))?.status === 200);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await condition()); await sleep(100)) {
    if (Date.now() > deadline) throw new Error('not within 60 s');
  }
}
