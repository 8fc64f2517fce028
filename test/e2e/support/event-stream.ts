import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { within } from '../parts/wait-for.js'

/** A server-sent event as it came. */
export type StreamedEvent = {
  readonly event: string
  readonly data: string
  readonly id?: string
}

export type EventStream = {
  /** All events so far. */
  readonly events: readonly StreamedEvent[]
  /** The first event, past or future, of which this is true. */
  readonly until: (wanted: (event: StreamedEvent) => boolean, timeoutMs?: number) => Promise<StreamedEvent>
  /** Resolves when the bridge has ended the stream. */
  readonly ended: Promise<void>
  readonly stop: () => Promise<void>
}

/** Listens to a stream of server-sent events as `curl -N` shows it; `words` go before the URL. */
export function listenByCurl(...words: readonly string[]): EventStream {
  const child = spawn('curl', ['-sS', '-N', ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const events: StreamedEvent[] = []
  const waiting = new Set<() => void>()
  let fields: Record<string, string> = {}
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, name = '', value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? []
    if (line !== '') {
      if (name !== '') fields[name] = fields[name] === undefined ? value : `${fields[name]}\n${value}`
      return
    }
    const { event = 'message', data, id } = fields
    fields = {}
    if (data === undefined) return
    events.push({ event, data, ...(id === undefined ? {} : { id }) })
    for (const look of waiting) look()
  })
  return {
    events,
    until: (wanted, timeoutMs = 20_000) => {
      const found = new Promise<StreamedEvent>((resolve) => {
        const look = (): void => {
          const event = events.find(wanted)
          if (event === undefined) return
          waiting.delete(look)
          resolve(event)
        }
        waiting.add(look)
        look()
      })
      return within(timeoutMs, () => `an event; so far came ${JSON.stringify(events.slice(-10))}`, found)
    },
    ended: exited.then(() => undefined),
    stop: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
