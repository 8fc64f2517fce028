import { algorithmsSection } from './algorithm-section.js'
import { readAddressPrefix } from './address-prefix.js'
import { MANY, MIB } from './bounds.js'
import { proxyProtocolSection } from './proxy-protocol-section.js'
import { atNextStart } from './restart-mark.js'
import {
  deviceSelector,
  duration,
  hostName,
  integer,
  issuerUrl,
  listenAddress,
  network,
  oneOf,
  path,
  portOrNone,
  portRange,
  principal,
  ratio,
  size,
  text,
  yesOrNo,
} from './scalars.js'
import { list, scalar, section } from './section.js'

/** Where clients come in, over SSH and over HTTP. */
export function endpointSection(directory: string) {
  return section({
    ssh: sshSection(directory).prefault({}),
    http: httpSection(directory).prefault({}),
  })
}

function sshSection(directory: string) {
  return section({
    address: atNextStart(listenAddress().default('::')),
    port: atNextStart(integer(0, 65_535).default(830)),
    'further-ports': atNextStart(list(integer(0, 65_535))),
    'proxy-protocol': proxyProtocolSection().prefault({}),
    legacy: atNextStart(legacySection().optional(), 'presence'),
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
    'minimum-key-exchange': oneOf('classical', 'post-quantum').default('classical'),
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
    'refusals-in-netconf': yesOrNo().default(true),
    'max-inspected-request': size('1KiB', '1GiB').default(16 * MIB),
    'max-inspected-total': size('1MiB', '64GiB').default(256 * MIB),
    'max-waiting-refusals': integer(1, 10_000).default(100),
    'max-jumps-per-connection': integer(0, MANY).default(10),
    // Clients on libssh and libssh2 answer only while they read, so they are not asked unless somebody wants it.
    'keepalive-interval': duration('0s').default(0),
    'keepalive-count-max': integer(1, 100).default(30),
  })
}

/** A listener of its own for clients that know old algorithms alone. */
function legacySection() {
  return section({
    address: atNextStart(listenAddress().optional()),
    port: atNextStart(integer(0, 65_535).default(8830)),
    users: list(text()),
    devices: list(deviceSelector()).prefault(['*']),
    algorithms: algorithmsSection().prefault('legacy'),
  })
}

function httpSection(directory: string) {
  return section({
    address: atNextStart(listenAddress().default('127.0.0.1')),
    port: atNextStart(portOrNone().default(8080)),
    names: list(hostName()),
    certificate: atNextStart(path(directory).optional(), 'presence'),
    key: atNextStart(path(directory).optional(), 'presence'),
    'self-signed': atNextStart(yesOrNo().default(false)),
    'client-ca': atNextStart(path(directory).optional(), 'presence'),
    'proxy-protocol': proxyProtocolSection().prefault({}),
    'trusted-proxies': list(network()),
    'proxy-header': oneOf('x-forwarded', 'forwarded').default('x-forwarded'),
    'max-connections': integer(1, MANY).default(1000),
    'headers-timeout': duration().default(10_000),
    'request-timeout': duration().default(30_000),
    'idle-timeout': duration().default(60_000),
    'max-pipelined-requests': integer(0, 10_000).default(100),
    metrics: oneOf('token', 'public').default('token'),
    'max-tokens': integer(1, MANY).default(1000),
    oidc: oidcSection().optional(),
    ...callBounds(),
  })
}

/** The identity provider whose JWTs are taken. */
function oidcSection() {
  return section({
    issuer: issuerUrl(),
    audience: text(),
    'jwks-uri': issuerUrl().optional(),
    'user-claim': text().default('preferred_username'),
    'roles-claim': text().default('roles'),
    algorithms: list(oneOf(...JWT_ALGORITHMS)).prefault(['RS256', 'PS256', 'ES256', 'EdDSA']),
    'clock-skew': duration('0s', '10m').default(30_000),
    'fetch-timeout': duration().default(5_000),
  })
}

/** Bounds on RPCs over HTTP. */
function callBounds() {
  return {
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
}

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
