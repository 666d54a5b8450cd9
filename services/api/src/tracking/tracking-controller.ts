import { Body, Controller, Delete, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import type { TrackResponse } from '@dtm/api-contract';
import type { ReadModel } from '@dtm/read-model';
import type { z } from 'zod';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { unknownTag, wholeReferenceOfPath, type PathParameter } from '../reference/reference-path.ts';
import { AdminGuard } from './admin-guard.ts';
import { TagTracker } from './tag-tracker.ts';
import { trackBody } from './track-request.ts';

/** `POST /api/v1/tags` and `DELETE /api/v1/tags/{reference}`. */
@Controller('api/v1/tags')
export class TrackingController {
  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    private readonly tracker: TagTracker,
  ) {}

  @Post()
  @HttpCode(200)
  async track(@Body({ schema: trackBody }) body: z.infer<typeof trackBody>): Promise<TrackResponse> {
    return { results: await this.tracker.track(body.references) };
  }

  @Delete('*reference')
  @HttpCode(204)
  @UseGuards(AdminGuard)
  async untrack(@Param('reference') path: PathParameter): Promise<void> {
    const reference = wholeReferenceOfPath(path);
    const outcome = await this.tracker.untrack(reference);
    if (outcome === 'not-tracked' && (await this.readModel.findTag(reference.toString())) === null)
      throw unknownTag(reference);
  }
}
