import { runService } from '@dtm/service-host';
import { ProjectorModule } from './projector-module.ts';

await runService({
  name: 'history-projector',
  module: (config) => ProjectorModule.forRoot(config),
});
