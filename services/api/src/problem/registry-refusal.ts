import type { QueryRefusal } from '@dtm/jetstream';
import { ProblemError, type ProblemKind } from './problem.ts';

const KINDS: Readonly<Record<QueryRefusal['outcome'], ProblemKind>> = {
  'not-found': 'unknown-repository',
  refused: 'refused',
  unreachable: 'registry-unreachable',
  throttled: 'throttled',
};

/** What is answered where a registry gave no answer about `subject`. */
export function registryRefusal(subject: string, refusal: QueryRefusal): ProblemError {
  const { retryAt } = refusal;
  const seconds = retryAt === undefined ? 0 : Math.max(1, Math.ceil((Date.parse(retryAt) - Date.now()) / 1000));
  return new ProblemError(KINDS[refusal.outcome], {
    title: `${subject}: ${refusal.reason}`,
    ...(seconds > 0
      ? { detail: `Try again after ${String(retryAt)}.`, headers: { 'retry-after': String(seconds) } }
      : {}),
  });
}
