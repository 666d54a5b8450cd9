/** A server as a child process: its output by lines, its readiness, its end. It never outlives this process. */
export class ServerProcess {
  constructor(options: {
    name: string;
    command: string;
    args: string[];
    env?: Record<string, string | undefined>;
    cwd?: string;
    uid?: number;
    gid?: number;
    politeSignal?: NodeJS.Signals;
    onLine?: (line: string) => void;
  });
  readonly name: string;
  readonly pid: number | undefined;
  readonly running: boolean;
  /** The last lines that the server wrote. */
  readonly output: string;
  /** Settles when the process is gone. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Waits until `check` says yes; throws with the server's own words if it ends before, or after `timeoutMs`. */
  ready(check: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void>;
  /** Whether one of the last lines contains `text`. */
  wrote(text: string): boolean;
  kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Asks politely, insists with SIGKILL after `graceMs` (default 10,000). */
  stop(graceMs?: number): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** A PostgreSQL server on 127.0.0.1; its cluster (UTF-8, UTC) is made in `home` at the first start. */
export function startPostgresServer(options: {
  /** Folder for the cluster. */
  home: string;
  /** Of the user postgres; set when the cluster is made. */
  password: string;
  port?: number;
  /** Faster and not crash-safe, for tests. */
  forgetful?: boolean;
  onLine?: (line: string) => void;
}): Promise<{
  url: string;
  port: number;
  process: ServerProcess;
  /** Where the data are: the `home` asked for, unless `note` says otherwise. */
  home: string;
  /** Set where the data are not in `home`: a sentence that says where and why. */
  note?: string;
}>;

/** A NATS server with JetStream on 127.0.0.1. */
export function startNatsServer(options: {
  storeDir: string;
  binary?: string;
  port?: number;
  /** Every write reaches the disk before it is acknowledged, where the server can do that (2.10 and later). */
  durable?: boolean;
  /** More lines for the server's configuration. */
  extra?: string;
  onLine?: (line: string) => void;
}): Promise<{ url: string; port: number; version: string; syncAlways: boolean; process: ServerProcess }>;

/** The NATS server's binary: NATS_SERVER_BIN, else on PATH, else in the usual folders. */
export function findNatsServer(env?: Record<string, string | undefined>): string | undefined;

/** @returns such as `2.9.10` */
export function natsServerVersion(binary: string): string;

/** The server's configuration for the version found. */
export function natsConfiguration(options: {
  version: string;
  host?: string;
  port: number;
  storeDir: string;
  durable: boolean;
  extra?: string;
}): string;

/** A free port on 127.0.0.1: the preferred one if it is free. */
export function freePort(preferred?: number): Promise<number>;

/** Whether a server could listen there now (default host 127.0.0.1). */
export function isPortFree(port: number, host?: string): Promise<boolean>;

/** Has `pid` ended when this process ends for whatever reason; call the result once the child is gone. */
export function endWithParent(pid: number, signal: NodeJS.Signals): () => void;
