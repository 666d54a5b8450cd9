import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from '@jest/globals';

const PACKAGE = fileURLToPath(new URL('../', import.meta.url));
/** Nothing listens there. */
const DEAD = 'nats://scheduler:secret-word@127.0.0.1:1';

beforeAll(() => {
  // The process runs what is built, so it must be what is here.
  execFileSync(process.execPath, [createRequire(import.meta.url).resolve('typescript/bin/tsc'), '-b', PACKAGE]);
}, 120_000);

it('tells while it starts that NATS is away, again and again, without the password', async () => {
  const env = { PATH: process.env['PATH'], NATS_URL: DEAD, SERVICE_PORT: '0', LOG_FORMAT: 'json' };
  const child = spawn(process.execPath, [`${PACKAGE}dist/main.js`], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  let output = '';
  const lines = (): string[] => output.split('\n').slice(0, -1);
  child.stdout.setEncoding('utf8');
  try {
    for await (const text of child.stdout) {
      output += String(text);
      if (lines().length >= 2) break;
    }
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
  const told = { level: 'warn', service: 'scheduler', msg: expect.stringContaining('nats://127.0.0.1:1') as unknown };
  expect(lines().map((line) => JSON.parse(line) as unknown)).toEqual(lines().map(() => expect.objectContaining(told)));
  expect(lines().length).toBeGreaterThanOrEqual(2);
  expect(output).not.toContain('secret-word');
});
