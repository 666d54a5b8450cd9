import { Controller, Get, Header, Res } from '@nestjs/common';
import { Metrics } from './metrics.ts';
import { Readiness, type ReadinessReport } from './readiness.ts';

/** The part of an HTTP response that is set here. */
interface StatusResponse {
  status(code: number): unknown;
}

/** `/healthz`: the process lives; `/readyz`: it can do its work; `/metrics`: for Prometheus. */
@Controller()
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly metrics: Metrics,
  ) {}

  @Get('healthz')
  @Header('Cache-Control', 'no-store')
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('readyz')
  @Header('Cache-Control', 'no-store')
  async ready(@Res({ passthrough: true }) response: StatusResponse): Promise<ReadinessReport> {
    const report = await this.readiness.report();
    if (report.status === 'unavailable') response.status(503);
    return report;
  }

  @Get('metrics')
  @Header('Cache-Control', 'no-store')
  async prometheus(@Res() response: { type(type: string): { send(body: string): unknown } }): Promise<void> {
    response.type(this.metrics.contentType).send(await this.metrics.metrics());
  }
}
