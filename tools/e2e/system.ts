import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithParent, freePort } from '@dtm/embedded';

export { findChromium, openBrowser } from './browser.ts';

/** The repository; Jest runs with it as the working directory's root. */
const ROOT = join(import.meta.dirname, '..', '..');
const READY = /^Docker Tag Monitor: (\S+)$/m;
const START_LIMIT_MS = 240_000;

/** The whole system as `npm start` runs it. */
export interface RunningSystem {
  /** Such as `http://localhost:21234`. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Of its NATS server, for subscribers of one's own. */
  readonly natsUrl: string;
  /** Everything that it has written so far. */
  log(): string;
  /** As Ctrl-C does; answers the exit code. The data stay. */
  stop(): Promise<number | null>;
  /** Kills every process of it at once with SIGKILL, the one that would clean up included. The data stay. */
  killAll(): Promise<void>;
  /** Kills one of its processes with SIGKILL; the system starts it again. */
  killOne(name: 'postgres' | 'nats' | 'history-projector' | 'registry-fetcher' | 'scheduler' | 'api'): void;
  /** Starts it again on the same data and port after `stop` or `killAll`. */
  startAgain(): Promise<RunningSystem>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

export interface SystemOptions {
  /** Configuration, such as `{ SCRAPE_INTERVAL: '2s', INSECURE_REGISTRIES: '127.0.0.1:5000' }`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a new temporary folder. */
  readonly dataDir?: string;
  /** Default: a free one. `default`: the one that the start script chooses. */
  readonly port?: number | 'default';
}

/** Starts the whole system and waits for its URL; throws with its log where it does not come up. */
export async function startSystem(options: SystemOptions = {}): Promise<RunningSystem> {
  const dataDir = options.dataDir ?? (await newDataDir());
  const wanted = options.port ?? (await freePort());
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    // Nobody on the Internet is asked for stars.
    SOURCE_URL: 'none',
    // Nor Docker Hub for popular images.
    POPULAR_IMAGES_MAX_COUNT: '0',
    ...options.env,
    DATA_DIR: dataDir,
    PORT: String(wanted),
  };
  if (wanted === 'default') delete env['PORT'];
  const child = spawn(process.execPath, [join(ROOT, 'tools', 'start', 'start.mjs')], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) child.once('exit', endWithParent(child.pid, 'SIGTERM'));
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => (log += text));
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const url = await waitForUrl(child, () => log);
  const port = Number(new URL(url).port);

  const stop = async () => {
    if (isRunning(child)) child.kill('SIGTERM');
    return ended;
  };
  return {
    url,
    port,
    dataDir,
    natsUrl: options.env?.['NATS_URL'] ?? `nats://127.0.0.1:${String(readJson(dataDir, 'ports.json')['nats'])}`,
    log: () => log,
    stop,
    async killAll() {
      const { children } = runningRecord(dataDir);
      const helpers = childrenOf(child.pid);
      // The watchdog is among them; it would otherwise end the others politely.
      for (const pid of [child.pid, ...helpers, ...children.map((one) => one.pid)]) kill(pid);
      await ended;
    },
    killOne(name) {
      kill(runningRecord(dataDir).children.find((one) => one.name === name)?.pid);
    },
    startAgain: () => startSystem({ ...options, dataDir, port }),
    async remove() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function newDataDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dtm-system-'));
  // As root, PostgreSQL runs as another user, who must be able to enter.
  await chmod(folder, 0o755);
  return folder;
}

async function waitForUrl(child: ChildProcess, log: () => string): Promise<string> {
  for (const deadline = Date.now() + START_LIMIT_MS; isRunning(child) && Date.now() < deadline; await sleep(50)) {
    const url = READY.exec(log())?.[1];
    if (url !== undefined) return url;
  }
  const why = isRunning(child) ? `is not up after ${START_LIMIT_MS / 1000} s` : 'ended while starting';
  child.kill('SIGTERM');
  throw new Error(`The system ${why}:\n${log()}`);
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function runningRecord(dataDir: string): { children: { name: string; pid: number }[] } {
  return readJson(dataDir, 'running.json') as { children: { name: string; pid: number }[] };
}

function readJson(dataDir: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(dataDir, name), 'utf8')) as Record<string, unknown>;
}

/** The processes whose parent is `pid` (Linux). */
function childrenOf(pid: number | undefined): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((candidate) => Number.isInteger(candidate) && parentOf(candidate) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
