import { httpResource, type HttpResourceRef } from '@angular/common/http';
import { Injectable } from '@angular/core';
import type { ScanDays, SourceInfo, SystemStatus } from '@dtm/api-contract';

/** How the system itself is doing. */
@Injectable({ providedIn: 'root' })
export class StatusApi {
  status(): HttpResourceRef<SystemStatus | undefined> {
    return httpResource<SystemStatus>(() => '/api/v1/status');
  }

  /** The version that answers, and where its source code is. */
  source(): HttpResourceRef<SourceInfo | undefined> {
    return httpResource<SourceInfo>(() => '/api/v1/source');
  }

  /** Scans per day (UTC), oldest first. */
  scanDays(days: number): HttpResourceRef<ScanDays | undefined> {
    return httpResource<ScanDays>(() => ({ url: '/api/v1/scans/days', params: { days } }));
  }
}
