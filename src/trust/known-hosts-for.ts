import { setImmediate as nextTurn } from 'node:timers/promises'
import { hostWithPort, type KnownHost, namesHost } from '../ssh/known-hosts.js'

/** The port of NETCONF over SSH (RFC 6242 §8), under which a device may stand in known_hosts as `[name]:830`. */
const netconfPort = 830

/**
 * The entries of `known_hosts` for a device of these names, each plain or as `[name]:830`. OpenSSH lower-cases names.
 * What an entry excludes by `!`, it excludes under whichever name.
 */
export function knownHostsFor(entries: readonly KnownHost[], names: readonly string[]): readonly KnownHost[] {
  const forms = formsOf(names)
  const hashed = forms.map((form) => hashedFor(entries, form))
  return entries.filter((entry) => {
    const { hosts } = entry
    if (hosts.form === 'hashed') return hashed.some((named) => named.has(entry))
    return forms.some((form) => namesHost(hosts, form)) && !forms.some((form) => excludes(hosts, form))
  })
}

/** Hashed entries that are compared with a name in one turn of the event loop: some 10 ms. */
const HASHES_IN_A_TURN = 2_000

/**
 * Compares the hashed entries with names before `knownHostsFor` is asked, a bounded number in each turn of the event
 * loop: a stranger picks the name, and a file may have thousands of them.
 */
export async function compareHashedNames(entries: readonly KnownHost[], names: readonly string[]): Promise<void> {
  const hashed = hashedOf(entries)
  if (hashed.length <= HASHES_IN_A_TURN) return
  for (const form of formsOf(names)) {
    if (memoryOf(entries).has(form)) continue
    const named = new Set<KnownHost>()
    for (let at = 0; at < hashed.length; at += HASHES_IN_A_TURN) {
      for (const entry of hashed.slice(at, at + HASHES_IN_A_TURN)) if (namesHost(entry.hosts, form)) named.add(entry)
      await nextTurn()
    }
    remember(entries, form, named)
  }
}

/** The host CAs among entries. */
export function casOf(entries: readonly KnownHost[]): readonly Buffer[] {
  return entries.filter(({ marker }) => marker === 'cert-authority').map(({ key }) => key.blob)
}

function formsOf(names: readonly string[]): readonly string[] {
  return names.map((name) => name.toLowerCase()).flatMap((name) => [name, hostWithPort(name, netconfPort)])
}

type Named = ReadonlySet<KnownHost>

/** Names whose hashed entries are remembered; the one that was asked for last is forgotten last. */
const MOST_REMEMBERED = 65_536

/**
 * What a device without an id goes by (RFC 4648 base64 after it); no host that anybody has hashed the name of is
 * called so.
 */
const FINGERPRINT = /^(\[)?sha256:/

/** By the entries of a file, and then by name: an HMAC for each entry and name is too much to do it twice. */
const memories = new WeakMap<readonly KnownHost[], Map<string, Named>>()

function memoryOf(entries: readonly KnownHost[]): Map<string, Named> {
  const known = memories.get(entries)
  if (known !== undefined) return known
  const made = new Map<string, Named>()
  memories.set(entries, made)
  return made
}

function hashedFor(entries: readonly KnownHost[], form: string): Named {
  if (FINGERPRINT.test(form)) return NOBODY
  const known = memoryOf(entries).get(form)
  const hashed = known === undefined ? hashedOf(entries) : []
  if (known === undefined && hashed.length === 0) return NOBODY
  return remember(entries, form, known ?? new Set(hashed.filter(({ hosts }) => namesHost(hosts, form))))
}

function remember(entries: readonly KnownHost[], form: string, named: Named): Named {
  const memory = memoryOf(entries)
  const kept = named.size === 0 ? NOBODY : named
  memory.delete(form)
  memory.set(form, kept)
  const [oldest] = memory.keys()
  if (memory.size > MOST_REMEMBERED && oldest !== undefined) memory.delete(oldest)
  return kept
}

const NOBODY: Named = new Set()

function hashedOf(entries: readonly KnownHost[]): readonly KnownHost[] {
  return entries.filter(({ hosts }) => hosts.form === 'hashed')
}

function excludes(hosts: KnownHost['hosts'], form: string): boolean {
  if (hosts.form !== 'patterns') return false
  const excluded = hosts.patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  return excluded.some((pattern) => namesHost({ form: 'patterns', patterns: [pattern] }, form))
}
