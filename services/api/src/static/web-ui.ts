import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Logger } from '@nestjs/common';
import type { ReadModel } from '@dtm/read-model';
import type { Config } from '@dtm/service-host';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { publicOrigin } from '../crawlers/public-origin.ts';
import { headElements, headOf, withHead } from './page-head.ts';

/** Paths that are never the web UI's, however they are capitalised; the last ones are reserved for calls to come. */
const NOT_UI =
  /^\/(?:api|healthz|readyz|metrics|page-head|v2|feeds|badges|hooks)(?:\/|$)|^\/(?:robots\.txt|sitemap[^/]*\.xml)$/i;
/** Routes of the web UI: they get its page with status 200, whatever else gets the page with 404. */
const UI_ROUTES = /^\/(?:details\/.+|status|compare)?$/;
/** A name with a hash of the content in it, as the build writes them. */
const HASHED = /[.-][A-Za-z0-9_-]{8,}\.(?:js|css|woff2?|svg|png|webp|map)$/;

/** Serves the built web UI; nothing where there is none to serve. */
export function webUi(
  { staticDir, publicUrl }: Pick<Config, 'staticDir' | 'publicUrl'>,
  readModel: ReadModel,
): RequestHandler[] {
  if (staticDir === null) return [];
  const folder = resolve(staticDir);
  const index = join(folder, 'index.html');
  if (!existsSync(index)) {
    new Logger('WebUi').warn(`STATIC_DIR is ${staticDir}, but there is no index.html in it: no web UI is served`);
    return [];
  }
  const files = express.static(folder, { index: false, redirect: false, setHeaders: cacheHeaders });
  return [unlessApi(files), unlessApi(page(index, publicUrl, readModel))];
}

/**
 * `/page-head/<path of a page>`: what the page's head should say, for a web server that serves the pages itself and puts
 * it in (infra/web/nginx.conf); 204 where the page says it best by itself.
 */
export function pageHead(publicUrl: string | null, readModel: ReadModel): RequestHandler {
  return async (request, response, next) => {
    try {
      const head = await headOf(request.path, readModel, new Date());
      if (head === null) response.status(204).end();
      else {
        const elements = headElements(head, publicOrigin(publicUrl, request));
        response.set('cache-control', 'no-cache').type('html').send(elements);
      }
    } catch (error) {
      next(error);
    }
  };
}

function unlessApi(handler: RequestHandler): RequestHandler {
  return (request, response, next) => {
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (!reads || NOT_UI.test(request.path)) next();
    else void handler(request, response, next);
  };
}

function cacheHeaders(response: Response, path: string): void {
  response.setHeader('cache-control', HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
}

/** The one page there is; that of a tag says in its head what it is about, for those who run no script. */
function page(index: string, publicUrl: string | null, readModel: ReadModel): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    try {
      const [html, head] = await Promise.all([readFile(index, 'utf8'), headOf(request.path, readModel, new Date())]);
      response
        .status(UI_ROUTES.test(request.path) ? 200 : 404)
        .set('cache-control', 'no-cache')
        .type('html')
        .send(withHead(html, head, publicOrigin(publicUrl, request)));
    } catch (error) {
      next(error);
    }
  };
}
