import { clusterFaults } from './cluster-faults.js'
import { algorithmFaults } from './algorithm-faults.js'
import { readOwnAddress } from './address-prefix.js'
import type { ConfigError } from './config-error.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { duplicates, shown, unknownName } from './name-faults.js'
import { isWritten, listAt, mappingAt, textAt } from './yaml/raw-shape.js'
import { isPrivateUrl } from './scalars.js'
import type { ValuePath } from './yaml/value-path.js'
import { userFaults } from './user-faults.js'

/**
 * What a schema cannot say: names that must differ, names that must exist, keys that need each other.
 * It reads the tree rather than the checked configuration, so that one run tells everything that is wrong.
 */
export function checkMeaning(tree: LocatedTree): readonly ConfigError[] {
  return [
    ...duplicates(tree, { list: 'devices', key: 'id', what: 'device id' }),
    ...duplicates(tree, { list: 'users', key: 'name', what: 'user name' }),
    ...aliasFaults(tree),
    ...sharedEndpoints(tree),
    ...hostCaFaults(tree),
    ...credentialsFaults(tree),
    ...deviceFaults(tree),
    ...userFaults(tree, {
      roles: isWritten(tree.value, 'roles') ? Object.keys(mappingAt(tree.value, 'roles')) : ['operator'],
      deviceIds: listAt(tree.value, 'devices').flatMap((item) => textAt(item, 'id') ?? []),
    }),
    ...roleFaults(tree),
    ...roleCredentialsFaults(tree),
    ...httpFaults(tree),
    ...traceFaults(tree),
    ...clusterFaults(tree),
    ...algorithmFaults(tree),
  ]
}

/**
 * The names in a host certificate that say it is this device's; two devices of one name could each pose as the other.
 */
function aliasFaults(tree: LocatedTree): readonly ConfigError[] {
  const devices = listAt(tree.value, 'devices')
  const holders = new Map<string, number>()
  devices.forEach((item, at) => {
    const id = textAt(item, 'id')?.toLowerCase() ?? ''
    if (id !== '' && !holders.has(id)) holders.set(id, at)
  })
  return devices.flatMap((item, at) =>
    listAt(item, 'aliases').flatMap((alias, index): readonly ConfigError[] => {
      if (typeof alias !== 'string' || alias === '') return []
      const holder = holders.get(alias.toLowerCase())
      if (holder === undefined) holders.set(alias.toLowerCase(), at)
      if (holder === undefined || holder === at) return []
      const path = ['devices', at, 'aliases', index]
      const { line } = tree.placeOf(['devices', holder, 'id'])
      const message = `the name${shown(tree, path, alias)} is that of another device already, the one on line ${line}`
      return [{ path, message, hint: 'a host certificate with this name would prove either of them' }]
    }),
  )
}

/** A port or an address of a device's own can be only one device's. */
function sharedEndpoints(tree: LocatedTree): readonly ConfigError[] {
  return (['port', 'address'] as const).flatMap((key) => {
    const holders = new Map<string, number>()
    return listAt(tree.value, 'devices').flatMap((item, at): readonly ConfigError[] => {
      const written = textAt(mappingAt(item, 'endpoint'), key)
      if (written === undefined) return []
      const address = key === 'address' ? readOwnAddress(written) : undefined
      const value = address?.ok === true ? address.value : written
      const holder = holders.get(value)
      if (holder === undefined) {
        holders.set(value, at)
        return []
      }
      const { line } = tree.placeOf(['devices', holder, 'endpoint', key])
      return [{ path: ['devices', at, 'endpoint', key], message: `is that of another device already, on line ${line}` }]
    })
  })
}

/** Keys that mean nothing without a CA that signs. */
function hostCaFaults(tree: LocatedTree): readonly ConfigError[] {
  const ssh = mappingAt(mappingAt(tree.value, 'endpoint'), 'ssh')
  if (isWritten(ssh, 'host-ca')) return []
  return ['host-ca-passphrase', 'host-names', 'host-certificate-lifetime']
    .filter((key) => isWritten(ssh, key))
    .map((key) => ({
      path: ['endpoint', 'ssh', key],
      message: 'means nothing without a host CA that certifies the host keys',
      hint: 'add `host-ca`; certificates from files have their own names and lifetimes',
    }))
}

/** Keys of credentials that mean nothing without one of others. */
const NEEDS = [
  {
    key: 'certificate',
    one: ['private-key', 'agent'],
    message: 'a certificate without its private key',
    hint: 'add the `private-key`, or `agent: true` where an ssh-agent holds it',
  },
  {
    key: 'agent-key',
    one: ['agent'],
    message: 'the key of an agent without the agent',
    hint: 'add `agent: true`, or the path of its socket',
  },
  {
    key: 'passphrase',
    one: ['private-key'],
    message: 'a passphrase without a private key',
    hint: 'add `private-key`',
  },
  {
    key: 'user-ca-passphrase',
    one: ['user-ca'],
    message: 'a passphrase without a user CA',
    hint: 'add `user-ca`',
  },
  {
    key: 'principals',
    one: ['user-ca'],
    message: 'principals without a user CA that certifies them',
    hint: 'add `user-ca`; a certificate from a file has its own',
  },
  {
    key: 'certificate-lifetime',
    one: ['user-ca'],
    message: 'a lifetime without a user CA that certifies it',
    hint: 'add `user-ca`; a certificate from a file has its own',
  },
  {
    key: 'per-user',
    one: ['user-ca'],
    message: 'nobody is logged in as themselves without a user CA that certifies who they are',
    hint: 'add `user-ca`, and have the devices trust it',
  },
  {
    key: 'per-user-port',
    one: ['per-user'],
    message: 'a port for sessions of users as themselves, which there are none of',
    hint: 'add `per-user: true`',
  },
] as const

