import type { StoredMessage } from '@dtm/jetstream';
import type { Positions } from './projection/checkpoints.ts';
import { PROJECTED_STREAMS, type Batch, type ProjectedStream } from './projection/messages.ts';
import type { ProjectorMetrics } from './projector-metrics.ts';

export interface Log {
  log(message: string): void;
  warn(message: string): void;
}

/** What is told of a projector's work: log, metrics, readiness. */
export class ProjectionWatch {
  readonly #log: Log;
  readonly #metrics: ProjectorMetrics;
  /** Why nothing is projected, neither here nor by another projector; null while it is. */
  #obstacle: string | null = 'starting';
  #positions: Positions | null = null;

  constructor(log: Log, metrics: ProjectorMetrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  /** Rejects, in words, while nothing is projected. Standing by is no obstacle: it is what a second projector is for. */
  check(): Promise<void> {
    return this.#obstacle === null ? Promise.resolve() : Promise.reject(new Error(this.#obstacle));
  }

  standingBy(): void {
    this.#stop(null);
    this.#log.log('another projector is at work; standing by');
  }

  projecting(from: Positions): void {
    this.#obstacle = null;
    this.#positions = from;
    this.#metrics.leading.set(1);
    this.#log.log(`projecting from ${PROJECTED_STREAMS.map((stream) => `${stream} ${from[stream]}`).join(', ')}`);
  }

  /** Tables of this version are being filled; the older ones serve. @param done from 0 to 1 */
  upgrading(from: number, done: number): void {
    const words = `making read models of this version from the streams, while those of version ${from} serve`;
    if (done === 0) this.#log.log(words);
    this.#stop(`${words}: ${Math.floor(done * 100)} %`);
  }

  switched(schema: string): void {
    this.#stop(`going on in ${schema}`);
    this.#log.log(`the read models were made anew; going on in ${schema}`);
  }

  interrupted(state: 'standby' | 'waiting', error: unknown): void {
    const words = error instanceof Error ? error.message : String(error);
    this.#stop(`${state}: ${words}`);
    this.#log.warn(`projecting is interrupted: ${words}`);
  }

  unreadable(stream: ProjectedStream, { sequence, subject }: StoredMessage, fault: string): void {
    this.#metrics.unreadable.inc({ stream });
    this.#log.warn(`${stream} ${sequence} (${subject}) cannot be read and is passed over: ${fault}`);
  }

  projected(batch: Batch, to: Positions, seconds: number): void {
    this.#positions = to;
    for (const stream of PROJECTED_STREAMS) this.#metrics.events.inc({ stream }, batch[stream].length);
    this.#metrics.batchSeconds.observe(seconds);
    this.#metrics.batchEvents.observe(PROJECTED_STREAMS.reduce((sum, stream) => sum + batch[stream].length, 0));
  }

  /** How far the streams have got. */
  streams(states: Partial<Record<ProjectedStream, { lastSequence: number }>>): void {
    for (const stream of PROJECTED_STREAMS) {
      const last = states[stream]?.lastSequence;
      if (last === undefined || this.#positions === null) continue;
      this.#metrics.lag.set({ stream }, Math.max(0, last - this.#positions[stream]));
    }
  }

  #stop(obstacle: string | null): void {
    this.#obstacle = obstacle;
    this.#metrics.leading.set(0);
  }
}
