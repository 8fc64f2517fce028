import { type DestinationStream, type Logger, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { readableJsonLine, shownJsonLine } from './log-line.js'

export type Log = Logger

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  /** `auto`: readable on a terminal, JSON lines elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty'
}

/** Keys whose values never reach the log, in the words of the code and of the configuration file. */
const SECRET_KEYS = [
  'password',
  'passphrase',
  'secret',
  'privateKey',
  'private-key',
  'passwordHash',
  'password-hash',
  'hmac',
  'token',
  'headers',
]

/** At the top of a line, and below that in objects and lists. */
const secretPaths = SECRET_KEYS.flatMap((key) => ['', '*', '*.*', '*.*.*'].map((path) => `${path}["${key}"]`))

/** The log of a node: one line for each thing that an operator would ask about, on standard error. */
export function createLog(
  { level, format }: LogOptions,
  destination: DestinationStream & { readonly isTTY?: boolean } = process.stderr,
): Log {
  const readable = format === 'pretty' || (format === 'auto' && destination.isTTY === true)
  return pino(
    {
      level,
      // oxlint-disable-next-line unicorn/no-null -- pino's word for no fields of its own
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretPaths, censor: '[secret]' },
    },
    readable ? readableOn(destination) : { write: (line: string) => destination.write(shownJsonLine(line)) },
  )
}

function readableOn(destination: DestinationStream & { readonly isTTY?: boolean }): DestinationStream {
  const readable = prettyFactory({
    colorize: destination.isTTY === true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  })
  return { write: (line) => destination.write(readable(readableJsonLine(line))) }
}
