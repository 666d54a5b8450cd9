import type { RequestInfo } from '@dtm/registry-client';
import { noteSpan } from '@dtm/tracing';

/**
 * Tells traces of a request to a registry: whom and how, never with which path, query or header, as these may hold tokens.
 * What a registry is sent says nothing of the trace: it is no business of others.
 */
export function traceRequest(
  registry: string,
  { method, host, purpose, status, failure, milliseconds }: RequestInfo,
): void {
  // It may bear a port.
  const { hostname = host, port = '' } = URL.parse(`https://${host}`) ?? {};
  noteSpan(method, {
    kind: 'client',
    milliseconds,
    attributes: {
      'http.request.method': method,
      'server.address': hostname,
      ...(port === '' ? {} : { 'server.port': Number(port) }),
      'dtm.registry': registry,
      'dtm.purpose': purpose,
      ...(status === null ? {} : { 'http.response.status_code': status }),
      ...(failure === undefined ? {} : { 'error.type': failure }),
    },
    ...(failure === undefined ? {} : { failure: `no answer: ${failure}` }),
  });
}
