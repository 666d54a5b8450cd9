import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { FREQUENCY_INTERVALS, type Frequency } from '@dtm/api-contract';
import type { ReadModel } from '@dtm/read-model';
import { CONFIG, type Config } from '@dtm/service-host';
import { z } from 'zod';
import { ProblemError } from '../problem/problem.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { referenceOfPath, unknownTag, type PathParameter } from '../reference/reference-path.ts';
import { shownSince } from '../tags/shown-history.ts';

const MAX_BUCKETS = 520;

const INSTANT_WORDS = 'a day such as 2026-11-22 or a time such as 2026-11-22T10:00:00Z';
const instantOfQuery = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], { error: INSTANT_WORDS })
  .transform((text) => new Date(text))
  // Further off, dates have no four-digit year, which PostgreSQL and RFC 3339 write otherwise.
  .refine((date) => date.getUTCFullYear() >= 1970 && date.getUTCFullYear() <= 9998, 'a time from 1970 on');

export const frequencyQuery = z
  .object({
    interval: z
      .enum(FREQUENCY_INTERVALS, { error: 'week or month' })
      .default('week')
      .describe('ISO weeks (from Monday) or calendar months, in UTC'),
    from: instantOfQuery.optional().describe(`First instant, ${INSTANT_WORDS}; by default the baseline's`),
    to: instantOfQuery.optional().describe('Last instant, likewise; by default now'),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
    path: ['to'],
    message: 'not before from',
  });

/** `GET /api/v1/tags/{reference}/frequency`. */
@Controller('api/v1/tags')
export class FrequencyController {
  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get('*reference/frequency')
  async count(
    @Param('reference') path: PathParameter,
    @Query({ schema: frequencyQuery }) query: z.infer<typeof frequencyQuery>,
  ): Promise<Frequency> {
    const reference = referenceOfPath(path);
    const name = reference.toString();
    const now = new Date();
    const { interval } = query;
    const to = query.to ?? null;
    if (to === null && query.from !== undefined && query.from > now) {
      throw new ProblemError('invalid-request', {
        title: 'from: it is in the future',
        errors: [{ field: 'from', message: 'it is in the future' }],
      });
    }
    const since = shownSince(this.config, now);
    const from = await this.#from(name, query.from ?? null, since, now);
    const buckets = await this.readModel.countChanges({
      reference: name,
      interval,
      from,
      to,
      since,
      now,
      maxBuckets: MAX_BUCKETS,
    });
    if (buckets.every(({ changes }) => changes === 0) && (await this.readModel.findTag(name)) === null)
      throw unknownTag(reference);
    return { interval, buckets: buckets.map(({ start, changes }) => ({ start: start.toISOString(), changes })) };
  }

  /** Where IMAGE_UPDATE_MAX_AGE bounds what is shown, nothing before it is counted, and no empty time before the baseline. */
  async #from(name: string, asked: Date | null, since: Date | null, now: Date): Promise<Date | null> {
    if (since === null) return asked;
    if (asked !== null) return later(asked, since);
    const baseline = (await this.readModel.describeTag(name, now, null))?.watchedSince ?? null;
    return baseline === null ? null : later(baseline, since);
  }
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}
