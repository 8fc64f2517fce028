import { EventEmitter } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { within } from './wait-for.js'

export type Lines = {
  /** Every line so far, oldest first. */
  readonly all: readonly string[]
  /**
   * The first line, past or future, that matches; `from` skips that many of the oldest lines. Default timeout 10,000
   * ms.
   */
  readonly match: (
    pattern: RegExp,
    options?: { readonly from?: number; readonly timeoutMs?: number },
  ) => Promise<string>
  /** Reads `stream` line by line into this collection; several streams may be added. */
  readonly add: (stream: Readable) => void
}

/** Collects the lines that processes write, and lets a test wait for one. `who` names the writer in error messages. */
export function collectLines(who: string): Lines {
  const all: string[] = []
  const arrivals = new EventEmitter<{ line: [string] }>().setMaxListeners(0)

  const match: Lines['match'] = async (pattern, { from = 0, timeoutMs = 10_000 } = {}) => {
    const known = all.slice(from).find((line) => pattern.test(line))
    if (known !== undefined) return known
    let listener: (line: string) => void = () => {}
    const found = new Promise<string>((resolve) => {
      listener = (line) => {
        if (pattern.test(line)) resolve(line)
      }
      arrivals.on('line', listener)
    })
    const what = () => `${who} to write ${pattern}; it wrote last:\n${all.slice(-15).join('\n')}`
    return within(timeoutMs, what, found).finally(() => arrivals.off('line', listener))
  }
  const add = (stream: Readable) => {
    createInterface({ input: stream }).on('line', (line) => {
      all.push(line)
      arrivals.emit('line', line)
    })
  }
  return { all, match, add }
}
