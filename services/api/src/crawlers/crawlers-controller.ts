import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Controller, Get, Header, Inject, Logger, Param, Req, Res } from '@nestjs/common';
import type { ReadModel } from '@dtm/read-model';
import { CONFIG, type Config } from '@dtm/service-host';
import type { Request, Response } from 'express';
import { ProblemError } from '../problem/problem.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { escaped } from './escaped.ts';
import { publicOrigin } from './public-origin.ts';

/** What the protocol of sitemaps allows in one file. */
export const TAGS_PER_SITEMAP = 50_000;
const BATCH = 5_000;
const XML = '<?xml version="1.0" encoding="UTF-8"?>\n';
const NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"';

/** `/robots.txt` and the sitemaps: the pages are for all, the API is nothing to index. */
@Controller()
export class CrawlersController {
  readonly #logger = new Logger('Sitemap');

  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get('robots.txt')
  @Header('content-type', 'text/plain; charset=utf-8')
  robots(@Req() request: Request): string {
    const origin = publicOrigin(this.config.publicUrl, request);
    const sitemap = origin === null ? '' : `Sitemap: ${origin}/sitemap.xml\n`;
    return `User-agent: *\nDisallow: /api/\n${sitemap}`;
  }

  /** The index of the sitemaps: one of the pages themselves, and one for each 50,000 tags. */
  @Get('sitemap.xml')
  @Header('content-type', 'application/xml; charset=utf-8')
  async index(@Req() request: Request): Promise<string> {
    const origin = this.#origin(request);
    const files = Math.ceil((await this.#newestNumber()) / TAGS_PER_SITEMAP);
    const names = ['sitemap-pages.xml', ...Array.from({ length: files }, (_, at) => `sitemap-${at + 1}.xml`)];
    const entries = names.map((name) => `<sitemap><loc>${origin}/${name}</loc></sitemap>\n`).join('');
    return `${XML}<sitemapindex ${NAMESPACE}>\n${entries}</sitemapindex>\n`;
  }

  @Get('sitemap-pages.xml')
  @Header('content-type', 'application/xml; charset=utf-8')
  pages(@Req() request: Request): string {
    const origin = this.#origin(request);
    return `${XML}<urlset ${NAMESPACE}>\n${entryOf(`${origin}/`)}${entryOf(`${origin}/status`)}</urlset>\n`;
  }

  @Get('sitemap-:number.xml')
  async tags(@Param('number') text: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const origin = this.#origin(request);
    const number = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
    const first = (number - 1) * TAGS_PER_SITEMAP + 1;
    const newest = number === 0 ? 0 : await this.#newestNumber();
    if (number === 0 || first > newest) {
      throw new ProblemError('not-found', { title: 'There is no such sitemap: see /sitemap.xml' });
    }
    response.status(200).type('application/xml');
    // Express answers HEAD by the same handler, which would read all those tags for an answer without a body.
    if (request.method === 'HEAD') return void response.end();
    try {
      await pipeline(
        Readable.from(this.#lines(origin, first, Math.min(newest, first + TAGS_PER_SITEMAP - 1))),
        response,
      );
    } catch (error) {
      // The crawler went away, or the database did: a cut response is how the crawler is told.
      this.#logger.warn(`a sitemap ended early: ${error instanceof Error ? error.message : String(error)}`);
      response.destroy();
    }
  }

  async *#lines(origin: string, first: number, last: number): AsyncGenerator<string> {
    yield `${XML}<urlset ${NAMESPACE}>\n`;
    for (let from = first; from <= last; from += BATCH) {
      const tags = await this.readModel.tagReferences(from, Math.min(last, from + BATCH - 1));
      yield tags.map((tag) => entryOf(`${origin}/details/${tag.reference}`, tag.lastChangedAt)).join('');
    }
    yield '</urlset>\n';
  }

  /** Tags are numbered one by one, so that the newest number is how many there are. */
  async #newestNumber(): Promise<number> {
    const now = new Date();
    const { total } = await this.readModel.listTags({
      q: null,
      state: null,
      sort: 'tag',
      order: 'asc',
      limit: 1,
      offset: 0,
      now,
      inactiveBefore: now,
    });
    return total;
  }

  #origin(request: Request): string {
    const origin = publicOrigin(this.config.publicUrl, request);
    if (origin === null) {
      throw new ProblemError('invalid-request', { title: 'The Host of the request is none: set PUBLIC_URL' });
    }
    return escaped(origin);
  }
}

function entryOf(url: string, lastChangedAt: Date | null = null): string {
  const lastmod = lastChangedAt === null ? '' : `<lastmod>${lastChangedAt.toISOString()}</lastmod>`;
  return `<url><loc>${escaped(url)}</loc>${lastmod}</url>\n`;
}
