import { JetStreamStrategy, NATS, type NatsConnection } from '@dtm/jetstream';
import { runService } from '@dtm/service-host';
import { SchedulerModule } from './scheduler-module.ts';

await runService({
  name: 'scheduler',
  module: (config) => SchedulerModule.forRoot(config),
  configure: (app) => {
    const strategy = new JetStreamStrategy(app.get<NatsConnection>(NATS), {});
    app.connectMicroservice({ strategy });
  },
});
