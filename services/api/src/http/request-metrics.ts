import { isProbe, type Metrics } from '@dtm/service-host';
import type { RequestHandler } from 'express';

/** Connections that last as long as the client wants say nothing about speed. */
const LASTING = /^\/api\/v1\/(?:events|export\/)/i;

/**
 * Measures how long requests take, by route pattern and class of status. Not those of probes and scrapes: they come every
 * few seconds, so that on a quiet system they would be most of the calls, and hide that all others fail.
 */
export function requestMetrics(metrics: Metrics): RequestHandler {
  const seconds = metrics.histogram({
    name: 'dtm_http_request_seconds',
    help: 'Time from a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 5, 20],
  });
  return (request, response, next) => {
    const startedAt = performance.now();
    response.once('finish', () => {
      const { path } = request;
      if (LASTING.test(path) || isProbe(path)) return;
      const known = (request as { route?: { path?: unknown } }).route?.path;
      const route = typeof known === 'string' ? known : path.toLowerCase().startsWith('/api/') ? '/api/' : '/';
      seconds.observe(
        { method: request.method, route, status: `${Math.trunc(response.statusCode / 100)}xx` },
        (performance.now() - startedAt) / 1000,
      );
    });
    next();
  };
}
