import { JetStreamStrategy, NATS, type NatsConnection } from '@dtm/jetstream';
import { runService } from '@dtm/service-host';
import { FetcherModule, workSources } from './fetcher-module.ts';

await runService({
  name: 'registry-fetcher',
  module: (config) => FetcherModule.forRoot(config),
  configure: (app) => {
    app.connectMicroservice({ strategy: new JetStreamStrategy(app.get<NatsConnection>(NATS), workSources(app)) });
  },
});
