import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { isTracing, readTraceContext, traced, type Span } from '@dtm/tracing';
import { isProbe } from './probes.ts';
import { giveRequestId } from './request-id.ts';

/** What Express adds to a request. */
interface Routed extends IncomingMessage {
  route?: { path?: unknown };
}

/**
 * What every request passes first: it gets an id, and a span. Registered when this is made, as the middleware of modules
 * comes only after what a service adds itself, and that answers some requests alone.
 */
@Injectable()
export class RequestFront {
  constructor(@Inject(HttpAdapterHost) { httpAdapter }: HttpAdapterHost) {
    httpAdapter.use((request: Routed, response: ServerResponse, next: () => void) => {
      giveRequestId(request, response);
      if (!isTracing() || isProbe(request.url)) next();
      else void withinSpan(request, response, next);
    });
  }
}

/** Goes on with the trace that the caller names, or begins one. */
function withinSpan(request: Routed, response: ServerResponse, next: () => void): Promise<void> {
  const { method = '', url = '' } = request;
  const parent = readTraceContext((name) => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : undefined;
  });
  const attributes = {
    'http.request.method': method,
    // Without its query, which is the caller's own.
    'url.path': url.split('?', 1)[0] ?? '',
    'dtm.request_id': String(request.id),
  };
  return traced(method, { kind: 'server', parent, attributes }, async (span) => {
    const closed = new Promise<null>((resolve) => response.once('close', () => resolve(null)));
    next();
    await closed;
    tell(span, request, response);
  });
}

function tell(span: Span, { method, route }: Routed, { statusCode, writableFinished }: ServerResponse): void {
  // A pattern, never a path: a name for each tag would be as many names as tags.
  if (typeof route?.path === 'string') {
    span.rename(`${String(method)} ${route.path}`);
    span.set({ 'http.route': route.path });
  }
  span.set({ 'http.response.status_code': statusCode });
  if (statusCode >= 500) span.fail(`answered ${statusCode}`);
  if (!writableFinished) span.set({ 'dtm.outcome': 'the client left' });
}
