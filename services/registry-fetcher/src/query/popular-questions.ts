import { Controller, Inject, UseFilters } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { KeepErrorClass, QUERIES, type PopularImagesAnswer, type PopularImagesQuestion } from '@dtm/jetstream';
import { AdapterChooser } from '@dtm/registry-client';

/** The scheduler gives up later, after five minutes: what hangs is to be told as such. */
const WITHIN_MS = 280_000;

/**
 * Answers what is popular on Docker Hub, one request after another and out of the scans' share of its budget, as nobody
 * waits for it.
 */
@Controller()
@UseFilters(KeepErrorClass)
export class PopularQuestions {
  constructor(@Inject(AdapterChooser) private readonly chooser: Pick<AdapterChooser, 'listPopular'>) {}

  @MessagePattern(QUERIES.popularImages)
  async popularImages(@Payload() { count }: PopularImagesQuestion): Promise<PopularImagesAnswer> {
    const signal = AbortSignal.timeout(WITHIN_MS);
    try {
      const { images, failure } = await this.chooser.listPopular(count, { signal });
      return {
        images: images.map(({ repository: { registry, repository }, tags }) => ({ registry, repository, tags })),
        failure: failure === null ? null : { code: failure.code, reason: failure.reason },
      };
    } catch (error) {
      if (error !== signal.reason) throw error;
      return { images: [], failure: { code: 'timeout', reason: `it took longer than ${WITHIN_MS / 1000} s` } };
    }
  }
}
