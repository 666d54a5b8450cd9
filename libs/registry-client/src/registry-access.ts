/**
 * How a registry is signed in to. A `token` is sent as Bearer as it is; an `identityToken` (an OAuth2 refresh token, as
 * `az acr login` leaves in a Docker configuration) is exchanged for tokens by POST.
 */
export type RegistryCredentials =
  { username: string; password: string } | { token: string } | { identityToken: string };

/** What configuration says of one registry (`INSECURE_REGISTRIES`, `REGISTRIES_FILE`, `DOCKERHUB_*`). */
export interface RegistryAccess {
  /** Asked by plain HTTP, and only so. */
  plainHttp: boolean;
  /** May lie at an address that is not of the public internet. */
  privateAddresses: boolean;
  /** Sent to this registry, and to the token service that it names, never elsewhere. */
  credentials?: RegistryCredentials;
  /** PEM of the authority that signed the registry's certificate, in place of the usual ones. */
  ca?: string;
}

/** Access of a registry, by its canonical `host[:port]`. Must be stable: it is read once per registry. */
export type RegistryAccessOf = (registry: string) => RegistryAccess;
