import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Logger } from '@nestjs/common';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';

/** Paths that are never the web UI's; the last ones are reserved for calls to come. */
const NOT_UI = /^\/(?:api|healthz|readyz|metrics|v2|feeds|badges|hooks)(?:\/|$)/;
/** Routes of the web UI: they get its page with status 200, whatever else gets the page with 404. */
const UI_ROUTES = /^\/(?:details\/.+|status|compare)?$/;
/** A name with a hash of the content in it, as the build writes them. */
const HASHED = /[.-][A-Za-z0-9_-]{8,}\.(?:js|css|woff2?|svg|png|webp|map)$/;

const HOST = /^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$|^\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?$/;

/** Serves the built web UI; null where there is none to serve. */
export function webUi(staticDir: string | null): RequestHandler[] {
  if (staticDir === null) return [];
  const folder = resolve(staticDir);
  const index = join(folder, 'index.html');
  if (!existsSync(index)) {
    new Logger('WebUi').warn(`STATIC_DIR is ${staticDir}, but there is no index.html in it: no web UI is served`);
    return [];
  }
  const files = express.static(folder, { index: false, redirect: false, setHeaders: cacheHeaders });
  return [unlessApi(crawlerFiles), unlessApi(files), unlessApi(page(index))];
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

function page(index: string): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    try {
      const html = await readFile(index);
      response
        .status(UI_ROUTES.test(request.path) ? 200 : 404)
        .set('cache-control', 'no-cache')
        .type('html')
        .send(html);
    } catch (error) {
      next(error);
    }
  };
}

/** `/robots.txt` and `/sitemap.xml`: the pages are for all, the API is nothing to index. */
function crawlerFiles(request: Request, response: Response, next: NextFunction): void {
  const host = request.get('host') ?? '';
  const origin = HOST.test(host) ? `${request.protocol}://${host}` : null;
  if (request.path === '/robots.txt') {
    const sitemap = origin === null ? '' : `Sitemap: ${origin}/sitemap.xml\n`;
    response.type('text/plain').send(`User-agent: *\nDisallow: /api/\n${sitemap}`);
  } else if (request.path === '/sitemap.xml' && origin !== null) {
    const urls = ['/', '/status'].map((path) => `  <url><loc>${origin}${path}</loc></url>`).join('\n');
    response
      .type('application/xml')
      .send(
        `<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${urls}\n</urlset>\n`,
      );
  } else {
    next();
  }
}
