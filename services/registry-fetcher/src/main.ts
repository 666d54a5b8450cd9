import { JetStreamStrategy, NATS, ScanJobs, type NatsConnection } from '@dtm/jetstream';
import { runService } from '@dtm/service-host';
import { FetcherModule } from './fetcher-module.ts';
import { SCAN_REQUEST } from './scan/scan-handler.ts';

await runService({
  name: 'registry-fetcher',
  module: (config) => FetcherModule.forRoot(config),
  configure: (app) => {
    const sources = { [SCAN_REQUEST]: app.get(ScanJobs) };
    app.connectMicroservice({ strategy: new JetStreamStrategy(app.get<NatsConnection>(NATS), sources) });
  },
});
