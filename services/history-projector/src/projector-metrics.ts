import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { PROJECTED_STREAMS } from './projection/messages.ts';

const PREFIX = 'dtm_projector';

/** The projector's metrics. */
export class ProjectorMetrics {
  readonly events: Counter<'stream'>;
  readonly unreadable: Counter<'stream'>;
  readonly lag: Gauge<'stream'>;
  readonly leading: Gauge;
  readonly batchSeconds: Histogram;
  readonly batchEvents: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.events = new Counter({
      name: `${PREFIX}_events_total`,
      help: 'Events projected',
      labelNames: ['stream'],
      registers,
    });
    this.unreadable = new Counter({
      name: `${PREFIX}_unreadable_events_total`,
      help: 'Messages passed over because they hold no event that can be read',
      labelNames: ['stream'],
      registers,
    });
    // An alert sees an increase only of what was there before.
    for (const stream of PROJECTED_STREAMS) this.unreadable.inc({ stream }, 0);
    this.lag = new Gauge({
      name: `${PREFIX}_lag_events`,
      help: 'Events in the stream that are not projected yet',
      labelNames: ['stream'],
      registers,
    });
    this.leading = new Gauge({
      name: `${PREFIX}_leading`,
      help: '1 while this projector is the one at work',
      registers,
    });
    this.batchSeconds = new Histogram({
      name: `${PREFIX}_batch_seconds`,
      help: 'Duration of the transaction of one batch',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    });
    this.batchEvents = new Histogram({
      name: `${PREFIX}_batch_events`,
      help: 'Events in one batch',
      buckets: [1, 3, 10, 30, 100, 300, 1_000, 3_000],
      registers,
    });
  }
}
