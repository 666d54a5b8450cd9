import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../../infra/compose/as-operator.sh', import.meta.url));
const OPENED = 'compose.yml:infra/compose/operator.yml docker compose up';
const CLOSED = 'compose.yml docker compose up';
/** Notes each call; an opening `up` does what OPENING says. */
const DOCKER = `#!/bin/sh
echo "$COMPOSE_FILE docker $1 $2" >> "$CALLS"
case "$COMPOSE_FILE $2" in
  *operator.yml\\ up) eval "$OPENING" ;;
  *\\ run) echo "export OPERATED=yes" ;;
esac
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dtm-operator-'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'docker'), DOCKER, { mode: 0o755 });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As a group of its own, like what is started at a terminal. */
function start(command: string, opening = ':'): ChildProcess {
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    CALLS: join(folder, 'calls'),
    READY: join(folder, 'ready'),
    OPENING: opening,
    COMPOSE_FILE: 'compose.yml',
  };
  return spawn(SCRIPT, ['sh', '-c', command], { env, detached: true, stdio: 'ignore' });
}

const calls = (): string[] => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

async function endOf(child: ChildProcess): Promise<number | null> {
  return child.exitCode ?? ((await once(child, 'exit')) as [number | null])[0];
}

/** What Ctrl-C and a closed terminal do: everything that runs there hears it. */
async function signal(child: ChildProcess, name: NodeJS.Signals): Promise<void> {
  while (!existsSync(join(folder, 'ready'))) await new Promise((resolve) => setTimeout(resolve, 10));
  process.kill(-(child.pid ?? 0), name);
}

describe('as-operator.sh', () => {
  it('opens the stores, runs the command with their addresses, and closes them', async () => {
    expect(await endOf(start('test "$OPERATED" = yes && exit 7'))).toBe(7);
    expect(calls()).toEqual([OPENED, OPENED.replace(/up$/, 'run'), CLOSED]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('closes them after %s', async (name, code) => {
    const child = start('touch "$READY"; exec sleep 60');
    await signal(child, name);
    expect(await endOf(child)).toBe(code);
    expect(calls().at(-1)).toBe(CLOSED);
  });

  it('closes them where opening is interrupted or fails', async () => {
    const interrupted = start('true', 'touch "$READY"; exec sleep 60');
    await signal(interrupted, 'SIGINT');
    expect(await endOf(interrupted)).toBe(130);
    expect(calls()).toEqual([OPENED, CLOSED]);
    expect(await endOf(start('true', 'exit 3'))).toBe(3);
    expect(calls()).toEqual([OPENED, CLOSED, OPENED, CLOSED]);
  });
});
