import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type AskHook, createAuthenticationHook } from '../access/authn/authentication-hook.js'
import type { JwtIssuer } from '../access/authn/jwt-check.js'
import type { LoginLimits } from '../access/authn/login-limits.js'
import type { Role, Roles } from '../access/authz/role.js'
import type { User } from '../access/authn/user.js'
import type { Config, CredentialsConfig, RoleConfig, UserConfig } from '../config/schema.js'
import type { ConfiguredDevice } from '../fleet/enrolment/enrolled-device.js'
import type { EndpointRanges } from '../fleet/endpoints/endpoint-assignments.js'
import type { EnrolmentLimits, LinkBounds } from '../fleet/enrolment/enrolment-service.js'
import type { FleetLimits } from '../fleet/local-fleet.js'
import type { JobLimits } from '../rpc/jobs/job-queue.js'
import type { WebhookSettings } from '../northbound/webhooks/webhook.js'
import type { CallLimits } from '../rpc/call-limits.js'
import type { UserCertificateTrust } from '../northbound/ssh/judge-user-key.js'
import type { LegacyAccess } from '../northbound/ssh/legacy-access.js'
import type { SshEndpointLimits } from '../northbound/ssh/server.js'
import type { CallHomeListenerLimits } from '../southbound/listener.js'
import type { DeviceAlgorithms } from '../southbound/ssh/device-algorithms.js'
import { loadPrivateKey } from '../ssh/host-keys.js'
import { parseKnownHosts } from '../ssh/known-hosts.js'
import { parsePublicKeyLine } from '../ssh/public-key.js'
import { joinRevocations, type Revocations } from '../ssh/revocation.js'
import { parseRevocations } from '../ssh/revocation-file.js'
import type { Credentials } from '../trust/credentials.js'
import type { TrustAnchors } from '../trust/trust-anchors.js'
import type { Live } from '../lib/live-value.js'
import { homeportCommand } from '../lib/shell-word.js'
import { deviceAlgorithmsFrom, legacyAccessFrom } from './algorithms.js'
import { StartError } from './start-error.js'

/**
 * The configuration in the terms of the rooms. A reload makes a new one, which they follow by `LiveSettings`.
 * What needs a restart (`config/restart-keys.ts`) is in every one as it was at the start.
 */
export interface Settings {
  /** The configuration as it is written, where a room takes its words as they are. */
  readonly config: Omit<Config, 'users'>
  readonly devices: readonly ConfiguredDevice[]
  readonly deviceAlgorithms: DeviceAlgorithms
  /** What devices get that the file does not name. */
  readonly linkBounds: LinkBounds
  readonly anchors: TrustAnchors
  readonly enrolmentLimits: EnrolmentLimits
  /** Profiles by name, and the names that each configured device has. */
  readonly credentials: ReadonlyMap<string, Credentials>
  readonly profilesOf: ReadonlyMap<string, ProfileNames>
  /** How many links each configured device may have. */
  readonly mostLinksOf: ReadonlyMap<string, number>
  readonly users: ReadonlyMap<string, User>
  readonly logins: LoginSettings
  readonly userCertificates: UserCertificateTrust
  readonly roles: Roles
  readonly fleetLimits: FleetLimits
  readonly callHomeLimits: CallHomeListenerLimits
  readonly endpointLimits: SshEndpointLimits
  readonly legacyAccess?: LegacyAccess
  /** Tokens of the HTTP API that are good at a time. */
  readonly maxTokens: number
  /** Whose JWTs the HTTP API takes. */
  readonly jwtIssuer?: JwtIssuer
  /** Milliseconds that sessions and calls have to finish when the bridge stops. */
  readonly drainTimeout: number
  readonly callLimits: CallLimits
  readonly jobLimits: JobLimits
  readonly webhooks: readonly WebhookSettings[]
  /** What devices are given ports and addresses out of. */
  readonly endpointRanges: Pick<EndpointRanges, 'ports' | 'addresses'>
}

/** The settings that hold now: the one way by which a reload reaches the rooms. */
export type LiveSettings = Live<Settings>

/** How logins with a password are decided and held back; times in milliseconds. */
export interface LoginSettings extends LoginLimits {
  readonly checkWhileBlocked: number
  readonly rememberLogins: number
  readonly loggedFailuresPerAddress: number
  readonly checksAtOnce: number
  readonly maxQueuedChecks: number
  readonly hook?: { readonly ask: AskHook; readonly cache: number }
}

