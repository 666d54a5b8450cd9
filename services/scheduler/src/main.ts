import { JetStreamStrategy, NATS, type NatsConnection, type ScanNewsJob, type WorkSource } from '@dtm/jetstream';
import { runService } from '@dtm/service-host';
import { SCAN_DONE, SCAN_NEWS } from './discovery/new-tags.ts';
import { SchedulerModule } from './scheduler-module.ts';

await runService({
  name: 'scheduler',
  module: (config) => SchedulerModule.forRoot(config),
  configure: (app) => {
    const sources = { [SCAN_DONE]: app.get<WorkSource<ScanNewsJob>>(SCAN_NEWS) };
    const strategy = new JetStreamStrategy(app.get<NatsConnection>(NATS), sources);
    app.connectMicroservice({ strategy });
  },
});
