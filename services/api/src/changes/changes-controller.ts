import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import type { Change, Page } from '@dtm/api-contract';
import type { ReadModel } from '@dtm/read-model';
import { CONFIG, type Config } from '@dtm/service-host';
import { z } from 'zod';
import { offsetOf, pageOf, pagingFields } from '../paging/paging.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { referenceOfPath, unknownTag, type PathParameter } from '../reference/reference-path.ts';
import { shownSince } from '../tags/shown-history.ts';
import { change } from './change.ts';

export const changesQuery = z.object(pagingFields);

/** `GET /api/v1/tags/{reference}/changes`. */
@Controller('api/v1/tags')
export class ChangesController {
  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get('*reference/changes')
  async list(
    @Param('reference') path: PathParameter,
    @Query({ schema: changesQuery }) query: z.infer<typeof changesQuery>,
  ): Promise<Page<Change>> {
    const reference = referenceOfPath(path);
    const offset = offsetOf(query);
    const { rows, total } = await this.readModel.listChanges({
      reference: reference.toString(),
      limit: query.limit,
      offset,
      since: shownSince(this.config, new Date()),
    });
    if (total === 0 && (await this.readModel.findTag(reference.toString())) === null) throw unknownTag(reference);
    return pageOf(query, offset, rows.map(change), total);
  }
}
