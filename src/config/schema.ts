import type * as z from 'zod'
import { readAddressPrefix, readOwnAddress } from './address-prefix.js'
import type { Environment } from './yaml/environment.js'
import { headerFields } from './header-fields.js'
import { authenticationHookSection, loginLimitsSection } from './login-sections.js'
import { publicKey } from './key-lines.js'
import { atNextStart } from './restart-mark.js'
import {
  agentSocket,
  collectorUrl,
  deviceId,
  deviceSelector,
  duration,
  hostName,
  integer,
  issuerUrl,
  listenAddress,
  network,
  oneOf,
  operationPattern,
  path,
  portOrNone,
  portRange,
  principal,
  ratio,
  size,
  text,
  webhookUrl,
  yesOrNo,
} from './scalars.js'
import { list, named, scalar, section } from './section.js'
import { sourcesSection } from './sources-section.js'
import { userSection, withPrincipals } from './user-section.js'

/** All that a configuration file may hold, with every default. Durations are milliseconds, paths absolute, keys camelCase. */
export type Config = z.output<ReturnType<typeof configSchema>>
export type DeviceConfig = Config['devices'][number]
export type UserConfig = Config['users'][number]
export type CredentialsConfig = MapValue<Config['credentials']>
export type TrustConfig = Config['trust']
export type AuditConfig = Config['audit']
export type RoleConfig = MapValue<Config['roles']>

type MapValue<T> = T extends ReadonlyMap<string, infer Value> ? Value : never

const MANY = 1_000_000

/** What webhooks may tell of. */
const FLEET_EVENTS = ['attached', 'replaced', 'detached', 'refused', 'contested', 'pending', 'decided'] as const

const MIB = 1024 ** 2

/** Signatures of JWTs by public keys; a shared secret (HS256) would let whoever checks a token also make one. */
const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

/** The role that exists when the file names none. */
const BUILT_IN_ROLES = { operator: { devices: ['*'], operations: ['*'] } }

