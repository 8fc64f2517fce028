import { onAbort } from '../../../lib/on-abort.js'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { LiveThing } from '../../../access/authz/live-rights.js'
import type { RightEnd } from '../../../access/authz/right-end.js'
import type { ApiEnv, HttpServices } from '../api.js'
import type { BoundedQueue } from './bounded-queue.js'

/** One server-sent event. `id` is what a client names in `Last-Event-ID` when it comes again. */
export interface ServerSentEvent {
  readonly event: string
  readonly data: string
  readonly id?: string
}

/** Milliseconds of silence after which a comment tells proxies and clients that the stream lives. */
const HEARTBEAT = 15_000
/** Milliseconds that an EventSource waits before it comes again. */
const RECONNECT_DELAY = 2_000

/** Milliseconds that a client gets to read why its stream ends. */
const FAREWELL_TIMEOUT = 1_000

/** What a stream of events is made of. */
export interface EventStream {
  readonly queue: BoundedQueue<ServerSentEvent>
  /** Why the caller may not hear this any more; undefined while it may. */
  readonly check: LiveThing['check']
  /** Called once, when the stream is over. */
  readonly leave: () => void
}

/**
 * Answers with what comes out of a queue until it ends, the client goes away or its right ends. A client that reads
 * too slowly finds its queue full: it is told, and may come again with the last id that it saw. The last event of one
 * whose right has ended is `ended`, with the reason.
 */
export function answerEvents(
  c: Context<ApiEnv>,
  { live }: Pick<HttpServices, 'live'>,
  { queue, check, leave }: EventStream,
): Response {
  c.header('X-Accel-Buffering', 'no')
  return streamSSE(c, async (stream) => {
    const stop = (): void => queue.end()
    stream.onAbort(stop)
    let why: RightEnd | undefined
    let tooLate: NodeJS.Timeout | undefined
    const release = live.watch({
      check,
      until: c.var.caller.until,
      end: (reason) => {
        why = reason
        queue.clear()
        // A client that reads nothing does not keep its stream.
        tooLate = setTimeout(() => c.env?.outgoing?.destroy(), FAREWELL_TIMEOUT)
      },
    })
    const stopListening = onAbort(c.var.draining, stop)
    try {
      await stream.write(`retry: ${RECONNECT_DELAY}\n\n`)
      while (!queue.ended && !stream.aborted) {
        const event = await queue.next(HEARTBEAT)
        if (event !== undefined) await stream.writeSSE(event)
        else if (!queue.ended) await stream.write(': alive\n\n')
      }
      if (why !== undefined) await stream.writeSSE({ event: 'ended', data: JSON.stringify(why) })
    } finally {
      release()
      stopListening()
      clearTimeout(tooLate)
      leave()
    }
  })
}
