import { accountWarnings } from './account-warnings.js'
import type { ConfigError } from './config-error.js'
import type { Config, TrustConfig, UserConfig } from './schema.js'
import { keyExchangesInVain } from './key-exchanges-in-vain.js'
import { legacyWarnings } from './legacy-warnings.js'
import { minimumKeyExchangeWarnings } from './minimum-key-exchange-warnings.js'
import { proxyProtocolWarnings } from './proxy-protocol-warnings.js'
import { portsInVain, waysAroundRules } from './rule-bypass-warnings.js'
import { weakAlgorithms } from './weak-algorithm-warnings.js'

/** What is allowed and yet hardly meant. */
export function warningsAbout(config: Config): readonly ConfigError[] {
  return [
    ...(config.devices.length > 0 ? [] : [noDevices(config.trust)]),
    ...(config.trust.firstUse === 'accept' ? [believingFirstUse] : []),
    ...(config.users.length > 0 || config.usersFile !== undefined || config.authenticationHook !== undefined
      ? []
      : [nobody]),
    ...warningsAboutUsers(config.users, config),
    ...httpWarnings(config),
    ...proxyProtocolWarnings(config),
    ...hastyKeepalive(config),
    ...waysAroundRules(config),
    ...portsInVain(config),
    ...accountWarnings(config),
    ...weakAlgorithms(config),
    ...keyExchangesInVain(config),
    ...legacyWarnings(config),
    ...minimumKeyExchangeWarnings(config),
    ...sharedProof(config, 'secret', (device) => (device.secret === undefined ? [] : [device.secret])),
    ...sharedProof(config, 'host-keys', (device) => device.hostKeys.map((key) => key.blob.toString('base64'))),
  ]
}

const nobody: ConfigError = { path: [], message: 'no users are configured, so nobody can log in', hint: 'add `users`' }

/** The same of users, in the configuration or in a users file. */
export function warningsAboutUsers(
  users: readonly UserConfig[],
  { endpoint, authenticationHook }: Pick<Config, 'endpoint' | 'authenticationHook'>,
): readonly ConfigError[] {
  const othersLetIn = endpoint.ssh.trustedUserCaKeys.length > 0 || authenticationHook !== undefined
  return users.flatMap((user, at): readonly ConfigError[] => [
    ...(user.passwordHash !== undefined || user.authorizedKeys.length > 0 || othersLetIn
      ? []
      : [
          {
            path: ['users', at],
            message: 'this user has neither password nor key, and can act by tokens alone',
            hint:
              'that is right for a program over HTTP; else add `password-hash` or `authorized-keys`, ' +
              'or let certificates in with `endpoint.ssh.trusted-user-ca-keys`',
          },
        ]),
    ...(user.roles.length > 0 || authenticationHook !== undefined
      ? []
      : [{ path: ['users', at], message: 'this user may open no device', hint: 'add `roles`' }]),
  ])
}

/** What happens to a device that nobody configured. */
const FIRST_USE = {
  refuse: 'are refused unless they were approved before',
  pend: 'are pending until approved',
  accept: 'are believed at their first call',
}

function noDevices({ firstUse, knownHosts }: TrustConfig): ConfigError {
  const which = knownHosts === undefined ? '' : ' and are not in known-hosts'
  return {
    path: [],
    message: `no devices are configured, so devices that call${which} ${FIRST_USE[firstUse]}`,
    hint: firstUse === 'pend' ? 'add `devices`, or approve with `homeport devices approve`' : 'add `devices`',
  }
}

const believingFirstUse: ConfigError = {
  path: ['trust', 'first-use'],
  message: 'whoever calls first with a device id is believed, and gets credentials to log in with',
  hint: 'for a lab; `pend` waits for your approval instead',
}

/** Over plain HTTP from elsewhere nobody may give a password or a token, so nobody could ask for anything. */
function httpWarnings({ endpoint: { http } }: Config): readonly ConfigError[] {
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(http.address)
  if (http.port === 'none' || http.certificate !== undefined || http.selfSigned) return []
  if (loopback || http.trustedProxies.length > 0) return []
  return [
    {
      path: ['endpoint', 'http', 'address'],
      message: 'the HTTP API is reached without TLS from other machines, which it refuses to authenticate',
      hint: 'add `certificate` and `key`, or `self-signed: true`, or `trusted-proxies` for a proxy that speaks TLS',
    },
  ]
}

/**
 * Milliseconds that a client should be let be silent at least: a program may do something else between two requests.
 */
const PATIENCE_WITH_CLIENTS = 600_000

/** Clients on libssh and libssh2 answer a keepalive only while they read. */
function hastyKeepalive({ endpoint: { ssh } }: Config): readonly ConfigError[] {
  const { keepaliveInterval, keepaliveCountMax } = ssh
  if (keepaliveInterval === 0 || keepaliveInterval * keepaliveCountMax >= PATIENCE_WITH_CLIENTS) return []
  return [
    {
      path: ['endpoint', 'ssh', 'keepalive-interval'],
      message:
        'a client on libssh or libssh2 that is idle for a few minutes is let go, ' +
        'because it answers only while it reads',
      hint: 'leave `keepalive-interval` out, so that TCP alone tells who is gone, or raise `keepalive-count-max`',
    },
  ]
}

/**
 * Two devices with one host key can speak for each other, and a secret of two vouches for neither. It is told once for
 * those devices, however many keys they share: a fleet may do so on purpose.
 */
function sharedProof(
  config: Config,
  key: 'secret' | 'host-keys',
  proofsOf: (device: Config['devices'][number]) => readonly string[],
): readonly ConfigError[] {
  const holders = new Map<string, number[]>()
  config.devices.forEach((device, at) => {
    for (const proof of new Set(proofsOf(device))) holders.set(proof, [...(holders.get(proof) ?? []), at])
  })
  const groups = new Map([...holders.values()].map((indices) => [indices.join(), indices]))
  return [...groups.values()].flatMap((indices): readonly ConfigError[] => {
    const [, second] = indices
    if (second === undefined) return []
    const told =
      key === 'secret'
        ? `the same secret as another device (${indices.length} share it), so it proves none of them`
        : `the same host key as another device (${indices.length} share it), so each can pose as the other`
    return [{ path: ['devices', second, key], message: told }]
  })
}
