import { Metrics, type DatabaseConfig } from '@dtm/service-host';
import type { ReadModel } from '@dtm/read-model';
import type { NestExpressApplication } from '@nestjs/platform-express';
import compression from 'compression';
import type { RequestHandler } from 'express';
import { openApi } from '../openapi/serve.ts';
import { ProblemError } from '../problem/problem.ts';
import { ProblemFilter } from '../problem/problem-filter.ts';
import { validationPipe } from '../problem/validation.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { pageHead, webUi } from '../static/web-ui.ts';
import { compressedJson } from './compressed-json.ts';
import { requestMetrics } from './request-metrics.ts';

/** Room for 100 references of the greatest length, and more. */
const BODY_LIMIT = '1mb';

/** What goes around every call: limits, headers, problems, the web UI. */
export function configureHttp(app: NestExpressApplication, config: DatabaseConfig): void {
  if (config.trustProxy.length > 0) app.set('trust proxy', config.trustProxy);
  // `a[b]=c` has no meaning here, so queries are flat.
  app.set('query parser', 'simple');
  app.useSecurityHeaders({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'self'"],
        'base-uri': ["'self'"],
        'connect-src': ["'self'"],
        'font-src': ["'self'", 'data:'],
        'form-action': ["'self'"],
        'frame-ancestors': ["'none'"],
        'img-src': ["'self'", 'data:'],
        'object-src': ["'none'"],
        'script-src': ["'self'"],
        'script-src-attr': ["'none'"],
        // Angular writes the styles of its components into the page.
        'style-src': ["'self'", "'unsafe-inline'"],
      },
    },
    // Whoever ends TLS in front of the api decides this; on plain HTTP it has no meaning.
    strictTransportSecurity: false,
  });
  app.use(requestMetrics(app.get(Metrics)));
  app.use(
    compression({
      filter: (request, response) =>
        !isEventStream(response.getHeader('content-type')) && compression.filter(request, response),
    }),
  );
  app.use('/api/v1', answerHeaders);
  app.use('/api/v1', compressedJson);
  app.use('/api/v1', jsonOnly);
  app.useBodyParser('json', { limit: BODY_LIMIT });
  openApi(app);
  const readModel = app.get<ReadModel>(READ_MODEL);
  app.use('/page-head', pageHead(config.publicUrl, readModel));
  for (const handler of webUi(config, readModel)) app.use(handler);
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ProblemFilter());
}

/** Answers may be kept but must be asked for again: every one of them can change at any time. */
const answerHeaders: RequestHandler = (_request, response, next) => {
  response.setHeader('cache-control', 'no-cache');
  next();
};

/** A body of another type would be passed over and look like a missing one. */
const jsonOnly: RequestHandler = (request, _response, next) => {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (request.method === 'POST' && hasBody && request.is('json') === false) {
    next(new ProblemError('not-json', { title: 'body: send JSON with content-type: application/json' }));
  } else {
    next();
  }
};

function isEventStream(contentType: number | string | string[] | undefined): boolean {
  return typeof contentType === 'string' && contentType.startsWith('text/event-stream');
}
