import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import type { ScanDays, ScanNowResponse } from '@dtm/api-contract';
import { isInvalid, Reference } from '@dtm/oci';
import type { ReadModel } from '@dtm/read-model';
import { z } from 'zod';
import { Bus } from '../bus/bus.ts';
import { LimitedPerClient } from '../http/client-limits.ts';
import { wholeNumber } from '../paging/paging.ts';
import { ProblemError } from '../problem/problem.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { unknownTag } from '../reference/reference-path.ts';

const DEADLINE_MS = 5000;

export const scanDaysQuery = z.object({
  days: wholeNumber(1, 366).prefault('50').describe('Days back, today included'),
});

export const scanNowBody = z.strictObject({
  reference: z.string({ error: 'a text such as "docker.io/library/nginx:latest"' }).describe('A tracked tag'),
});

/** `GET /api/v1/scans/days` and `POST /api/v1/scans`. */
@Controller('api/v1/scans')
export class ScansController {
  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    private readonly bus: Bus,
  ) {}

  @Get('days')
  async days(@Query({ schema: scanDaysQuery }) query: z.infer<typeof scanDaysQuery>): Promise<ScanDays> {
    return { items: await this.readModel.scanDays(query.days, new Date()) };
  }

  @Post()
  @HttpCode(202)
  @LimitedPerClient()
  async scanNow(@Body({ schema: scanNowBody }) body: z.infer<typeof scanNowBody>): Promise<ScanNowResponse> {
    const reference = Reference.parse(body.reference);
    if (isInvalid(reference)) {
      throw new ProblemError('invalid-reference', {
        title: `"${reference.text}" is not a reference: ${reference.reason}`,
        errors: [{ field: 'reference', message: reference.reason }],
      });
    }
    const name = reference.toString();
    if (!(await this.readModel.trackedAmong([name])).has(name)) throw unknownTag(reference);
    const { dueAt } = await this.bus.scanNow(reference.name, DEADLINE_MS);
    return { reference: name, dueAt };
  }
}
