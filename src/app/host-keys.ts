import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { ParsedKey } from 'ssh2'
import type { Config } from '../config/schema.js'
import type { HostKeysOfBridge } from '../northbound/ssh/entry-points.js'
import type { Certificate } from '../ssh/certificate.js'
import { loadCertificate } from '../ssh/certificate-file.js'
import { createCertifiedHostKeys } from '../ssh/certified-host-keys.js'
import { loadHostKeys, loadPrivateKey } from '../ssh/host-keys.js'
import { fingerprintOf, publicKeyLine } from '../ssh/public-key.js'
import { serverHostKeys } from '../ssh/ssh2/keys.js'
import type { Log } from '../telemetry/log.js'
import { StartError } from './start-error.js'

export interface BridgeHostKeys {
  readonly presented: HostKeysOfBridge
  /** The plain keys, as `known_hosts` holds them. */
  readonly lines: readonly string[]
  /** The fingerprint of the CA that certifies them, by which alone clients may know the bridge. */
  readonly ca?: string
}

/** Tells the host keys of nodes from each other: the same for all that clients may take for one bridge. */
export function hostKeyMark({ lines, ca }: BridgeHostKeys): string {
  const mark = ca === undefined ? lines.toSorted((one, other) => (one < other ? -1 : 1)).join('\n') : `ca ${ca}`
  return `SHA256:${createHash('sha256').update(mark).digest('base64').replace(/=+$/, '')}`
}

type KeysConfig = Pick<Config, 'endpoint' | 'dataDir'>

/**
 * The names by which clients know the bridge: those of the configuration, else that of this host, and the address where
 * it listens.
 */
export function namesOfBridge({ endpoint }: Pick<Config, 'endpoint'>): readonly string[] {
  const { hostNames, address } = endpoint.ssh
  return [
    ...new Set([
      ...(hostNames.length > 0 ? hostNames : [hostname()]),
      ...(address === '::' || address === '0.0.0.0' ? [] : [address]),
    ]),
  ]
}

/**
 * Loads what the bridge proves itself with: its host keys, their certificates from files, and the CA that certifies
 * them. Throws `StartError`.
 */
export async function hostKeysOf(config: KeysConfig, log: Log): Promise<BridgeHostKeys> {
  const { keys, lines } = await keysOf(config, log)
  const certificates = await certificatesOf(config, keys, log)
  const { presented, ca } = await presentedBy({ config, keys, certificates, log })
  return { presented, lines, ...(ca === undefined ? {} : { ca }) }
}

async function keysOf(
  { endpoint, dataDir }: KeysConfig,
  log: Log,
): Promise<{ readonly keys: readonly ParsedKey[]; readonly lines: readonly string[] }> {
  const loaded = await loadHostKeys(endpoint.ssh.hostKeys, dataDir).catch((error: NodeJS.ErrnoException) => {
    throw new StartError(
      `data-dir: cannot write the bridge's host keys to ${dataDir} (${error.code ?? error.message})`,
      'give a directory that the user of the bridge may write, or name endpoint.ssh.host-keys',
    )
  })
  if (!loaded.ok)
    throw new StartError(`endpoint.ssh.host-keys: ${loaded.file}: ${loaded.failure.message}`, loaded.failure.hint)
  for (const file of loaded.generated) log.info({ file }, 'host key generated')
  for (const key of loaded.keys)
    log.info({ type: key.type, fingerprint: fingerprintOf(key.getPublicSSH()) }, 'host key')
  return {
    keys: loaded.keys,
    lines: loaded.keys.map((key) => publicKeyLine({ type: key.type, blob: key.getPublicSSH() })),
  }
}

async function certificatesOf(
  { endpoint }: KeysConfig,
  keys: readonly ParsedKey[],
  log: Log,
): Promise<readonly Certificate[]> {
  const certificates = await Promise.all(
    endpoint.ssh.hostCertificates.map(async (file) => {
      const read = await loadCertificate(file)
      if (read.ok) return { file, certificate: read.certificate }
      throw new StartError(`endpoint.ssh.host-certificates: ${file}: ${read.failure.message}`, read.failure.hint)
    }),
  )
  for (const { file, certificate } of certificates)
    if (!keys.some((key) => key.getPublicSSH().equals(certificate.key.blob)))
      throw new StartError(
        `endpoint.ssh.host-certificates: ${file} is for none of the bridge's host keys`,
        'sign the .pub file of one of endpoint.ssh.host-keys',
      )
  for (const { certificate } of certificates)
    log.info({ keyId: certificate.keyId, principals: certificate.principals }, 'host certificate')
  return certificates.map(({ certificate }) => certificate)
}

async function presentedBy(options: {
  readonly config: KeysConfig
  readonly keys: readonly ParsedKey[]
  readonly certificates: readonly Certificate[]
  readonly log: Log
}): Promise<Pick<BridgeHostKeys, 'presented' | 'ca'>> {
  const { config, keys, certificates, log } = options
  const { hostCa: file, hostCaPassphrase, hostCertificateLifetime: lifetime } = config.endpoint.ssh
  const fixed = serverHostKeys(
    keys.map((key) => ({
      key,
      certificates: certificates.filter((certificate) => certificate.key.blob.equals(key.getPublicSSH())),
    })),
  )
  if (!fixed.ok) throw new StartError(`endpoint.ssh.host-keys: ${fixed.failure.message}`, fixed.failure.hint)
  if (file === undefined) return { presented: { shared: () => fixed.hostKeys, forNames: () => fixed.hostKeys } }
  const ca = await loadPrivateKey(file, hostCaPassphrase)
  if (!ca.ok) throw new StartError(`endpoint.ssh.host-ca: ${file}: ${ca.failure.message}`, ca.failure.hint)
  const shared = createCertifiedHostKeys({ keys, ca: ca.key, lifetime, certificates })
  const own = createCertifiedHostKeys({ keys, ca: ca.key, lifetime })
  for (const made of [shared, own])
    if (!made.ok) throw new StartError(`endpoint.ssh.host-ca: ${file}: ${made.failure.message}`, made.failure.hint)
  if (!shared.ok || !own.ok) throw new TypeError('unreachable: what is not ok has thrown')
  const names = namesOfBridge(config)
  const fingerprint = fingerprintOf(ca.key.getPublicSSH())
  log.info({ fingerprint, names }, 'host CA: clients may trust it alone')
  const presented: HostKeysOfBridge = {
    shared: () => shared.certified.forNames(names),
    forNames: (given) => own.certified.forNames(given),
  }
  return { presented, ca: fingerprint }
}