/** Turns a configuration into what the rooms need, and reads the files that it names. Throws `StartError`. */
export async function settingsFrom(config: Config): Promise<Settings> {
  const credentials = new Map<string, Credentials>()
  for (const [name, profile] of config.credentials) credentials.set(name, await credentialsFrom(name, profile))
  const { callHome, endpoint, link, trust } = config
  const legacyAccess = legacyAccessFrom(config)
  const devices = config.devices.map(
    ({ id, aliases, secret, hostKeys, labels, maxConnections, maxSessions, spareChannels, connection, ...more }) => ({
      id,
      aliases,
      labels,
      pins: hostKeys,
      maxSessions: maxSessions ?? link.maxSessions,
      ownMaxSessions: maxSessions !== undefined,
      maxConnections: maxConnections ?? link.maxConnections,
      accounts: more.credentials,
      periodic: connection === 'periodic',
      spareChannels,
      ...(secret === undefined ? {} : { secret }),
      ...(more.endpoint === undefined ? {} : { endpoint: more.endpoint }),
    }),
  )
  return {
    config,
    devices,
    deviceAlgorithms: deviceAlgorithmsFrom(config),
    linkBounds: { maxSessions: link.maxSessions, maxConnections: link.maxConnections },
    anchors: {
      knownHosts: trust.knownHosts === undefined ? [] : await knownHostsFrom(trust.knownHosts),
      revocations: await revocationsFrom('trust.revoked', trust.revoked),
      firstUse: trust.firstUse,
      hmac: trust.hmac,
    },
    enrolmentLimits: trust,
    credentials,
    profilesOf: new Map(config.devices.map(({ id, credentials: names }) => [id, names])),
    mostLinksOf: new Map(devices.map(({ id, maxConnections }) => [id, maxConnections])),
    users: usersFrom(config.users),
    logins: { ...config.loginLimits, ...(await hookFrom(config)) },
    userCertificates: {
      trustedCas: await publicKeysFrom('endpoint.ssh.trusted-user-ca-keys', endpoint.ssh.trustedUserCaKeys),
      revocations: await revocationsFrom('endpoint.ssh.revoked-keys', endpoint.ssh.revokedKeys),
    },
    roles: new Map([...config.roles].map(([name, role]) => [name, roleFrom(role)])),
    fleetLimits: link,
    callHomeLimits: {
      ...callHome,
      proxyProtocol: { ssh: callHome.ssh.proxyProtocol },
      keepaliveInterval: link.keepaliveInterval,
      keepaliveCountMax: link.keepaliveCountMax,
      maxReplyWait: link.maxReplyWait,
      channelOpenTimeout: link.channelOpenTimeout,
      channelCloseTimeout: link.channelCloseTimeout,
    },
    endpointLimits: endpoint.ssh,
    ...(legacyAccess === undefined ? {} : { legacyAccess }),
    maxTokens: endpoint.http.maxTokens,
    ...(endpoint.http.oidc === undefined ? {} : { jwtIssuer: endpoint.http.oidc }),
    drainTimeout: config.drainTimeout,
    callLimits: endpoint.http,
    jobLimits: endpoint.http,
    webhooks: config.webhooks,
    endpointRanges: {
      ...(endpoint.ssh.devicePorts === undefined ? {} : { ports: endpoint.ssh.devicePorts }),
      ...(endpoint.ssh.deviceAddresses === undefined ? {} : { addresses: endpoint.ssh.deviceAddresses }),
    },
  }
}

/**
 * What an enrolment says of credentials: the profile's name, and whose passwords the device may be sent where that is
 * limited.
 */
interface EnrolledCredentials {
  /** The one of the device's profiles that a login has taken; the first where it has taken none. */
  readonly account?: string | undefined
  readonly name: string | undefined
  readonly limit: { readonly by: string; readonly profiles: readonly string[] } | undefined
}

/**
 * The credentials bound to a device, of several those of the account that a login has taken. Without the password where
 * somebody has let the device in who may not use the profile: a device of their own would tell it to them.
 */
export function credentialsFor(
  { profilesOf, credentials }: Pick<Settings, 'profilesOf' | 'credentials'>,
  deviceId: string,
  { account, name: enrolled, limit }: EnrolledCredentials,
): Credentials | undefined {
  const names = accountsOf({ profilesOf }, deviceId, enrolled)
  const name = account ?? names[0]
  if (!names.includes(name)) return undefined
  const profile = credentials.get(name)
  if (profile?.password === undefined || limit === undefined || limit.profiles.includes(name)) return profile
  const { password: _withheld, ...others } = profile
  return {
    ...others,
    withheld: {
      message:
        `the password of the credentials ${JSON.stringify(name)} ` +
        `is not sent to a device that ${JSON.stringify(limit.by)} let in`,
      hint:
        `list the profile in \`credentials\` of a role of theirs, ` +
        `or let somebody who administers every device enrol it anew: ${homeportCommand('devices forget', deviceId)}`,
    },
  }
}

/** Whether users are themselves on a device, on one of its links at least: so say the profiles that are bound to it. */
export function isPerUser(
  { profilesOf, credentials }: Pick<Settings, 'profilesOf' | 'credentials'>,
  deviceId: string,
  enrolled: string | undefined,
): boolean {
  return accountsOf({ profilesOf }, deviceId, enrolled).some((name) => credentials.get(name)?.perUser !== undefined)
}

