import { Session } from 'node:inspector'

/** Tells whether an input made code run that no earlier one did. It looks for two milliseconds. */
export interface Coverage {
  readonly isNew: () => boolean
  readonly stop: () => void
}

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

interface Script {
  readonly scriptId: string
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly Range[] }[]
}

/** Code of ours, and of the libraries that read strangers' bytes for us. */
const LOOKED_AT = /\/src\/|\/node_modules\/(?:saxes|yaml|ssh2|zod)\//

/** Watches which blocks of code this thread runs, by V8's own coverage. */
export function watchCoverage(): Coverage {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true })
  const seen = new Set<string>()
  return {
    isNew: () => {
      let found = false
      // It answers before it returns.
      session.post(
        'Profiler.takePreciseCoverage',
        (_error: unknown, answer: { readonly result: readonly Script[] }) => {
          for (const { scriptId, url, functions } of answer.result)
            if (LOOKED_AT.test(url))
              for (const { ranges } of functions)
                for (const { startOffset, endOffset, count } of ranges) {
                  const block = `${scriptId}:${startOffset}:${endOffset}`
                  if (count === 0 || seen.has(block)) continue
                  seen.add(block)
                  found = true
                }
        },
      )
      return found
    },
    stop: () => session.disconnect(),
  }
}
