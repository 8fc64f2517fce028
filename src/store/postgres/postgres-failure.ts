import { strangerText } from '../../lib/stranger-text.js'
import type { StoreFailure } from '../store.js'
import { SealError } from './sealer.js'

/** A failure that the engine itself has found; its message is that of the failure. */
export class EngineError extends Error {
  readonly failure: StoreFailure

  constructor(failure: StoreFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/**
 * What an error of PostgreSQL or of the way there means for whoever runs the bridge; undefined when it is a mistake of
 * ours.
 */
export function failureOf(error: unknown, name: string): StoreFailure | undefined {
  if (error instanceof EngineError) return error.failure
  if (error instanceof SealError)
    return { reason: 'corrupt', message: `${name}: a secret cannot be opened: ${error.message}`, hint: OTHER_KEY_HINT }
  const code = codeOf(error)
  const kind = KINDS.find(({ codes }) => codes.test(code))
  return kind && { reason: kind.reason, message: `${name}: ${kind.message(saidBy(error, code))}`, hint: kind.hint }
}

/** As `failureOf`, while it is opened: tables that are not ours are damage as well, and look like a mistake of ours. */
export function failureOfOpening(error: unknown, name: string): StoreFailure | undefined {
  const failure = failureOf(error, name)
  if (failure !== undefined || !/^(22|23|42)/.test(codeOf(error))) return failure
  return {
    reason: 'corrupt',
    message: `${name}: its tables are not those of Homeport (${saidBy(error, codeOf(error))})`,
    hint: 'give Homeport a database of its own, whose owner is the user of the URL, or put back a backup of it',
  }
}

/** Whether another attempt may succeed at once: it was in the way of another transaction. */
export function isInTheWay(error: unknown): boolean {
  return /^(40001|40P01)$/.test(codeOf(error))
}

/** Whether the connection is gone, or nobody answers on it. */
export function isConnectionLost(error: unknown): boolean {
  return CONNECTION_LOST.test(codeOf(error))
}

/** Whether a connection goes on after it: the server has said it, or it is a mistake of ours that it never saw. */
export function leavesConnectionUsable(error: unknown): boolean {
  return !isConnectionLost(error) && !/^(LATE|E[A-Z])/.test(codeOf(error))
}

/** Whether it says something of the database, and is no mistake of ours. */
export function isWithoutAnswer(error: unknown, name: string): boolean {
  return failureOf(error, name) !== undefined
}

/** Thrown within a transaction that another node was ahead of, so that it is done anew. */
export class Overtaken extends Error {
  readonly code = '40001'
}

export const OTHER_KEY_HINT =
  'cluster.secret-key must be the same on all nodes; after a change keep the one before it behind the new one'

interface Kind {
  readonly reason: StoreFailure['reason']
  readonly codes: RegExp
  readonly message: (said: string) => string
  readonly hint: string
}

/** The connection or the server went away: of SQLSTATE, of Node, and of `pg`, which has no codes. */
const CONNECTION_LOST = /^(08|57P0[1-5]|25P0[34]|ECONN|EPIPE|ETIMEDOUT|LOST)/
const NO_SUCH_DATABASE = /^(28|3D)/

const KINDS: readonly Kind[] = [
  {
    reason: 'unavailable',
    codes: NO_SUCH_DATABASE,
    message: (said) => `the database lets nobody in by this URL (${said})`,
    hint: 'compare user, password and database in cluster.database with `psql URL`, and with pg_hba.conf there',
  },
  {
    reason: 'unavailable',
    codes: /^(57014|55P03|LATE)/,
    message: (said) => `the database did not answer in time (${said})`,
    hint:
      'look at its load and at what waits in pg_stat_activity; ' +
      'a synchronous standby that is gone holds up writes, too',
  },
  {
    reason: 'disk-full',
    codes: /^53100/,
    message: (said) => `the database has no space left (${said})`,
    hint: 'make room on its disk; until then nothing new is remembered across a restart',
  },
  {
    reason: 'unavailable',
    codes: /^53/,
    message: (said) => `the database has no room for more (${said})`,
    hint: 'raise max_connections there, or put pgbouncer before it',
  },
  {
    reason: 'read-only',
    codes: /^(25006|42501)/,
    message: (said) => `the database takes no writes of ours (${said})`,
    hint: 'it may be a standby: name the primary in cluster.database; the user of the URL must own the database',
  },
  {
    reason: 'corrupt',
    codes: /^XX/,
    message: (said) => `the database is damaged (${said})`,
    hint: 'its own log says more; put back a backup of it',
  },
  {
    reason: 'io',
    codes: /^58/,
    message: (said) => `the database cannot use its files (${said})`,
    hint: 'its own log says more',
  },
  {
    reason: 'unavailable',
    codes: /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|NO_TLS)/,
    message: (said) => `no TLS with the database (${said})`,
    hint:
      'name its CA by ?sslrootcert=/FILE in cluster.database, or, where the network between is nobody else’s, ' +
      'do without by ?sslmode=disable',
  },
  {
    reason: 'conflict',
    codes: /^40/,
    message: (said) => `another node was first each time (${said})`,
    hint: 'try again',
  },
  {
    reason: 'unavailable',
    codes: new RegExp(`${CONNECTION_LOST.source}|^E[A-Z0-9_]+$`),
    message: (said) => `the database cannot be reached (${said})`,
    hint: 'is it running, and is the way to it open? what was decided before goes on without it',
  },
]

/** SQLSTATE, a code of Node's, or a word for what `pg` has no code for. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  // Node tries all addresses of a name, and throws all of it.
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  if ('code' in error && typeof error.code === 'string') return error.code
  return WORDS_OF_PG.find(({ said }) => said.test(error.message))?.code ?? ''
}

const WORDS_OF_PG: readonly { readonly said: RegExp; readonly code: string }[] = [
  { said: /^Query read timeout|timeout (expired|exceeded)/i, code: 'LATE' },
  { said: /^Connection terminated|^Client (has encountered|was closed)|not queryable/i, code: 'LOST' },
  { said: /does not support SSL/, code: 'NO_TLS' },
  { said: /password|SASL|SCRAM/, code: '28P01' },
]

function saidBy(error: unknown, code: string): string {
  const first = error instanceof AggregateError ? error.errors[0] : error
  const said = first instanceof Error ? strangerText(first.message) : ''
  return said === '' || said.includes(code) || /^[A-Z_]+$/.test(code) ? said || code : `${said}, ${code}`
}
