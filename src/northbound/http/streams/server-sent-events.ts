import { onAbort } from '../../../lib/on-abort.js'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { ApiEnv } from '../api.js'
import type { BoundedQueue } from './bounded-queue.js'

/** One server-sent event. `id` is what a client names in `Last-Event-ID` when it comes again. */
export interface ServerSentEvent {
  readonly event: string
  readonly data: string
  readonly id?: string
}

/** Milliseconds of silence after which a comment tells proxies and clients that the stream lives. */
const heartbeat = 15_000
/** Milliseconds that an EventSource waits before it comes again. */
const reconnectDelay = 2_000

/**
 * Answers with what comes out of a queue until it ends or the client goes away; `leave` is called once then.
 * A client that reads too slowly finds its queue full: it is told, and may come again with the last id that it saw.
 */
export function answerEvents(c: Context<ApiEnv>, queue: BoundedQueue<ServerSentEvent>, leave: () => void): Response {
  c.header('X-Accel-Buffering', 'no')
  return streamSSE(c, async (stream) => {
    const stop = (): void => queue.end()
    stream.onAbort(stop)
    const stopListening = onAbort(c.var.draining, stop)
    try {
      await stream.write(`retry: ${reconnectDelay}\n\n`)
      while (!queue.ended && !stream.aborted) {
        const event = await queue.next(heartbeat)
        if (event !== undefined) await stream.writeSSE(event)
        else if (!queue.ended) await stream.write(': alive\n\n')
      }
    } finally {
      stopListening()
      leave()
    }
  })
}
