import { setImmediate as nextTurn } from 'node:timers/promises'
import { hostWithPort, type KnownHost, namesHost } from '../../ssh/known-hosts.js'

/** The port of NETCONF over SSH (RFC 6242 §8), under which a device may stand in known_hosts as `[name]:830`. */
const NETCONF_PORT = 830

/**
 * The entries of `known_hosts` for a device of these names, each plain or as `[name]:830`. OpenSSH lower-cases names.
 * What an entry excludes by `!`, it excludes under whichever name.
 */
export function knownHostsFor(entries: readonly KnownHost[], names: readonly string[]): readonly KnownHost[] {
  const forms = formsOf(names)
  const { named } = memoryOf(entries)
  const hashed = forms.map(named)
  return entries.filter((entry) => {
    const { hosts } = entry
    if (hosts.form === 'hashed') return hashed.some((those) => those.has(entry))
    return forms.some((form) => namesHost(hosts, form)) && !forms.some((form) => excludes(hosts, form))
  })
}

/** Hashed entries that are compared with a name in one turn of the event loop: some 10 ms. */
const HASHES_IN_A_TURN = 2_000

/** Whether comparing the hashed entries with one name takes more than a turn. */
export function hasManyHashedNames(entries: readonly KnownHost[]): boolean {
  return memoryOf(entries).count > HASHES_IN_A_TURN
}

/**
 * Compares the hashed entries with names before `knownHostsFor` is asked, a bounded number in each turn of the event
 * loop: a stranger picks the name, and a file may have thousands of them.
 * @returns undefined where all of that is known, or done in no time
 */
export function compareHashedNames(entries: readonly KnownHost[], names: readonly string[]): Promise<void> | undefined {
  const memory = memoryOf(entries)
  const forms = formsOf(names).filter((form) => !FINGERPRINT.test(form) && memory.uncompared(form).length > 0)
  const hashes = forms.reduce((sum, form) => sum + memory.uncompared(form).length, 0)
  return hashes <= HASHES_IN_A_TURN ? undefined : compareInTurns(memory, forms)
}

async function compareInTurns(memory: Memory, forms: readonly string[]): Promise<void> {
  for (const form of forms) {
    const named: KnownHost[] = []
    const hashed = memory.uncompared(form)
    for (let at = 0; at < hashed.length; at += HASHES_IN_A_TURN) {
      for (const entry of hashed.slice(at, at + HASHES_IN_A_TURN)) if (namesHost(entry.hosts, form)) named.push(entry)
      await nextTurn()
    }
    memory.remember(form, named)
  }
}

/** The host CAs among entries. */
export function casOf(entries: readonly KnownHost[]): readonly Buffer[] {
  return entries.filter(({ marker }) => marker === 'cert-authority').map(({ key }) => key.blob)
}

function formsOf(names: readonly string[]): readonly string[] {
  return names.map((name) => name.toLowerCase()).flatMap((name) => [name, hostWithPort(name, NETCONF_PORT)])
}

type Named = ReadonlySet<KnownHost>

/** Names whose hashed entries are remembered; the one that was asked for last is forgotten last. */
const MOST_REMEMBERED = 65_536

/**
 * What a device without an id goes by (RFC 4648 base64 after it); no host that anybody has hashed the name of is
 * called so.
 */
const FINGERPRINT = /^(\[)?sha256:/

/** Which hashed entries of a file fit a name: an HMAC for each entry and name is too much to do it twice. */
interface Memory {
  readonly count: number
  /** The entries that nobody has compared with a name yet. */
  readonly uncompared: (form: string) => readonly KnownHost[]
  /** @param named those of the uncompared that fit */
  readonly remember: (form: string, named: readonly KnownHost[]) => Named
  readonly named: (form: string) => Named
  readonly compared: () => Compared
}

/**
 * What was found out about a file, by the hashes of its entries: with its salt each stands for one name and no other.
 */
interface Compared {
  readonly hashes: ReadonlySet<string>
  /** The hashes that fit a name, for each name that all of them were compared with. */
  readonly names: ReadonlyMap<string, readonly string[]>
}

const NOTHING_COMPARED: Compared = { hashes: new Set(), names: new Map() }

const memories = new WeakMap<readonly KnownHost[], Memory>()
/** That of the file that was asked last: after a reload every link is judged again, and few of the lines are new. */
let latest: Memory | undefined

function memoryOf(entries: readonly KnownHost[]): Memory {
  const known = memories.get(entries)
  if (known !== undefined) return known
  const hashed = entries.filter(({ hosts }) => hosts.form === 'hashed')
  const made = createMemory(hashed, hashed.length === 0 ? undefined : latest?.compared())
  memories.set(entries, made)
  if (hashed.length > 0) latest = made
  return made
}

function createMemory(hashed: readonly KnownHost[], before = NOTHING_COMPARED): Memory {
  const byHash = new Map<string, KnownHost[]>()
  for (const entry of hashed) {
    const alike = byHash.get(hashOf(entry))
    if (alike === undefined) byHash.set(hashOf(entry), [entry])
    else alike.push(entry)
  }
  const added = hashed.filter((entry) => !before.hashes.has(hashOf(entry)))
  const known = new Map<string, Named>()

  const keep = (form: string, named: Named): Named => {
    known.delete(form)
    known.set(form, named)
    const [oldest] = known.keys()
    if (known.size > MOST_REMEMBERED && oldest !== undefined) known.delete(oldest)
    return named
  }
  const remember = (form: string, named: readonly KnownHost[]): Named => {
    const inherited = (before.names.get(form) ?? []).flatMap((hash) => byHash.get(hash) ?? [])
    return keep(form, named.length + inherited.length === 0 ? NOBODY : new Set([...inherited, ...named]))
  }
  const uncompared = (form: string): readonly KnownHost[] => {
    if (known.has(form)) return []
    return before.names.has(form) ? added : hashed
  }
  return {
    count: hashed.length,
    uncompared,
    remember,
    named: (form) => {
      if (hashed.length === 0 || FINGERPRINT.test(form)) return NOBODY
      const named = known.get(form)
      if (named !== undefined) return keep(form, named)
      return remember(
        form,
        uncompared(form).filter(({ hosts }) => namesHost(hosts, form)),
      )
    },
    compared: () => ({
      hashes: new Set(byHash.keys()),
      names: new Map([...known].map(([form, named]) => [form, named.size === 0 ? NO_HASHES : [...named].map(hashOf)])),
    }),
  }
}

const NO_HASHES: readonly string[] = []
const NOBODY: Named = new Set()

function hashOf({ hosts }: KnownHost): string {
  return hosts.form === 'hashed' ? hosts.hash.toString('latin1') + hosts.salt.toString('latin1') : ''
}

function excludes(hosts: KnownHost['hosts'], form: string): boolean {
  if (hosts.form !== 'patterns') return false
  const excluded = hosts.patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  return excluded.some((pattern) => namesHost({ form: 'patterns', patterns: [pattern] }, form))
}
