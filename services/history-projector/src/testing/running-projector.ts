import { setTimeout as pause } from 'node:timers/promises';
import { Database, openReadModel, ReadModelMissing, type PostgresReadModel } from '@dtm/read-model';
import { Registry } from 'prom-client';
import { ProjectionWatch } from '../projection-watch.ts';
import { Projector } from '../projector.ts';
import { ProjectorMetrics } from '../projector-metrics.ts';
import { DEFAULT_LIMITS, type BatchLimits } from '../reading/batch-reader.ts';
import type { EventSource } from '../reading/event-source.ts';

/** A projector at work in a test. */
export class RunningProjector {
  readonly database: Database;
  readonly readModel: PostgresReadModel;
  readonly log: string[] = [];
  readonly watch: ProjectionWatch;
  readonly #end = new AbortController();
  /** What `run` came to. */
  readonly done: Promise<void>;

  constructor(url: string, source: EventSource, limits: Partial<BatchLimits> = {}) {
    this.database = new Database({ url, name: 'projector' });
    this.readModel = openReadModel({ url, name: 'reader' });
    const note = (message: string): void => void this.log.push(message);
    this.watch = new ProjectionWatch({ log: note, warn: note }, new ProjectorMetrics(new Registry()));
    const { database, watch } = this;
    const projector = new Projector({ database, source, watch, limits: { ...DEFAULT_LIMITS, ...limits }, retryMs: 50 });
    this.done = projector.run(this.#end.signal);
    this.done.catch(() => undefined);
  }

  /** Waits until so much of a stream is projected. */
  async reached(stream: string, sequence: number): Promise<void> {
    await eventually(async () => {
      const checkpoints = await this.readModel.checkpoints().catch((error: unknown) => {
        if (error instanceof ReadModelMissing || isAway(error)) return [];
        throw error;
      });
      return checkpoints.some((checkpoint) => checkpoint.stream === stream && checkpoint.sequence >= sequence);
    });
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.done.catch(() => undefined);
    await this.readModel.close();
    await this.database.close();
  }
}

/** Waits for something to become true; the test's own timeout is the limit. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(20);
}

function isAway(error: unknown): boolean {
  return (
    error instanceof Error &&
    /ECONNREFUSED|terminat|starting up|shutting down|recovery|closed|Connection/i.test(error.message)
  );
}
