import { Controller, Get, Inject } from '@nestjs/common';
import type { RegistryStatus, SystemStatus } from '@dtm/api-contract';
import { STREAMS, type ThrottleState } from '@dtm/jetstream';
import type { ReadModel, StatusRow } from '@dtm/read-model';
import { CONFIG, registrySettings, VERSION, type Config } from '@dtm/service-host';
import { Bus } from '../bus/bus.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { instant } from '../tags/tag-summary.ts';

const PROJECTED = [STREAMS.history, STREAMS.manifests, STREAMS.tracking, STREAMS.scanLog];

/** `GET /api/v1/status`. What only NATS knows is null while it does not answer. */
@Controller('api/v1/status')
export class StatusController {
  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    private readonly bus: Bus,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get()
  async status(): Promise<SystemStatus> {
    // The streams are asked after the checkpoints: the other way round an event between the two would count below zero.
    const [row, checkpoints] = await Promise.all([this.readModel.status(new Date()), this.readModel.checkpoints()]);
    const [throttles, lag] = await Promise.all([
      this.bus.throttles(row.registries.map(({ registry }) => registry)).catch(() => null),
      this.#lag(checkpoints),
    ]);
    const times = checkpoints.map(({ at }) => at).filter((at) => at !== null);
    const newest = times.length === 0 ? null : new Date(Math.max(...times.map(Number)));
    return {
      version: VERSION,
      counts: {
        tags: row.tags,
        tracked: row.tracked,
        repositories: row.repositories,
        registries: row.registriesOnRecord,
        changes: row.changes,
      },
      registries: registryStatuses(row, throttles, this.config),
      projection: { lag, projectedUntil: instant(newest) },
    };
  }

  async #lag(checkpoints: readonly { stream: string; sequence: number }[]): Promise<number | null> {
    const projected = new Map(checkpoints.map(({ stream, sequence }) => [stream, sequence]));
    try {
      const lags = await Promise.all(
        PROJECTED.map(async (stream) =>
          Math.max(0, (await this.bus.lastSequence(stream)) - (projected.get(stream) ?? 0)),
        ),
      );
      return lags.reduce((sum, lag) => sum + lag, 0);
    } catch {
      return null;
    }
  }
}

/** Registries with tags, busiest first; one that is throttled without any is no longer of interest. */
function registryStatuses(
  row: StatusRow,
  throttles: readonly ThrottleState[] | null,
  config: Config,
): RegistryStatus[] {
  const byRegistry = new Map((throttles ?? []).map((state) => [state.registry, state]));
  return row.registries
    .map((one): RegistryStatus => {
      const throttle = byRegistry.get(one.registry);
      return {
        registry: one.registry,
        tags: one.tags,
        repositories: one.repositories,
        // One that was not throttled yet has the whole of its budget.
        rate: throttle?.rate ?? (throttles === null ? null : registrySettings(config, one.registry).requestsPerSecond),
        haltedUntil: throttle?.haltedUntil ?? null,
        lastError: throttle?.lastError ?? null,
        requestsPerObservation: one.observations24h === 0 ? null : one.requests24h / one.observations24h,
      };
    })
    .sort((a, b) => b.tags - a.tags || (a.registry < b.registry ? -1 : 1));
}
