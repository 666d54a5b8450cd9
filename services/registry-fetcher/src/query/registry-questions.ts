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

/** Injects the `RegistryClient` for questions that a person waits for: it has its own share of each registry's budget. */
export const QUESTION_CLIENT = Symbol('QuestionClient');

/** Answers what the api must ask a registry right now. */
@Controller()
@UseFilters(KeepErrorClass)
export class RegistryQuestions {
  constructor(@Inject(QUESTION_CLIENT) private readonly client: RegistryClient) {}

  @MessagePattern(QUERIES.tagExists)
  async tagExists(@Payload() question: TagQuestion): Promise<TagExistsAnswer> {
    const reference = Reference.of(question.registry, question.repository, question.tag);
    try {
      const observation = await this.client.observe(reference);
      if (observation.outcome === 'present') return { outcome: 'exists' };
      return { outcome: 'not-found', reason: `${reference.registry} has no tag ${reference.toString()}` };
    } catch (error) {
      return refusalOf(error);
    }
  }

  @MessagePattern(QUERIES.availableTags)
  async availableTags(@Payload() question: RepositoryQuestion): Promise<AvailableTagsAnswer> {
    const name = RepositoryName.of(question.registry, question.repository);
    try {
      const { tags } = await this.client.listTags(name);
      return { outcome: 'listed', tags };
    } catch (error) {
      return refusalOf(error);
    }
  }
}

/** A registry's failure as an answer; anything else is a fault of this program and thrown on. */
function refusalOf(error: unknown): QueryRefusal {
  if (!isRegistryFailure(error)) throw error;
  const { code, message: reason, retryAt } = error;
  switch (code) {
    case 'unauthorized':
    case 'not-found':
      return {
        outcome: 'not-found',
        reason: `${reason}; it is missing or private, which registries do not tell apart`,
      };
    case 'refused':
      return { outcome: 'refused', reason };
    case 'throttled':
      return { outcome: 'throttled', reason, ...(retryAt === undefined ? {} : { retryAt: retryAt.toISOString() }) };
    default:
      return { outcome: 'unreachable', reason };
  }
}