function credentialsFaults(tree: LocatedTree): readonly ConfigError[] {
  return Object.entries(mappingAt(tree.value, 'credentials')).flatMap(([name, item]): readonly ConfigError[] => {
    const path = ['credentials', name]
    const lacking = NEEDS.filter(
      ({ key, one }) =>
        isWritten(item, key) && textAt(item, key) !== 'false' && !one.some((each) => isWritten(item, each)),
    )
    if (lacking.length > 0) return lacking.map(({ key, message, hint }) => ({ path: [...path, key], message, hint }))
    if (['password', 'private-key', 'agent', 'user-ca'].some((key) => isWritten(item, key))) return []
    const hint = 'add `private-key`, `agent`, `user-ca` or `password`'
    return [{ path, message: 'nothing to log in with, neither a key nor a password', hint }]
  })
}

function deviceFaults(tree: LocatedTree): readonly ConfigError[] {
  const known = Object.keys(mappingAt(tree.value, 'credentials'))
  const trust = mappingAt(tree.value, 'trust')
  const onlyItsOwnProof = textAt(trust, 'first-use') === 'refuse' && !isWritten(trust, 'known-hosts')
  return listAt(tree.value, 'devices').flatMap((item, at): readonly ConfigError[] => {
    const path = ['devices', at]
    const faults: ConfigError[] = []
    if (onlyItsOwnProof && !isWritten(item, 'secret') && !isWritten(item, 'host-keys'))
      faults.push({
        path,
        message: 'nothing could prove that a connection comes from this device',
        hint:
          'add its `host-keys`, or the `secret` that it signs its host key with (Junos: `outbound-ssh … secret`), ' +
          'or set `trust.known-hosts`, or `trust.first-use: pend` to approve its key when it calls',
      })
    if (!isWritten(item, 'credentials') && !known.includes('default'))
      faults.push({
        path,
        message: 'no credentials to log in to this device with',
        hint: 'add `credentials: { default: … }` at the top level, or name others here with `credentials`',
      })
    for (const [name, place] of namesIn(item, [...path, 'credentials']))
      if (!known.includes(name)) faults.push(unknownName(tree, { path: place, what: 'credentials', name, known }))
    return faults
  })
}

/** The credentials that a device or a role names, one or a list, with where each stands. */
function namesIn(item: unknown, path: ValuePath): readonly (readonly [string, ValuePath])[] {
  const one = textAt(item, 'credentials')
  if (one !== undefined) return [[one, path]]
  return listAt(item, 'credentials').flatMap((name, at) =>
    typeof name === 'string' ? [[name, [...path, at]] as const] : [],
  )
}

function httpFaults(tree: LocatedTree): readonly ConfigError[] {
  const http = mappingAt(mappingAt(tree.value, 'endpoint'), 'http')
  const written = (key: string): boolean => isWritten(http, key)
  const selfSigned = textAt(http, 'self-signed') === 'true'
  const at = (key: string, message: string, hint: string): ConfigError => ({
    path: ['endpoint', 'http', key],
    message,
    hint,
  })
  return [
    ...(written('certificate') && !written('key')
      ? [at('certificate', 'a certificate without its private key', 'add `key`')]
      : []),
    ...(written('key') && !written('certificate')
      ? [at('key', 'a private key without its certificate', 'add `certificate`')]
      : []),
    ...(selfSigned && written('certificate')
      ? [at('self-signed', 'there is a `certificate` already', 'choose one of the two')]
      : []),
    ...(written('client-ca') && !written('certificate') && !selfSigned
      ? [at('client-ca', 'clients can show a certificate only over TLS', 'add `certificate` and `key`')]
      : []),
  ]
}

function traceFaults(tree: LocatedTree): readonly ConfigError[] {
  const traces = mappingAt(tree.value, 'traces')
  const endpoint = textAt(traces, 'endpoint')
  if (endpoint === undefined || !URL.canParse(endpoint) || isPrivateUrl(endpoint) || !isWritten(traces, 'headers'))
    return []
  return [
    {
      path: ['traces', 'headers'],
      message: 'over plain HTTP anybody on the way could read these headers',
      hint: 'give an https: URL, or a collector on this machine that has the headers itself',
    },
  ]
}

function roleFaults(tree: LocatedTree): readonly ConfigError[] {
  return Object.entries(mappingAt(tree.value, 'roles')).flatMap(([name, item]) =>
    (speaksNetconf(item) ? ['devices', 'operations'] : ['devices']).flatMap((key): readonly ConfigError[] =>
      isWritten(item, key)
        ? []
        : [{ path: ['roles', name, key], message: 'is missing or empty', hint: `for all of them write ${key}: ["*"]` }],
    ),
  )
}

/**
 * A profile that is not there would be given to the next one of that name, and no link can be on an account that there
 * is not.
 */
function roleCredentialsFaults(tree: LocatedTree): readonly ConfigError[] {
  const known = Object.keys(mappingAt(tree.value, 'credentials'))
  return Object.entries(mappingAt(tree.value, 'roles')).flatMap(([role, item]) => {
    const as = textAt(item, 'as')
    const named = namesIn(item, ['roles', role, 'credentials'])
    return (as === undefined ? named : [...named, [as, ['roles', role, 'as']] as const])
      .filter(([name]) => !known.includes(name))
      .map(([name, path]) => unknownName(tree, { path, what: 'credentials', name, known }))
  })
}

/** Whether a role has NETCONF channels, which are of no use without operations. */
function speaksNetconf(role: unknown): boolean {
  const written = typeof role === 'object' && role !== null && Object.hasOwn(role, 'channels')
  return !written || listAt(role, 'channels').includes('netconf')
}
