import type { Environment } from './yaml/environment.js'
import { readOwnAddress } from './address-prefix.js'
import { MANY } from './bounds.js'
import { publicKey } from './key-lines.js'
import { atNextStart } from './restart-mark.js'
import { agentSocket, deviceId, duration, integer, listenAddress, oneOf, path, principal, text } from './scalars.js'
import { list, named, scalar, section } from './section.js'
import { withPrincipals } from './user-section.js'

/** Where devices call home, and how long each step of that may take. */
export function callHomeSection() {
  return section({
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
}

/** Links to devices and the sessions on them. */
export function linkSection() {
  return section({
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
}

/** What a device is believed by. */
export function trustSection(directory: string) {
  return section({
    'known-hosts': path(directory).optional(),
    revoked: list(path(directory)),
    'first-use': oneOf('refuse', 'pend', 'accept').default('pend'),
    'pending-timeout': duration().default(60_000),
    'pending-lifetime': duration('1s', '365d').default(86_400_000),
    'max-pending': integer(1, MANY).default(256),
    'max-pending-per-source': integer(1, MANY).default(16),
  })
}

/** What the bridge logs in on devices with. */
export function credentialsSection(directory: string, environment: Environment) {
  return section({
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
}

/** A device that the file names. */
export function deviceSection() {
  return section({
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
}
