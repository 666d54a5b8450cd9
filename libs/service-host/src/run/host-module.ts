import { Module, type DynamicModule } from '@nestjs/common';
import type { Config } from '../config/config.ts';
import { HealthController } from '../health/health-controller.ts';
import { Metrics } from '../health/metrics.ts';
import { Readiness } from '../health/readiness.ts';
import { RequestFront } from '../http/request-front.ts';
import { loggingModule } from '../logging/logging.ts';
import { ServiceLogger } from '../logging/service-logger.ts';

/** Injects the service's `Config` (of projector and api: `DatabaseConfig`). */
export const CONFIG = Symbol('Config');

/** What every service has: `CONFIG`, `Readiness`, `Metrics`, logging and the probes. */
@Module({})
export class HostModule {
  static forRoot(config: Config, service: DynamicModule): DynamicModule {
    return {
      module: HostModule,
      global: true,
      imports: [loggingModule(config), service],
      controllers: [HealthController],
      providers: [{ provide: CONFIG, useValue: config }, Readiness, Metrics, ServiceLogger, RequestFront],
      exports: [CONFIG, Readiness, Metrics],
    };
  }
}
