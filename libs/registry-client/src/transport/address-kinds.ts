import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Addresses at which cloud providers hand out credentials to whoever asks; some lie in ranges that look public. */
const METADATA_SERVICES: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
]);

const IN_WORDS: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified address',
  broadcast: 'the broadcast address',
  multicast: 'a multicast address',
  linkLocal: 'a link-local address',
  loopback: 'a loopback address',
  carrierGradeNat: 'a carrier-grade NAT address',
  private: 'a private address',
  uniqueLocal: 'a private address',
  deprecatedSiteLocal: 'a private address',
};

const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];
const NAT64: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('64:ff9b::'), 96];

/**
 * What an address is, in words, where it is not one of the public internet; null where it is.
 * IPv6 that carries an IPv4 address (mapped, 6to4, Teredo, ISATAP-like) is refused whole, save the well-known NAT64
 * prefix: networks without IPv4 reach public registries by it, so there the carried address decides.
 */
export function nonPublicKind(address: string): string | null {
  if (isIP(address) === 0) return 'not an IP address';
  const parsed = ipaddr.parse(address);
  if (METADATA_SERVICES.has(parsed.toString())) return 'the address of a metadata service';
  if (parsed instanceof ipaddr.IPv4) return kindOfRange(parsed.range());
  if (parsed.isIPv4MappedAddress()) {
    return nonPublicKind(parsed.toIPv4Address().toString()) ?? 'an IPv4 address in the form of IPv6';
  }
  if (parsed.match(NAT64)) return nonPublicKind(parsed.toByteArray().slice(12).join('.'));
  const kind = kindOfRange(parsed.range());
  if (kind !== null) return kind;
  return parsed.match(GLOBAL_UNICAST) ? null : 'a reserved address';
}

function kindOfRange(range: string): string | null {
  return range === 'unicast' ? null : (IN_WORDS[range] ?? 'a reserved address');
}
