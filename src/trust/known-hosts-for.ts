import { hostWithPort, type KnownHost, namesHost } from '../ssh/known-hosts.js'

/** The port of NETCONF over SSH (RFC 6242 §8), under which a device may stand in known_hosts as `[name]:830`. */
const netconfPort = 830

/**
 * The entries of `known_hosts` for a device of these names, each plain or as `[name]:830`. OpenSSH lower-cases names.
 * What an entry excludes by `!`, it excludes under whichever name.
 */
export function knownHostsFor(entries: readonly KnownHost[], names: readonly string[]): readonly KnownHost[] {
  const forms = names.map((name) => name.toLowerCase()).flatMap((name) => [name, hostWithPort(name, netconfPort)])
  return entries.filter(
    ({ hosts }) => forms.some((form) => namesHost(hosts, form)) && !forms.some((form) => excludes(hosts, form)),
  )
}

/** The host CAs among entries. */
export function casOf(entries: readonly KnownHost[]): readonly Buffer[] {
  return entries.filter(({ marker }) => marker === 'cert-authority').map(({ key }) => key.blob)
}

function excludes(hosts: KnownHost['hosts'], form: string): boolean {
  if (hosts.form !== 'patterns') return false
  const excluded = hosts.patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  return excluded.some((pattern) => namesHost({ form: 'patterns', patterns: [pattern] }, form))
}
