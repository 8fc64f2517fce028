import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('./byte_subsystem.py', import.meta.url))

/** What `sink` reports once its input ended. */
export type SinkReport = { readonly bytes: number; readonly sha256: string; readonly eof: boolean }

/**
 * Subsystem commands for tests that look at bytes; none of them speaks NETCONF unless it says so.
 * Give them to sshd as `subsystems: { netconf: byteSubsystem.send(64 * 1024 ** 2) }`.
 */
export const byteSubsystem = {
  /** Writes `bytes` bytes whose hash is `expectedHash(bytes)`, then exits with `status`, without reading its input. */
  send: (bytes: number, status = 0): string => command('send', bytes, status),
  /**
   * Reads to the end of its input, then writes a `SinkReport` as JSON on standard output, and into `reportFile` if
   * given.
   */
  sink: (reportFile?: string): string => command('sink', ...(reportFile ? [reportFile] : [])),
  /** Writes back what it reads until its input ends. */
  echo: (): string => 'exec cat',
  /** Never reads and never writes. */
  deaf: (): string => 'exec sleep infinity',
  /**
   * Writes `text` on standard error, which sshd passes on for a command but drops for a subsystem, and exits with
   * `status`.
   */
  complain: (text: string, status: number): string => command('complain', text, status),
  /**
   * A base:1.0 responder that answers each `<rpc>` with `<ok/>` after `delay` milliseconds, also those it had read
   * before its input ended, then exits.
   */
  replies: (delay = 0): string => command('replies', delay),
  /** Runs another subsystem's command, and appends all that it is given to a file before it gets it. */
  record: (file: string, program: string): string => command('record', file, program),
  /**
   * A NETCONF responder, in chunks where its client can, that does what an RPC says anywhere in it: waits `<wait>`
   * milliseconds, then answers with `<token>` as it was given and `<text>` of `<size>` bytes, of the markup that `<of>`
   * has escaped where there is one. Anything is answered, in order.
   */
  answers: (): string => command('answers'),
} as const

/**
 * SHA-256, in hexadecimal, of the first `bytes` bytes of the stream that `send` writes and `deterministicBytes` makes.
 */
export function expectedHash(bytes: number): string {
  const hash = createHash('sha256')
  for (const chunk of deterministicBytes(bytes)) hash.update(chunk)
  return hash.digest('hex')
}

/** The same stream in chunks of 64 KiB: no chunk equals another, so a lost, doubled or swapped one changes the hash. */
export function* deterministicBytes(bytes: number): Generator<Buffer> {
  const size = 65_536
  const pattern = Buffer.from(Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8) * 7) & 0xff))
  for (let start = 0; start < bytes; start += size) {
    const chunk = Buffer.from(pattern)
    chunk.writeUInt32BE(start / size)
    yield chunk.subarray(0, Math.min(size, bytes - start))
  }
}

function command(mode: string, ...args: readonly (string | number)[]): string {
  return ['exec', '/usr/bin/python3', '-S', '-E', script, mode, ...args]
    .map((word) => shellQuote(String(word)))
    .join(' ')
}

function shellQuote(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
