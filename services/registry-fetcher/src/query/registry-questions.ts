import { Controller, Inject, UseFilters } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  KeepErrorClass,
  QUERIES,
  type AvailableTagsAnswer,
  type QueryRefusal,
  type RepositoryQuestion,
  type TagExistsAnswer,
  type TagQuestion,
} from '@dtm/jetstream';
import { Reference, RepositoryName } from '@dtm/oci';
import { isRegistryFailure, type RegistryClient } from '@dtm/registry-client';
import { newestThatFit } from './newest-that-fit.ts';

/** Injects the `RegistryClient` for questions that a person waits for: it has its own share of each registry's budget. */
export const QUESTION_CLIENT = Symbol('QuestionClient');

/** The api gives up later: what hangs is to be told as "unreachable", not as silence of this service. */
const TAG_WITHIN_MS = 10_000;
const LIST_WITHIN_MS = 18_000;
/** Of an answer's tags; NATS takes messages up to 1 MB. */
const LIST_BYTES = 900_000;

/** Answers what the api must ask a registry right now. */
@Controller()
@UseFilters(KeepErrorClass)
export class RegistryQuestions {
  constructor(@Inject(QUESTION_CLIENT) private readonly client: RegistryClient) {}

  @MessagePattern(QUERIES.tagExists)
  async tagExists(@Payload() question: TagQuestion): Promise<TagExistsAnswer> {
    const reference = Reference.of(question.registry, question.repository, question.tag);
    return within(TAG_WITHIN_MS, async (signal): Promise<TagExistsAnswer> => {
      const observation = await this.client.observe(reference, { signal });
      if (observation.outcome === 'present') return { outcome: 'exists' };
      return { outcome: 'not-found', reason: `${reference.registry} has no tag ${reference.toString()}` };
    });
  }

  @MessagePattern(QUERIES.availableTags)
  async availableTags(@Payload() question: RepositoryQuestion): Promise<AvailableTagsAnswer> {
    const name = RepositoryName.of(question.registry, question.repository);
    return within(LIST_WITHIN_MS, async (signal): Promise<AvailableTagsAnswer> => {
      const { tags } = await this.client.listTags(name, { signal });
      return { outcome: 'listed', tags: await newestThatFit(tags, LIST_BYTES) };
    });
  }
}

/** A registry's failure, and its silence, as an answer; anything else is a fault of this program and thrown on. */
async function within<T>(ms: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T | QueryRefusal> {
  const signal = AbortSignal.timeout(ms);
  try {
    return await ask(signal);
  } catch (error) {
    if (error === signal.reason) {
      return { outcome: 'unreachable', reason: `the registry gave no answer within ${ms / 1000} s` };
    }
    return refusalOf(error);
  }
}

function refusalOf(error: unknown): QueryRefusal {
  if (!isRegistryFailure(error)) throw error;
  const { code, reason, retryAt } = error;
  switch (code) {
    // Registries do not tell a missing repository from a private one.
    case 'unauthorized':
    case 'not-found':
      return { outcome: 'not-found', reason };
    case 'refused':
      return { outcome: 'refused', reason };
    case 'throttled':
      return { outcome: 'throttled', reason, ...(retryAt === undefined ? {} : { retryAt: retryAt.toISOString() }) };
    default:
      return { outcome: 'unreachable', reason };
  }
}
