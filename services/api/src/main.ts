import { runService } from '@dtm/service-host';
import { ApiModule } from './api-module.ts';
import { configureHttp } from './http/configure.ts';

await runService({ name: 'api', module: (config) => ApiModule.forRoot(config), configure: configureHttp });
