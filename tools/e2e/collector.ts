import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as a collector is told of it. */
export interface CollectedSpan {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  /** Empty where it begins a trace. */
  parentSpanId: string;
  attributes: Record<string, unknown>;
  /** Ids of the traces that it is linked with. */
  links: string[];
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

/** What OTLP's JSON encoding of traces holds, as far as it is read here. */
interface ExportRequest {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: {
      spans: {
        name: string;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        attributes?: Attribute[];
        links?: { traceId: string }[];
      }[];
    }[];
  }[];
}

/** Takes what OTLP over HTTP sends in JSON; at command it takes everything and answers nothing. */
export class Collector {
  readonly url: string;
  readonly spans: CollectedSpan[] = [];
  /** Headers of each request. */
  readonly headers: NodeJS.Dict<string | string[]>[] = [];
  isDead = false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => {
      this.headers.push(request.headers);
      if (this.isDead) return;
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (text: string) => (body += text));
      request.on('end', () => {
        this.#take(JSON.parse(body) as ExportRequest);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
  }

  static async start(): Promise<Collector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Collector(server);
  }

  /** The spans of one trace. */
  of(traceId: string): CollectedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take({ resourceSpans }: ExportRequest): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = String(flat(resource.attributes)['service.name']);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const { name, traceId, spanId, parentSpanId = '', attributes = [], links = [] } = span;
        this.spans.push({
          service,
          name,
          traceId,
          spanId,
          parentSpanId,
          attributes: flat(attributes),
          links: links.map((link) => link.traceId),
        });
      }
    }
  }
}

function flat(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
