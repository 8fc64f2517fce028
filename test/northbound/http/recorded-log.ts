import { createLog, type Log } from '../../../src/telemetry/log.js'

/** A log whose lines a test reads. */
export function recordedLog(): { readonly log: Log; readonly lines: () => Record<string, unknown>[] } {
  let text = ''
  const log = createLog({ level: 'debug', format: 'json' }, { write: (line) => void (text += line) })
  return {
    log,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}
