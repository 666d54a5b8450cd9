import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { ProblemError } from '../problem/problem.ts';
import { referenceOfPath } from '../reference/reference-path.ts';
import { EventStream } from './event-stream.ts';
import { LiveFeed } from './live-feed.ts';

export const eventsQuery = z.object({
  reference: z
    .string('given once')
    .max(700, 'at most 700 characters')
    .optional()
    .describe('Only what concerns this tag: its changes, and scans of its repository'),
});

/** `GET /api/v1/events`. */
@Controller('api/v1/events')
export class LiveController {
  constructor(private readonly feed: LiveFeed) {}

  @Get()
  async events(
    @Query({ schema: eventsQuery }) query: z.infer<typeof eventsQuery>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const reference = query.reference === undefined ? null : referenceOfPath(query.reference);
    // Express answers HEAD by the same handler; there is no end to wait for.
    if (request.method === 'HEAD') return void response.type('text/event-stream').end();
    await this.feed.subscribe(() => new EventStream(response), reference, sequenceOf(lastEventId));
  }
}

function sequenceOf(lastEventId: string | undefined): number | null {
  if (lastEventId === undefined || lastEventId === '') return null;
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId);
  const message = 'the id of an event of this stream: a whole number';
  throw new ProblemError('invalid-request', {
    title: `Last-Event-ID: ${message}`,
    errors: [{ field: 'Last-Event-ID', message }],
  });
}
