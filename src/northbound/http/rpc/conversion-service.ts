import { Worker } from 'node:worker_threads'
import { type Principal, principalKey } from '../../../access/authz/principal.js'
import { type Answered, problemResponse } from '../problem.js'
import { reportFault } from '../../../lib/background.js'
import { whyThreadEnded } from '../../../lib/why-thread-ended.js'
import type { CallLimits } from '../../../rpc/call-limits.js'
import type { ConversionKind, ConversionRequest, Conversions } from './conversion-thread.js'

/**
 * Bytes of XML or JSON from which on it is worked on in a thread of its own: what is shorter takes some ten
 * milliseconds at most.
 */
export const IS_LARGE = 128 * 1024

/**
 * Why something was not converted. `busy`: as many wait as may; `too-much`: it took too long, or more memory than there
 * is for it.
 */
export type NotConverted = 'busy' | 'too-much' | 'stopping'

export type Converted<Kind extends ConversionKind> =
  | { readonly ok: true; readonly value: Conversions[Kind]['outcome'] }
  | { readonly ok: false; readonly reason: NotConverted }

/**
 * Converts large XML and JSON one after another on a thread of its own, which is started when there is something to do.
 */
export interface ConversionService {
  readonly readRpc: (who: Principal, input: Conversions['read-rpc']['input']) => Promise<Converted<'read-rpc'>>
  readonly takePayloadsOut: (
    who: Principal,
    input: Conversions['take-payloads-out']['input'],
  ) => Promise<Converted<'take-payloads-out'>>
  /**
   * For replies, which are there already and are taken away from whoever has them: they wait for as long as it takes,
   * and the calls that they answer are bounded.
   */
  readonly convertReply: (input: Conversions['convert-reply']['input']) => Promise<Converted<'convert-reply'>>
  readonly close: () => Promise<void>
}

/** What is used of a thread. */
export interface ConversionThread {
  readonly postMessage: (request: ConversionRequest, transfer: readonly ArrayBuffer[]) => void
  readonly on: (event: 'message' | 'error' | 'exit', listener: (value: unknown) => void) => unknown
  readonly terminate: () => Promise<unknown>
}

export interface ConversionOptions {
  readonly limits: () => Pick<CallLimits, 'maxConversions' | 'conversionTimeout' | 'conversionMemory'>
  /** Told of each that was refused. */
  readonly refused?: (reason: NotConverted) => void
  /** @param memory bytes of heap that the thread has */
  readonly start?: (memory: number) => ConversionThread
}

/** Milliseconds that a thread without work is kept: its heap is memory that nobody else has. */
const IDLE = 30_000

interface Waiting {
  readonly request: ConversionRequest
  /** Whose request it reads; absent for a reply. */
  readonly who: string | undefined
  readonly settle: (converted: Converted<ConversionKind>) => void
}

export function createConversionService({
  limits,
  refused,
  start = startThread,
}: ConversionOptions): ConversionService {
  const queue: Waiting[] = []
  let working: Waiting | undefined
  let thread: ConversionThread | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const run = <Kind extends ConversionKind>(
    request: ConversionRequest & { readonly kind: Kind },
    who?: Principal,
  ): Promise<Converted<Kind>> =>
    new Promise((resolve) => {
      const waiting: Waiting = {
        request,
        who: who && principalKey(who),
        settle: (converted) => {
          if (!converted.ok) refused?.(converted.reason)
          resolve(converted)
        },
      }
      if (closed) return waiting.settle({ ok: false, reason: 'stopping' })
      if (waiting.who !== undefined && isFullFor(waiting.who)) return waiting.settle({ ok: false, reason: 'busy' })
      queue.push(waiting)
      next()
    })

  /** Nobody has more than half of the places. */
  const isFullFor = (who: string): boolean => {
    const { maxConversions } = limits()
    const requests = [...queue, ...(working === undefined ? [] : [working])].filter((one) => one.who !== undefined)
    return (
      requests.length >= maxConversions ||
      requests.filter((one) => one.who === who).length >= Math.ceil(maxConversions / 2)
    )
  }

  const next = (): void => {
    if (working !== undefined) return
    clearTimeout(timer)
    working = queue.shift()
    if (working === undefined) {
      timer = setTimeout(dismiss, IDLE)
      timer.unref()
      return
    }
    thread ??= begin()
    timer = setTimeout(() => giveUp('too-much'), limits().conversionTimeout)
    thread.postMessage(working.request, givenAway(working.request))
  }

  const begin = (): ConversionThread => {
    const begun = start(limits().conversionMemory)
    begun.on('message', (outcome) => {
      if (thread !== begun) return
      settle({ ok: true, value: outcome as Conversions[ConversionKind]['outcome'] })
    })
    begun.on('error', (error) => {
      if (!isOutOfMemory(error)) reportFault('http', new Error(`a conversion failed: ${whyThreadEnded(error)}`))
    })
    for (const event of ['error', 'exit'] as const)
      begun.on(event, () => {
        if (thread === begun) giveUp('too-much')
      })
    return begun
  }

  const settle = (converted: Converted<ConversionKind>): void => {
    const done = working
    working = undefined
    done?.settle(converted)
    next()
  }

  const dismiss = (): void => {
    const dismissed = thread
    thread = undefined
    // It may have ended by itself.
    dismissed?.terminate().catch(() => undefined)
  }

  const giveUp = (reason: NotConverted): void => {
    dismiss()
    settle({ ok: false, reason })
  }

  return {
    readRpc: (who, input) => run({ kind: 'read-rpc', input }, who),
    takePayloadsOut: (who, input) => run({ kind: 'take-payloads-out', input }, who),
    convertReply: (input) => run({ kind: 'convert-reply', input }),
    close: async () => {
      closed = true
      for (const waiting of queue.splice(0)) waiting.settle({ ok: false, reason: 'stopping' })
      const last = thread
      if (working !== undefined) giveUp('stopping')
      else dismiss()
      clearTimeout(timer)
      await last?.terminate().catch(() => undefined)
    },
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
}

/** A long reply is handed over: to copy 50 MB for the thread would hold everybody up. */
function givenAway(request: ConversionRequest): readonly ArrayBuffer[] {
  if (request.kind !== 'convert-reply') return []
  const { buffer, length } = request.input.message
  // Node's pool of small buffers is everybody's.
  return buffer instanceof ArrayBuffer && buffer.byteLength === length ? [buffer] : []
}

function startThread(memory: number): ConversionThread {
  const worker = new Worker(new URL('conversion-worker.js', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memory / 1024 ** 2) },
  })
  worker.unref()
  return worker
}

/** Answers a request that was not read. */
export function answerNotConverted(to: Answered, reason: NotConverted): Response {
  if (reason === 'busy')
    return problemResponse(to, 'too-many-calls', {
      message: 'as many large requests as may wait to be read',
      hint: 'send fewer at a time, or raise endpoint.http.max-conversions',
      retryAfter: 1,
    })
  if (reason === 'stopping')
    return problemResponse(to, 'shutting-down', {
      message: 'the bridge is stopping',
      hint: 'try again',
      retryAfter: 15,
    })
  return problemResponse(to, 'body-too-large', {
    message: 'reading the body took more time or memory than there is for one request',
    hint: 'send less at a time, or raise endpoint.http.conversion-timeout and endpoint.http.conversion-memory',
  })
}
