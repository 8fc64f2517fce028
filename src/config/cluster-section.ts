import { readPostgresUrl } from '../lib/postgres-url.js'
import { accepted, type ParseResult } from './parse-result.js'
import { duration, listenPlace, path } from './scalars.js'
import { scalar, section } from './section.js'

/**
 * The database that a bridge shares with others, and who it is there. A lease is three heartbeats at least, so that one
 * that is late takes nobody's place from it. With `listen` all of them serve at a time, else one after another.
 */
export function clusterSection(directory: string) {
  return section({
    database: databaseUrl(),
    node: nodeId(),
    'secret-key': secretKeys(),
    listen: listenPlace(DEFAULT_PORT).optional(),
    advertise: listenPlace(DEFAULT_PORT).optional(),
    certificate: path(directory).optional(),
    key: path(directory).optional(),
    ca: path(directory).optional(),
    lease: duration('3s', '10m').default(6_000),
    heartbeat: duration('100ms', '1s').default(1_000),
  })
}

/** Where nodes listen for each other; no registered port, and not that of clients or devices. */
const DEFAULT_PORT = 4350

function databaseUrl() {
  return scalar((written): ParseResult<string> => {
    const url = readPostgresUrl(written)
    return url.ok ? accepted(written) : url
  })
}

/** The name of a node, which stands in messages, certificates and metrics. */
function nodeId() {
  return scalar(
    (written): ParseResult<string> =>
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(written)
        ? accepted(written)
        : {
            ok: false,
            message: 'the name of a node has letters, digits, dots, dashes and underscores, 64 at most',
            hint: 'each node needs a name of its own, such as `a` or `bridge1`',
          },
  )
}

/** Bytes of a key. */
const KEY_LENGTH = 32

/** Keys in base64, the first of which seals; further ones are those that were there before. */
function secretKeys() {
  return scalar((written): ParseResult<readonly Buffer[]> => {
    const keys = written
      .split(/[\s,]+/)
      .filter((word) => word !== '')
      .map((word) => (/^[A-Za-z0-9+/_-]+={0,2}$/.test(word) ? Buffer.from(word, 'base64') : Buffer.alloc(0)))
    return keys.length > 0 && keys.every((key) => key.length === KEY_LENGTH)
      ? accepted(keys)
      : {
          ok: false,
          message: `expected a key of ${KEY_LENGTH} bytes in base64, or several with spaces between`,
          hint: 'make one with `openssl rand -base64 32`, and give it to every node of the cluster',
        }
  })
}
