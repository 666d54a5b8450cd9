import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { listen } from '@dtm/read-model';
import type { DatabaseConfig } from '@dtm/service-host';
import { ThrottlerModule } from '@nestjs/throttler';
import { AvailableTagsController } from './available-tags/available-tags-controller.ts';
import { Bus } from './bus/bus.ts';
import { ChangesController } from './changes/changes-controller.ts';
import { CrawlersController } from './crawlers/crawlers-controller.ts';
import { ExportController } from './export/export-controller.ts';
import { FrequencyController } from './frequency/frequency-controller.ts';
import { ClientLimitGuard, clientLimits } from './http/client-limits.ts';
import { LiveController } from './live/live-controller.ts';
import { LISTEN, LiveFeed } from './live/live-feed.ts';
import { ReadModelEnd, readModelProvider } from './read-model/read-model-provider.ts';
import { ScansController } from './scans/scans-controller.ts';
import { SourceController } from './source/source-controller.ts';
import { StatusController } from './status/status-controller.ts';
import { TagsController } from './tags/tags-controller.ts';
import { ViewRecorder } from './tags/view-recorder.ts';
import { TagTracker } from './tracking/tag-tracker.ts';
import { TrackingController } from './tracking/tracking-controller.ts';

/** The HTTP API. */
@Module({})
export class ApiModule {
  static forRoot(config: DatabaseConfig): DynamicModule {
    return {
      module: ApiModule,
      imports: [ThrottlerModule.forRoot(clientLimits(config.maxApiRequestsPerMinute))],
      // The sub-resources come before the tag itself, whose path would take them in.
      controllers: [
        ChangesController,
        FrequencyController,
        TagsController,
        TrackingController,
        AvailableTagsController,
        ScansController,
        StatusController,
        LiveController,
        ExportController,
        SourceController,
        CrawlersController,
      ],
      providers: [
        readModelProvider,
        ReadModelEnd,
        Bus,
        LiveFeed,
        { provide: LISTEN, useValue: listen },
        ViewRecorder,
        TagTracker,
        { provide: APP_GUARD, useClass: ClientLimitGuard },
      ],
    };
  }
}
