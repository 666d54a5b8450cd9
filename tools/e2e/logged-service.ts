import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { endWithParent } from '@dtm/embedded';
import type { ServiceName } from '../bench/service-process.mjs';

const MAIN = (name: ServiceName): string => join(import.meta.dirname, '../../services', name, 'dist/main.js');
/** Tells on stderr which packages of OpenTelemetry are loaded. */
const WATCH_LOADS = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier.startsWith('@opentelemetry/')) process.stderr.write('loads ' + specifier + '\\n');
      return next(specifier, context);
    },
  });
`)}`;

/** A built service as a process of its own, of which every line is kept. */
export class LoggedService {
  readonly name: ServiceName;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #up: Promise<number>;
  #output = '';

  constructor(name: ServiceName, env: Readonly<Record<string, string>>) {
    this.name = name;
    const child = spawn(process.execPath, ['--import', WATCH_LOADS, MAIN(name)], {
      env: {
        PATH: process.env['PATH'] ?? '',
        LOG_LEVEL: 'trace',
        [name === 'api' ? 'PORT' : 'SERVICE_PORT']: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    const forget = child.pid === undefined ? () => undefined : endWithParent(child.pid, 'SIGTERM');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => (this.#output += text));
    }
    this.ended = new Promise((resolve) =>
      child.once('close', (code) => {
        forget();
        resolve(code);
      }),
    );
    this.#up = new Promise((resolve, reject) => {
      child.on('message', (message: { port: number }) => resolve(message.port));
      child.once('exit', () => reject(new Error(`${name} ended while starting:\n${this.#output}`)));
    });
    this.#up.catch(() => undefined);
  }

  /** Everything that it wrote. */
  get output(): string {
    return this.#output;
  }

  /** What it logged, line by line; what loads packages is not among it. */
  get lines(): Record<string, unknown>[] {
    const texts = this.#output.split('\n').filter((line) => line !== '' && !line.startsWith('loads '));
    return texts.map((text) => JSON.parse(text) as Record<string, unknown>);
  }

  /** Packages of OpenTelemetry that it loaded. */
  get loaded(): Set<string> {
    return new Set([...this.#output.matchAll(/^loads (\S+)$/gm)].map(([, name = '']) => name));
  }

  /** Waits until it listens; answers its port. */
  up(): Promise<number> {
    return this.#up;
  }

  /** As a supervisor does; answers the exit code. */
  stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }
}
