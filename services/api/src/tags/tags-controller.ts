import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { SORT_ORDERS, TAG_SORTS, TAG_STATES, type Page, type TagDetails, type TagSummary } from '@dtm/api-contract';
import type { Reference } from '@dtm/oci';
import type { ReadModel } from '@dtm/read-model';
import { CONFIG, type Config } from '@dtm/service-host';
import { z } from 'zod';
import { Bus } from '../bus/bus.ts';
import { offsetOf, pageOf, pagingFields } from '../paging/paging.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { unknownTag, wholeReferenceOfPath, type PathParameter } from '../reference/reference-path.ts';
import { inactiveBefore, shownSince } from './shown-history.ts';
import { instant, tagSummary } from './tag-summary.ts';
import { ViewRecorder } from './view-recorder.ts';

/** The page waits no longer than this for what only the scheduler knows. */
const NEXT_SCAN_DEADLINE_MS = 1000;

export const listTagsQuery = z.object({
  q: z
    .string('given once')
    .max(300, 'at most 300 characters')
    .regex(/^[\x20-\x7e]*$/, 'printable ASCII, as references are')
    .optional()
    .describe('Part of a registry, repository or tag; `[registry/]repository[:tag]` narrows each part'),
  state: z
    .enum(TAG_STATES, { error: `one of ${TAG_STATES.join(', ')}` })
    .optional()
    .describe('Only tags in this state'),
  sort: z
    .enum(TAG_SORTS, { error: `one of ${TAG_SORTS.join(', ')}` })
    .default('lastChangedAt')
    .describe('Column to sort by'),
  order: z
    .enum(SORT_ORDERS, { error: 'asc or desc' })
    .optional()
    .describe('By default `desc` for counts and times, `asc` for names'),
  ...pagingFields,
});

/** `GET /api/v1/tags` and `GET /api/v1/tags/{reference}`. */
@Controller('api/v1/tags')
export class TagsController {
  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    @Inject(CONFIG) private readonly config: Config,
    private readonly bus: Bus,
    private readonly views: ViewRecorder,
  ) {}

  @Get()
  async list(@Query({ schema: listTagsQuery }) query: z.infer<typeof listTagsQuery>): Promise<Page<TagSummary>> {
    const now = new Date();
    const offset = offsetOf(query);
    const byName = query.sort === 'registry' || query.sort === 'repository' || query.sort === 'tag';
    const { rows, total } = await this.readModel.listTags({
      q: query.q?.trim() || null,
      state: query.state ?? null,
      sort: query.sort,
      order: query.order ?? (byName ? 'asc' : 'desc'),
      limit: query.limit,
      offset,
      now,
      inactiveBefore: inactiveBefore(this.config, now),
    });
    return pageOf(query, offset, rows.map(tagSummary), total);
  }

  @Get('*reference')
  async details(@Param('reference') path: PathParameter): Promise<TagDetails> {
    const reference = wholeReferenceOfPath(path);
    const now = new Date();
    const name = reference.toString();
    const asOf = { now, inactiveBefore: inactiveBefore(this.config, now) };
    const [found, next] = await Promise.all([
      this.readModel.detailTag(name, asOf, shownSince(this.config, now)),
      this.#nextScan(reference),
    ]);
    if (found === null) throw unknownTag(reference);
    const { tag, description } = found;
    this.views.viewed(reference, tag.state);
    const { watchedSince, coveredSince, recentGaps, ...cadence } = description;
    return {
      ...tagSummary(tag),
      cadence: { ...cadence, watchedSince: instant(watchedSince) },
      coverage: {
        since: instant(coveredSince),
        recentGaps: recentGaps.map(({ from, to }) => ({ from: instant(from), to: instant(to) })),
      },
      nextScanAt: next.at,
      nextScanReason: next.reason,
    };
  }

  async #nextScan(reference: Reference): Promise<{ at: string | null; reason: string | null }> {
    try {
      return await this.bus.nextScan(reference, NEXT_SCAN_DEADLINE_MS);
    } catch {
      return { at: null, reason: 'the scheduler does not answer' };
    }
  }
}
