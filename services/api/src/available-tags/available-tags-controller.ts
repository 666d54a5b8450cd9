import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import type { AvailableTags } from '@dtm/api-contract';
import { isArtifactTag, isDigestLikeTag, sortedNewestFirst } from '@dtm/oci';
import type { ReadModel } from '@dtm/read-model';
import { z } from 'zod';
import { Bus } from '../bus/bus.ts';
import { wholeNumber } from '../paging/paging.ts';
import { registryRefusal } from '../problem/registry-refusal.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { repositoryOfPath, type PathParameter } from '../reference/reference-path.ts';
import { tagFilter } from './tag-filter.ts';

const DEADLINE_MS = 20_000;

export const availableTagsQuery = z.object({
  filter: z
    .string()
    .max(128, 'at most 128 characters, as tags have')
    .default('')
    .describe('A glob where it has `*` or `?`, else a part of the tag'),
  without: z
    .string()
    .max(128, 'at most 128 characters, as tags have')
    .optional()
    .describe('A tag to leave out, such as the one that somebody looks at'),
  limit: wholeNumber(1, 1000).prefault('50').describe('Tags at most'),
});

/** `GET /api/v1/repositories/{registry/repository}/available-tags`: asked live. */
@Controller('api/v1/repositories')
export class AvailableTagsController {
  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    private readonly bus: Bus,
  ) {}

  @Get('*repository/available-tags')
  async list(
    @Param('repository') path: PathParameter,
    @Query({ schema: availableTagsQuery }) query: z.infer<typeof availableTagsQuery>,
  ): Promise<AvailableTags> {
    const name = repositoryOfPath(path);
    const [answer, tracked] = await Promise.all([
      this.bus.availableTags(name, DEADLINE_MS),
      this.readModel.trackedTags(name.registry, name.repository),
    ]);
    if (answer.outcome !== 'listed') throw registryRefusal(name.toString(), answer);
    const passes = tagFilter(query.filter.trim());
    const matching = answer.tags.filter((tag) => tag !== query.without && !isArtifactTag(tag) && passes(tag));
    const shown = newestFirst(matching).slice(0, query.limit);
    return { items: shown.map((tag) => ({ tag, tracked: tracked.has(tag) })), more: matching.length - shown.length };
  }
}

/** Tags that name one build for ever are last: nobody waits for them to change. */
function newestFirst(tags: string[]): string[] {
  const others = tags.filter((tag) => !isDigestLikeTag(tag));
  return [...sortedNewestFirst(others), ...sortedNewestFirst(tags.filter(isDigestLikeTag))];
}
