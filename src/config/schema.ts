import type * as z from 'zod'
import { algorithmSetSection } from './algorithm-section.js'
import { auditSection } from './audit-section.js'
import { MANY } from './bounds.js'
import { clusterSection } from './cluster-section.js'
import { DEFAULT_DATA_DIR } from './data-dir.js'
import { endpointSection } from './endpoint-section.js'
import { headerFields } from './header-fields.js'
import { authenticationHookSection, loginLimitsSection } from './login-sections.js'
import { atNextStart } from './restart-mark.js'
import {
  collectorUrl,
  deviceSelector,
  duration,
  integer,
  oneOf,
  operationPattern,
  path,
  ratio,
  text,
  webhookUrl,
} from './scalars.js'
import { list, named, section } from './section.js'
import { sourcesSection } from './sources-section.js'
import { callHomeSection, credentialsSection, deviceSection, linkSection, trustSection } from './southbound-sections.js'
import { userSection } from './user-section.js'
import type { Environment } from './yaml/environment.js'

/**
 * All that a configuration file may hold, with every default. Durations are milliseconds, paths absolute, keys
 * camelCase.
 */
export type Config = z.output<ReturnType<typeof configSchema>>
export type DeviceConfig = Config['devices'][number]
export type UserConfig = Config['users'][number]
export type CredentialsConfig = MapValue<Config['credentials']>
export type TrustConfig = Config['trust']
export type AuditConfig = Config['audit']
export type ClusterConfig = NonNullable<Config['cluster']>
export type RoleConfig = MapValue<Config['roles']>

type MapValue<T> = T extends ReadonlyMap<string, infer Value> ? Value : never

/** What webhooks may tell of. */
const FLEET_EVENTS = [
  'attached',
  'replaced',
  'link-added',
  'link-ended',
  'detached',
  'refused',
  'contested',
  'pending',
  'decided',
  'labelled',
] as const

/** The role that exists when the file names none. */
const BUILT_IN_ROLES = { operator: { devices: ['*'], operations: ['*'] } }

/**
 * The schema of a file in `directory` (absolute), where relative paths start; `environment` knows where the ssh-agent
 * is.
 */
export function configSchema(directory: string, environment: Environment) {
  return section({
    'call-home': callHomeSection().prefault({}),
    endpoint: endpointSection(directory).prefault({}),
    link: linkSection().prefault({}),
    'algorithm-sets': named(algorithmSetSection()),
    trust: trustSection(directory).prefault({}),
    credentials: named(credentialsSection(directory, environment)),
    devices: list(deviceSection()),
    users: list(userSection()),
    'users-file': path(directory).optional(),
    sources: sourcesSection().prefault({}),
    'login-limits': loginLimitsSection().prefault({}),
    'authentication-hook': authenticationHookSection(directory).optional(),
    roles: named(roleSection(), BUILT_IN_ROLES),
    audit: auditSection(directory).prefault({}),
    webhooks: list(webhookSection()),
    traces: tracesSection().optional(),
    cluster: atNextStart(clusterSection(directory).optional()),
    'data-dir': atNextStart(path(directory).prefault(DEFAULT_DATA_DIR)),
    'drain-timeout': duration('0s').default(30_000),
    log: section({
      level: oneOf('trace', 'debug', 'info', 'warn', 'error').default('info'),
      format: atNextStart(oneOf('auto', 'json', 'pretty').default('auto')),
    }).prefault({}),
  })
}

function roleSection() {
  return section({
    devices: list(deviceSelector()),
    operations: list(operationPattern()),
    'denied-operations': list(operationPattern()),
    channels: list(oneOf('netconf', 'exec', 'shell', 'sftp', 'ssh')).prefault(['netconf']),
    forwards: list(integer(1, 65_535)),
    api: list(oneOf('read', 'rpc', 'admin')).prefault(['read', 'rpc']),
    credentials: list(text()),
    as: text().optional(),
  })
}

function webhookSection() {
  return section({
    url: webhookUrl(),
    events: list(oneOf(...FLEET_EVENTS)).prefault([...FLEET_EVENTS]),
    devices: list(deviceSelector()).prefault(['*']),
    secret: text(),
    timeout: duration().default(10_000),
    'max-age': duration('1s', '168h').default(86_400_000),
    'max-queued': integer(1, MANY).default(10_000),
  })
}

function tracesSection() {
  return section({
    endpoint: collectorUrl(),
    headers: headerFields(),
    'sample-ratio': ratio().default(1),
    'service-name': text().default('homeport'),
    timeout: duration('100ms', '1m').default(2_000),
    'max-queued': integer(1, MANY).default(5_000),
  })
}
