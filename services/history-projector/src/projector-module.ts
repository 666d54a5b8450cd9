import {
  Inject,
  Injectable,
  Logger,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { checkNats, JetStreamModule, NATS, type NatsConnection } from '@dtm/jetstream';
import { Database } from '@dtm/read-model';
import { Metrics, Readiness, type DatabaseConfig } from '@dtm/service-host';
import { ProjectionWatch } from './projection-watch.ts';
import { ProjectorMetrics } from './projector-metrics.ts';
import { Projector } from './projector.ts';
import { streamsOf } from './reading/event-source.ts';

/** Runs the projector for as long as the service lives. */
@Injectable()
class ProjectorLife implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #end = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(Projector) private readonly projector: Projector,
    @Inject(Database) private readonly database: Database,
  ) {}

  onApplicationBootstrap(): void {
    // What it rejects with is for an operator: unhandled, it ends the service with its words.
    this.#running = this.projector.run(this.#end.signal);
  }

  async onModuleDestroy(): Promise<void> {
    this.#end.abort();
    await this.#running.catch(() => undefined);
    await this.database.close();
  }
}

/** Wires the history-projector. */
@Module({})
export class ProjectorModule {
  static forRoot(config: DatabaseConfig): DynamicModule {
    const log = new Logger('history-projector');
    const onStatus = (text: string): void => log.warn(text);
    return {
      module: ProjectorModule,
      imports: [
        JetStreamModule.forRoot({
          url: config.natsUrl,
          name: 'history-projector',
          onStatus,
          replicas: config.natsReplicas,
        }),
      ],
      providers: [
        {
          provide: Database,
          useFactory: () => new Database({ url: config.databaseUrl, name: 'history-projector', onProblem: onStatus }),
        },
        {
          provide: Projector,
          inject: [Database, NATS, Metrics, Readiness],
          useFactory: (database: Database, nc: NatsConnection, metrics: Metrics, readiness: Readiness) => {
            const watch = new ProjectionWatch(log, new ProjectorMetrics(metrics));
            readiness.register('nats', () => checkNats(nc));
            readiness.register('postgres', async () => void (await database.query('select 1')));
            readiness.register('projection', () => watch.check());
            return new Projector({ database, source: streamsOf(nc), watch });
          },
        },
        ProjectorLife,
      ],
    };
  }
}
