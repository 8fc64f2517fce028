import { type DestinationStream, type Logger, pino } from 'pino'
import { build as pretty } from 'pino-pretty'

export type Log = Logger

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  /** `auto`: readable on a terminal, JSON lines elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty'
}

/** Keys whose values never reach the log, wherever they stand. */
const secretKeys = ['password', 'passphrase', 'secret', 'privateKey', 'passwordHash', 'hmac']

/** The log of a node: one line for each thing that an operator would ask about, on standard error. */
export function createLog(
  { level, format }: LogOptions,
  destination: DestinationStream & { readonly isTTY?: boolean } = process.stderr,
): Log {
  const readable = format === 'pretty' || (format === 'auto' && destination.isTTY === true)
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
    },
    readable
      ? pretty({
          destination,
          colorize: destination.isTTY === true,
          singleLine: true,
          translateTime: 'SYS:HH:MM:ss.l',
          sync: true,
        })
      : destination,
  )
}
