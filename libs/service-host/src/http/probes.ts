const PROBES = /^\/(?:healthz|readyz|metrics)(?:\?|$)/;

/** Whether a request comes from whoever watches the process: every few seconds, and of no interest. */
export function isProbe(url: string | undefined): boolean {
  return PROBES.test(url ?? '');
}
