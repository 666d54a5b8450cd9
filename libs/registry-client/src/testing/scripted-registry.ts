import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request that is expected, and its answer. Used once unless `times` says otherwise. */
export interface ScriptedStep {
  method: 'HEAD' | 'GET' | 'POST';
  /** Path and query, exactly. */
  path: string;
  /** Value of the Authorization header; null: there is none. Left out: not looked at. */
  authorization?: string | null;
  /** What must be posted, exactly. Left out: not looked at. */
  sent?: string;
  /** How often; `any` may be never. Default 1. */
  times?: number | 'any';
  status?: number;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
  /** Answers in place of the fields above. */
  answer?: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/**
 * A registry, token service or redirect target that answers by script. A request that the script does not expect is
 * answered by 500 and fails the test in `verify`, as does a step that was not used.
 */
export class ScriptedRegistry {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** All requests, in order. */
  readonly seen: SeenRequest[] = [];
  /** Connections accepted so far. */
  connections = 0;
  readonly #server: Server;
  readonly #steps: { step: ScriptedStep; left: number }[] = [];
  readonly #unexpected: string[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', () => this.connections++);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      // Requests without a body are answered at once: some tests count on the order.
      if (request.method !== 'POST') this.#answer(request, response, '');
      else {
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => this.#answer(request, response, Buffer.concat(chunks).toString('utf8')));
      }
    });
  }

  static async start(options: { tls?: { key: string; cert: string } } = {}): Promise<ScriptedRegistry> {
    const noListener: RequestListener = () => undefined;
    const server = options.tls === undefined ? createServer(noListener) : createTlsServer(options.tls, noListener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedRegistry(server);
  }

  /** Adds steps; of several that fit a request, the one added first is used. */
  expect(...steps: ScriptedStep[]): void {
    for (const step of steps) {
      this.#steps.push({ step, left: step.times === 'any' ? Number.POSITIVE_INFINITY : (step.times ?? 1) });
    }
  }

  /** Throws where a request was not expected or a step was not used. Call it at the end of each test. */
  verify(): void {
    const unused = this.#steps
      .filter(({ left }) => left > 0 && left !== Number.POSITIVE_INFINITY)
      .map(({ step, left }) => `not asked (${left}x): ${step.method} ${step.path}`);
    const faults = [...this.#unexpected, ...unused];
    if (faults.length > 0) throw new Error(`scripted registry ${this.host}:\n${faults.join('\n')}`);
  }

  /** Breaks off all connections. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const { method = '', url = '' } = request;
    this.seen.push({ method, path: url, headers: request.headers, body });
    const sent = request.headers.authorization ?? null;
    const entry = this.#steps.find(
      ({ step, left }) =>
        left > 0 &&
        step.method === method &&
        step.path === url &&
        (step.authorization === undefined || step.authorization === sent) &&
        (step.sent === undefined || step.sent === body),
    );
    if (entry === undefined) {
      this.#unexpected.push(
        `unexpected: ${method} ${url} authorization=${sent ?? 'none'}${body === '' ? '' : ` body=${body}`}`,
      );
      response.writeHead(500).end('unexpected');
      return;
    }
    entry.left -= 1;
    const { step } = entry;
    if (step.answer !== undefined) {
      step.answer(request, response);
      return;
    }
    const answer = step.body ?? '';
    response.writeHead(step.status ?? 200, { 'content-length': Buffer.byteLength(answer), ...step.headers });
    response.end(method === 'HEAD' ? undefined : answer);
  }
}
