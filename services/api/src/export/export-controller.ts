import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Controller, Get, Inject, Logger, Req, Res } from '@nestjs/common';
import type { LiveChangeRow, ReadModel } from '@dtm/read-model';
import type { Request, Response } from 'express';
import { change } from '../changes/change.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';

/** `GET /api/v1/export/changes.ndjson`: the whole record, whatever IMAGE_UPDATE_MAX_AGE says. */
@Controller('api/v1/export')
export class ExportController {
  readonly #logger = new Logger('Export');

  constructor(@Inject(READ_MODEL) private readonly readModel: ReadModel) {}

  @Get('changes.ndjson')
  async changes(@Req() request: Request, @Res() response: Response): Promise<void> {
    // Express answers HEAD by the same handler, which would read the whole history for an answer without a body.
    if (request.method === 'HEAD') return void withHeaders(response).end();
    const batches = this.readModel.exportChanges()[Symbol.asyncIterator]();
    // The first batch comes before the first header, so that a database that is away is still told as a problem.
    const first = await batches.next();
    withHeaders(response);
    try {
      await pipeline(Readable.from(lines(first, batches)), response);
    } catch (error) {
      // The reader went away, or the database did: a cut response without its end is how the reader is told.
      this.#logger.warn(`the export ended early: ${error instanceof Error ? error.message : String(error)}`);
      response.destroy();
    }
  }
}

function withHeaders(response: Response): Response {
  return response
    .status(200)
    .type('application/x-ndjson')
    .set('content-disposition', 'attachment; filename="changes.ndjson"');
}

async function* lines(
  first: IteratorResult<LiveChangeRow[]>,
  batches: AsyncIterator<LiveChangeRow[]>,
): AsyncGenerator<string> {
  for (let next = first; next.done !== true; next = await batches.next()) {
    let text = '';
    for (const row of next.value) text += `${JSON.stringify({ reference: row.reference, ...change(row) })}\n`;
    if (text !== '') yield text;
  }
}