/** The schema of a file in `directory` (absolute), where relative paths start; `environment` knows where the ssh-agent is. */
export function configSchema(directory: string, environment: Environment) {
  const callHome = section({
    ssh: section({
      address: atNextStart(listenAddress().default('::')),
      port: atNextStart(integer(0, 65_535).default(4334)),
    }).prefault({}),
    'initiation-timeout': duration().default(10_000),
    'handshake-timeout': duration().default(20_000),
    'max-concurrent-handshakes': integer(1, MANY).default(6),
    'max-handshakes': integer(1, MANY).default(512),
    'max-queued-handshakes': integer(1, MANY).default(16_384),
    'queue-timeout': duration().default(90_000),
    'max-familiar': integer(1, 10_000_000).default(100_000),
  })

  const oidc = section({
    issuer: issuerUrl(),
    audience: text(),
    'jwks-uri': issuerUrl().optional(),
    'user-claim': text().default('preferred_username'),
    'roles-claim': text().default('roles'),
    algorithms: list(oneOf(...JWT_ALGORITHMS)).prefault(['RS256', 'PS256', 'ES256', 'EdDSA']),
    'clock-skew': duration('0s', '10m').default(30_000),
    'fetch-timeout': duration().default(5_000),
  })

  /** Bounds on RPCs over HTTP. */
  const calls = {
    'rpc-timeout': duration().default(60_000),
    'max-rpc-timeout': duration().default(3_600_000),
    'max-request-size': size('1KiB', '1GiB').default(16 * MIB),
    'max-job-request-size': size('1KiB', '16MiB').default(MIB),
    'max-json-reply-size': size('1KiB', '1GiB').default(8 * MIB),
    'max-conversions': integer(2, 1000).default(16),
    'conversion-timeout': duration('1s').default(30_000),
    'conversion-memory': size('256MiB', '64GiB').default(2048 * MIB),
    // What is read at once has fewer than this in any case.
    'max-request-elements': integer(100_000, 10_000_000).default(1_000_000),
    'max-selector-patterns': integer(256, MANY).default(4096),
    'max-request-total': size('1MiB', '64GiB').default(256 * MIB),
    'max-calls': integer(1, MANY).default(500),
    'max-calls-per-user': integer(1, MANY).optional(),
    'max-calls-per-device': integer(1, MANY).default(64),
    'warm-sessions': integer(1, 100).default(2),
    'warm-session-pipeline': integer(1, 32).default(4),
    'warm-session-idle': duration().default(60_000),
    'max-warm-sessions': integer(1, MANY).default(1000),
    'session-idle': duration().default(300_000),
    'session-lifetime': duration().default(3_600_000),
    'max-sessions': integer(1, MANY).default(200),
    'max-sessions-per-user': integer(1, MANY).default(8),
    'idempotency-window': duration('10m', '1h').default(1_800_000),
    'max-idempotency-keys': integer(1, MANY).default(100_000),
    'max-idempotency-keys-per-user': integer(1, MANY).default(20_000),
    'max-kept-answers-per-user': size('64KiB', '1GiB').default(16 * MIB),
    'max-wait': duration('0s').default(300_000),
    'max-streams': integer(1, MANY).default(200),
    'max-streams-per-user': integer(1, MANY).optional(),
    'max-stream-backlog': integer(1, MANY).default(1000),
    'max-jobs': integer(1, MANY).default(10_000),
    'max-jobs-per-user': integer(1, MANY).default(1000),
    'job-lifetime': duration('1s', '168h').default(86_400_000),
    'max-job-lifetime': duration('1s', '168h').default(604_800_000),
    'job-retention': duration('1s', '168h').default(86_400_000),
  }

  const http = section({
    address: atNextStart(listenAddress().default('127.0.0.1')),
    port: atNextStart(portOrNone().default(8080)),
    names: list(hostName()),
    certificate: atNextStart(path(directory).optional(), 'presence'),
    key: atNextStart(path(directory).optional(), 'presence'),
    'self-signed': atNextStart(yesOrNo().default(false)),
    'client-ca': atNextStart(path(directory).optional(), 'presence'),
    'trusted-proxies': list(network()),
    'proxy-header': oneOf('x-forwarded', 'forwarded').default('x-forwarded'),
    'max-connections': integer(1, MANY).default(1000),
    'headers-timeout': duration().default(10_000),
    'request-timeout': duration().default(30_000),
    'idle-timeout': duration().default(60_000),
    'max-pipelined-requests': integer(0, 10_000).default(100),
    metrics: oneOf('token', 'public').default('token'),
    'max-tokens': integer(1, MANY).default(1000),
    oidc: oidc.optional(),
    ...calls,
  })
  const endpoint = section({
    ssh: section({
      address: atNextStart(listenAddress().default('::')),
      port: atNextStart(integer(0, 65_535).default(830)),
      'further-ports': atNextStart(list(integer(0, 65_535))),
      'host-keys': atNextStart(list(path(directory))),
      'host-certificates': atNextStart(list(path(directory))),
      'host-ca': atNextStart(path(directory).optional()),
      'host-ca-passphrase': atNextStart(text().optional()),
      'host-names': atNextStart(list(principal())),
      'host-certificate-lifetime': atNextStart(duration('10m').default(86_400_000)),
      'device-ports': portRange().optional(),
      'device-addresses': scalar(readAddressPrefix).optional(),
      'trusted-user-ca-keys': list(path(directory)),
      'revoked-keys': list(path(directory)),
      'login-timeout': duration().default(60_000),
      'max-login-attempts': integer(6, 1000).default(10),
      'max-connections': integer(1, MANY).default(1000),
      'max-connections-per-user': integer(1, MANY).optional(),
      'max-unauthenticated': integer(1, MANY).default(1000),
      'max-concurrent-handshakes': integer(1, MANY).default(6),
      'max-handshake-load': ratio()
        .refine((share) => share >= 0.01, 'expected a number from 0.01 to 1')
        .default(0.3),
      'max-familiar': integer(1, 10_000_000).default(10_000),
      'max-sessions-per-connection': integer(1, MANY).default(10),
      'max-inspected-request': size('1KiB', '1GiB').default(16 * MIB),
      'max-inspected-total': size('1MiB', '64GiB').default(256 * MIB),
      'max-waiting-refusals': integer(1, 10_000).default(100),
      'max-jumps-per-connection': integer(0, MANY).default(10),
      // Clients on libssh and libssh2 answer only while they read, so they are not asked unless somebody wants it.
      'keepalive-interval': duration('0s').default(0),
      'keepalive-count-max': integer(1, 100).default(30),
    }).prefault({}),
    http: http.prefault({}),
  })

  const link = section({
    'keepalive-interval': duration().default(15_000),
    'keepalive-count-max': integer(1, 100).default(3),
    'max-reply-wait': duration().default(3_600_000),
    'max-sessions': integer(1, MANY).default(10),
    'max-queued-sessions': integer(0, MANY).default(32),
    'session-wait': duration('0s').default(10_000),
    'reconnect-wait': duration('0s').default(15_000),
    'reconnect-window': duration('0s').default(120_000),
    'start-wait': duration('0s').default(60_000),
    'channel-open-timeout': duration('100ms').default(30_000),
    'channel-close-timeout': duration('100ms').default(3_000),
    'max-lost-channels': integer(1, MANY).default(10),
    'replace-wait': duration('100ms').default(2_000),
    'idle-timeout': duration('1s').default(180_000),
  })

  const trust = section({
    'known-hosts': path(directory).optional(),
    revoked: list(path(directory)),
    'first-use': oneOf('refuse', 'pend', 'accept').default('pend'),
    'pending-timeout': duration().default(60_000),
    'pending-lifetime': duration('1s', '365d').default(86_400_000),
    'max-pending': integer(1, MANY).default(256),
    'max-pending-per-source': integer(1, MANY).default(16),
  })

  const credentials = section({
    username: text(),
    password: text().optional(),
    'private-key': path(directory).optional(),
    passphrase: text().optional(),
    certificate: path(directory).optional(),
    agent: agentSocket(directory, environment).optional(),
    'user-ca': path(directory).optional(),
    'user-ca-passphrase': text().optional(),
    principals: list(principal()),
    'certificate-lifetime': duration('1m', '1h').default(300_000),
  }).transform((written) => withPrincipals(written, written.username))

  const device = section({
    id: deviceId(),
    aliases: list(principal()),
    secret: text().optional(),
    'host-keys': list(publicKey()),
    credentials: text().default('default'),
    labels: named(text()).transform((labels): Readonly<Record<string, string>> => Object.fromEntries(labels)),
    'max-sessions': integer(1, MANY).optional(),
    'spare-channels': integer(0, 8).default(0),
    connection: oneOf('persistent', 'periodic').default('persistent'),
    endpoint: section({
      port: integer(1, 65_535).optional(),
      address: scalar(readOwnAddress).optional(),
    }).optional(),
  })

  const role = section({
    devices: list(deviceSelector()),
    operations: list(operationPattern()),
    'denied-operations': list(operationPattern()),
    channels: list(oneOf('netconf', 'exec', 'shell', 'sftp')).prefault(['netconf']),
    api: list(oneOf('read', 'rpc', 'admin')).prefault(['read', 'rpc']),
    credentials: list(text()),
  })

  const audit = section({
    file: atNextStart(path(directory).optional()),
    'max-size': size('1KiB').default(64 * 1024 * 1024),
    'max-files': integer(0, 10_000).default(10),
    'flush-interval': duration('1ms', '500ms').default(250),
    'max-waiting': size('64KiB', '1GiB').default(16 * 1024 * 1024),
    'when-full': oneOf('refuse', 'continue').default('refuse'),
    keep: duration('1h', '3650d').default(90 * 86_400_000),
    'max-rows': integer(1000, 100_000_000).default(1_000_000),
    'max-read-lines-per-user': integer(0, 100_000_000).default(10_000),
    full: section({
      users: list(text()),
      devices: list(deviceSelector()),
      directory: path(directory).optional(),
      'max-size-per-session': size('64KiB').default(64 * 1024 * 1024),
      'max-size': size('1MiB').default(1024 * 1024 * 1024),
      'max-message-size': size('4KiB', '64MiB').default(1024 * 1024),
      redact: list(text()),
    }).prefault({}),
  })

  const webhook = section({
    url: webhookUrl(),
    events: list(oneOf(...FLEET_EVENTS)).prefault([...FLEET_EVENTS]),
    devices: list(deviceSelector()).prefault(['*']),
    secret: text(),
    timeout: duration().default(10_000),
    'max-age': duration('1s', '168h').default(86_400_000),
    'max-queued': integer(1, MANY).default(10_000),
  })

  const traces = section({
    endpoint: collectorUrl(),
    headers: headerFields(),
    'sample-ratio': ratio().default(1),
    'service-name': text().default('homeport'),
    timeout: duration('100ms', '1m').default(2_000),
    'max-queued': integer(1, MANY).default(5_000),
  })

  return section({
    'call-home': callHome.prefault({}),
    endpoint: endpoint.prefault({}),
    link: link.prefault({}),
    trust: trust.prefault({}),
    credentials: named(credentials),
    devices: list(device),
    users: list(userSection()),
    'users-file': path(directory).optional(),
    sources: sourcesSection().prefault({}),
    'login-limits': loginLimitsSection().prefault({}),
    'authentication-hook': authenticationHookSection(directory).optional(),
    roles: named(role, BUILT_IN_ROLES),
    audit: audit.prefault({}),
    webhooks: list(webhook),
    traces: traces.optional(),
    'data-dir': atNextStart(path(directory).prefault('data')),
    'drain-timeout': duration('0s').default(30_000),
    log: section({
      level: oneOf('trace', 'debug', 'info', 'warn', 'error').default('info'),
      format: atNextStart(oneOf('auto', 'json', 'pretty').default('auto')),
    }).prefault({}),
  })
}
