import { Controller, Get, Inject } from '@nestjs/common';
import type { SourceInfo } from '@dtm/api-contract';
import { CONFIG, VERSION, type Config } from '@dtm/service-host';
import { StarCount } from './star-count.ts';

/** `GET /api/v1/source`: the version, and where the source code is. */
@Controller('api/v1/source')
export class SourceController {
  readonly #url: string | null;
  readonly #starCount: StarCount | null;

  constructor(@Inject(CONFIG) config: Config) {
    this.#url = config.sourceUrl === 'none' ? null : config.sourceUrl;
    this.#starCount = this.#url === null ? null : new StarCount(this.#url);
  }

  @Get()
  async source(): Promise<SourceInfo> {
    return { version: VERSION, url: this.#url, stars: (await this.#starCount?.stars()) ?? null };
  }
}
