import { Injectable } from '@nestjs/common';

/** Whether a part answers; a rejection's message says in words why it does not. */
export type ReadinessCheck = () => Promise<void>;

/** Without a required part the service is taken out of service; without an optional one it serves less. */
export type Necessity = 'required' | 'optional';

/** What `/readyz` answers. */
export interface ReadinessReport {
  status: 'ok' | 'degraded' | 'unavailable';
  /** By part: `ok`, or why it is not. */
  checks: Record<string, string>;
}

const DEADLINE_MS = 2000;

/** The checks behind `/readyz`: each part of a service registers its own. */
@Injectable()
export class Readiness {
  readonly #checks = new Map<string, { check: ReadinessCheck; necessity: Necessity }>();

  register(part: string, check: ReadinessCheck, necessity: Necessity = 'required'): void {
    this.#checks.set(part, { check, necessity });
  }

  async report(): Promise<ReadinessReport> {
    const entries = [...this.#checks];
    const answers = await Promise.all(entries.map(async ([part, { check }]) => [part, await answerOf(check)] as const));
    const failed = entries.filter((_, i) => answers[i]?.[1] !== 'ok');
    const down = failed.some(([, { necessity }]) => necessity === 'required');
    return {
      status: down ? 'unavailable' : failed.length > 0 ? 'degraded' : 'ok',
      checks: Object.fromEntries(answers),
    };
  }
}

async function answerOf(check: ReadinessCheck): Promise<string> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, DEADLINE_MS, `no answer within ${DEADLINE_MS / 1000} s`);
  const answer = check().then(
    () => 'ok',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