/** One name at least. */
export type ProfileNames = readonly [string, ...string[]]

/**
 * The names of the credentials that a device's links log in with, in their order: those of its entry in the file, else
 * that of its enrolment, else `default`.
 */
export function accountsOf(
  { profilesOf }: Pick<Settings, 'profilesOf'>,
  deviceId: string,
  enrolled: string | undefined,
): ProfileNames {
  return profilesOf.get(deviceId) ?? [enrolled ?? 'default']
}

/** Users by name, as the rooms know them. */
export function usersFrom(users: readonly UserConfig[]): ReadonlyMap<string, User> {
  return new Map(users.map((user) => [user.name, user]))
}

async function hookFrom({ authenticationHook: hook }: Config): Promise<Pick<LoginSettings, 'hook'>> {
  if (hook === undefined) return {}
  const { caFile, ...settings } = hook
  if (caFile === undefined) return { hook: { ask: createAuthenticationHook(settings), cache: hook.cache } }
  const key = 'authentication-hook.ca-file'
  const ca = (await contentOf(key, caFile)).toString('utf8')
  if (!isCertificate(ca))
    throw new StartError(`${key}: ${caFile} holds no certificate`, 'give a PEM file: -----BEGIN CERTIFICATE----- …')
  return { hook: { ask: createAuthenticationHook({ ...settings, ca }), cache: hook.cache } }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== ''
  } catch {
    return false
  }
}

const MINUTE = 60_000

function roleFrom({ operations, deniedOperations, ...role }: RoleConfig): Role {
  const rules = (effect: 'allow' | 'deny', patterns: RoleConfig['operations']) =>
    patterns.map((pattern) => ({ effect, ...pattern }))
  return { ...role, operations: [...rules('allow', operations), ...rules('deny', deniedOperations)] }
}

async function credentialsFrom(name: string, profile: CredentialsConfig): Promise<Credentials> {
  const { username, password, privateKey, passphrase, certificate, agent, agentKey, userCa } = profile
  return {
    username,
    ...(password === undefined ? {} : { password }),
    ...(privateKey === undefined
      ? {}
      : { privateKey: await keyFrom(`credentials.${name}.private-key`, privateKey, passphrase) }),
    ...(certificate === undefined ? {} : { certificateFile: certificate }),
    ...(agent === undefined ? {} : { agent }),
    ...(agentKey === undefined ? {} : { agentKey }),
    ...(userCa === undefined
      ? {}
      : {
          userCa: {
            key: await keyFrom(`credentials.${name}.user-ca`, userCa, profile.userCaPassphrase),
            principals: profile.principals,
            lifetimeMinutes: profile.certificateLifetime / MINUTE,
          },
        }),
    ...(profile.perUser ? { perUser: { port: profile.perUserPort } } : {}),
  }
}

async function keyFrom(key: string, file: string, passphrase: string | undefined) {
  const loaded = await loadPrivateKey(file, passphrase)
  if (!loaded.ok) throw new StartError(`${key}: ${file}: ${loaded.failure.message}`, loaded.failure.hint)
  return loaded.key
}

async function knownHostsFrom(file: string) {
  const { entries, problems } = parseKnownHosts((await contentOf('trust.known-hosts', file)).toString('utf8'))
  const [problem] = problems
  // A line that cannot be read may be the one that revokes a key.
  if (problem !== undefined)
    throw new StartError(`trust.known-hosts: ${file}:${problem.line}: ${problem.message}`, problem.hint)
  return entries
}

async function revocationsFrom(key: string, files: readonly string[]): Promise<Revocations> {
  const lists: Revocations[] = []
  for (const file of files) {
    const parsed = parseRevocations(await contentOf(key, file))
    if (!parsed.ok) throw new StartError(`${key}: ${file}: ${parsed.failure.message}`, parsed.failure.hint)
    lists.push(parsed.revocations)
  }
  return joinRevocations(lists)
}

async function publicKeysFrom(key: string, files: readonly string[]): Promise<Buffer[]> {
  const keys: Buffer[] = []
  for (const file of files) {
    const lines = (await contentOf(key, file)).toString('utf8').split('\n')
    for (const [index, line] of lines.entries()) {
      if (line.trim() === '' || line.trim().startsWith('#')) continue
      const parsed = parsePublicKeyLine(line)
      if (!parsed.ok)
        throw new StartError(`${key}: ${file}:${index + 1}: ${parsed.failure.message}`, parsed.failure.hint)
      keys.push(parsed.key.blob)
    }
  }
  return keys
}

async function contentOf(key: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new StartError(
      `${key}: ${file} cannot be read (${code ?? String(error)})`,
      'give a file that the user of the bridge may read',
    )
  }
}
