import * as z from 'zod'
import type { Environment } from './yaml/environment.js'
import { algorithmsBySourceSection, algorithmsSection } from './algorithm-section.js'
import { readOwnAddress } from './address-prefix.js'
import { MANY } from './bounds.js'
import { publicKey, publicKeyOrFile } from './key-lines.js'
import { proxyProtocolSection } from './proxy-protocol-section.js'
import { atNextStart } from './restart-mark.js'
import {
  agentSocket,
  deviceId,
  duration,
  integer,
  listenAddress,
  oneOf,
  path,
  principal,
  text,
  yesOrNo,
} from './scalars.js'
import { list, named, scalar, section } from './section.js'
import { withPrincipals } from './user-section.js'

/** Where devices call home, and how long each step of that may take. */
export function callHomeSection() {
  return section({
    ssh: section({
      address: atNextStart(listenAddress().default('::')),
      port: atNextStart(integer(0, 65_535).default(4334)),
      'proxy-protocol': proxyProtocolSection().prefault({}),
      algorithms: list(algorithmsBySourceSection()),
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

/** Links that a device may have at a time, at most: each is a connection that is watched, and a place for a twin. */
const MAX_CONNECTIONS = 64

/** Links to devices and the sessions on them. */
export function linkSection() {
  return section({
    'keepalive-interval': duration().default(15_000),
    'keepalive-count-max': integer(1, 100).default(3),
    'max-reply-wait': duration().default(3_600_000),
    'max-connections': integer(1, MAX_CONNECTIONS).default(1),
    'max-sessions': integer(1, MANY).default(10),
    'max-queued-sessions': integer(0, MANY).default(32),
    'max-forwards': integer(0, MANY).default(16),
    'max-forwards-per-user': integer(1, MANY).default(8),
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
    hmac: oneOf('keeps-pins', 'replaces-pins').default('keeps-pins'),
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
    'agent-key': publicKeyOrFile(directory).optional(),
    'user-ca': path(directory).optional(),
    'user-ca-passphrase': text().optional(),
    principals: list(principal()),
    'certificate-lifetime': duration('1m', '1h').default(300_000),
    'per-user': yesOrNo().default(false),
    'per-user-port': integer(1, 65_535).default(22),
  }).transform((written) => withPrincipals(written, written.username))
}

/** The name of the credentials that a device is logged in to with; of several, each link takes one of its own. */
function credentialsNames() {
  const names = z
    .array(text(), { error: 'expected a name, or a list of names such as [a, b]' })
    .superRefine((all, context) => {
      if (all.length === 0)
        context.addIssue({
          code: 'custom',
          message: 'is empty',
          params: { hint: 'name one, or remove the key for `default`' },
        })
      const twice = all.findIndex((name, at) => all.indexOf(name) < at)
      if (twice !== -1) context.addIssue({ code: 'custom', path: [twice], message: 'is named twice' })
    })
    .transform(([first = 'default', ...others]): readonly [string, ...string[]] => [first, ...others])
  return z.preprocess((written) => (Array.isArray(written) ? written : [written ?? 'default']), names)
}

/** A device that the file names. */
export function deviceSection() {
  return section({
    id: deviceId(),
    aliases: list(principal()),
    secret: text().optional(),
    'host-keys': list(publicKey()),
    credentials: credentialsNames(),
    labels: named(text()).transform((labels): Readonly<Record<string, string>> => Object.fromEntries(labels)),
    'max-connections': integer(1, MAX_CONNECTIONS).optional(),
    'max-sessions': integer(1, MANY).optional(),
    'spare-channels': integer(0, 8).default(0),
    connection: oneOf('persistent', 'periodic').default('persistent'),
    algorithms: algorithmsSection().optional(),
    endpoint: section({
      port: integer(1, 65_535).optional(),
      address: scalar(readOwnAddress).optional(),
    }).optional(),
  })
}
