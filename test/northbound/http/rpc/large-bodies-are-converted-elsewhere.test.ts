import { describe, expect, it } from 'vitest'
import {
  type ConversionService,
  type ConversionThread,
  createConversionService,
  type NotConverted,
} from '../../../../src/northbound/http/rpc/conversion-service.js'
import { tellFaultsTo } from '../../../../src/lib/background.js'
import { type ConversionRequest, serveConversions } from '../../../../src/northbound/http/rpc/conversion-thread.js'

const netops = { realm: 'local', name: 'netops' } as const
const other = { realm: 'local', name: 'other' } as const
const bytes = Buffer.from('<get/>')
const input = { bytes, format: 'xml', limits: { maxSize: 100, maxElements: 3 } } as const

const OUT_OF_MEMORY = Object.assign(new Error('out of memory'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })

/** A thread that works when the test says so, or fails. */
function threads() {
  const begun: { work: () => void; fail: (error?: unknown) => void; ended: boolean }[] = []
  const memories: number[] = []
  const start = (memory: number): ConversionThread => {
    memories.push(memory)
    const listeners = new Map<string, ((value: unknown) => void)[]>()
    const tell = (event: string, value: unknown) => listeners.get(event)?.forEach((listener) => listener(value))
    const asked: ConversionRequest[] = []
    let serve: (request: ConversionRequest) => void = () => undefined
    serveConversions({
      on: (_, listener) => (serve = listener),
      postMessage: (outcome) => tell('message', outcome),
    })
    const thread = {
      ended: false,
      work: () => asked.splice(0).forEach((request) => serve(request)),
      fail: (error: unknown = OUT_OF_MEMORY) => tell('error', error),
    }
    begun.push(thread)
    return {
      on: (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]),
      postMessage: (request) => void asked.push(request),
      terminate: async () => {
        thread.ended = true
      },
    }
  }
  return { begun, memories, start }
}

function service(changed: { readonly conversionTimeout?: number; readonly conversionMemory?: number } = {}) {
  const limits = { maxConversions: 4, conversionTimeout: 60_000, conversionMemory: 1024 ** 3, ...changed }
  const refused: NotConverted[] = []
  const { begun, memories, start } = threads()
  const made: ConversionService = createConversionService({
    limits: () => limits,
    refused: (why) => refused.push(why),
    start,
  })
  return { ...made, begun, memories, refused }
}

describe('large bodies', () => {
  it('are read one after another by one thread', async () => {
    const { readRpc, begun } = service()
    const reading = [readRpc(netops, input), readRpc(netops, { ...input, bytes: Buffer.from('<get') })]
    begun[0]?.work()
    expect(await reading[0]).toMatchObject({ value: { ok: true, value: { prepared: { about: { name: 'get' } } } } })
    begun[0]?.work()
    expect(await reading[1]).toMatchObject({ ok: true, value: { ok: false, error: { cause: 'malformed-xml' } } })
    expect(begun).toHaveLength(1)
  })

  it('of one user have half of the places at most, and of all together no more than there are', async () => {
    const { readRpc, refused, close } = service()
    const waiting = [readRpc(netops, input), readRpc(netops, input)]
    expect(await readRpc(netops, input)).toEqual({ ok: false, reason: 'busy' })
    waiting.push(readRpc(other, input), readRpc(other, input))
    expect(await readRpc({ realm: 'local', name: 'third' }, input)).toEqual({ ok: false, reason: 'busy' })
    await close()
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => ({ ok: false, reason: 'stopping' })))
    expect(refused.filter((why) => why === 'busy')).toHaveLength(2)
  })

  it('with too many elements are refused with the key of the bound, as XML and within JSON', async () => {
    const { readRpc, takePayloadsOut, begun, memories } = service({ conversionMemory: 512 * 1024 ** 2 })
    const fits = '<get><a/><b/></get>'
    const many = '<get><a/><b/><c/></get>'
    const refused = {
      ok: false,
      error: { cause: 'body-too-large', hint: expect.stringContaining('max-request-elements') },
    }
    const read = [fits, many].map((body) => readRpc(netops, { ...input, bytes: Buffer.from(body) }))
    const taken = [fits, many].map((rpc) =>
      takePayloadsOut(other, { bytes: Buffer.from(JSON.stringify({ rpc })), maxElements: 3 }),
    )
    for (let turn = 0; turn < 4; turn += 1) begun[0]?.work()
    expect(await Promise.all(read)).toMatchObject([{ value: { ok: true } }, { value: refused }])
    expect(await Promise.all(taken)).toMatchObject([{ value: { ok: true } }, { value: refused }])
    expect(memories).toEqual([512 * 1024 ** 2])
  })

  it('that end the thread are answered for, and the next has another one', async () => {
    const { readRpc, begun } = service()
    const reading = [readRpc(netops, input), readRpc(other, input)]
    begun[0]?.fail()
    expect(await reading[0]).toEqual({ ok: false, reason: 'too-much' })
    begun[1]?.work()
    expect(await reading[1]).toMatchObject({ ok: true, value: { ok: true } })
    expect(begun.map(({ ended }) => ended)).toEqual([true, false])
  })

  it('that end the thread by a mistake of ours are told as a fault, with why', async () => {
    const faults: unknown[] = []
    const stopListening = tellFaultsTo((_, error) => faults.push(error))
    try {
      const { readRpc, begun } = service()
      const reading = [readRpc(netops, input), readRpc(other, input)]
      begun[0]?.fail(OUT_OF_MEMORY)
      begun[1]?.fail(new TypeError('x is not a function'))
      expect(await Promise.all(reading)).toEqual(reading.map(() => ({ ok: false, reason: 'too-much' })))
    } finally {
      stopListening()
    }
    expect(faults).toEqual([new Error('a conversion failed: x is not a function')])
  })

  it('that take too long are given up, and the thread with them', async () => {
    const { readRpc, begun } = service({ conversionTimeout: 1 })
    expect(await readRpc(netops, input)).toEqual({ ok: false, reason: 'too-much' })
    expect(begun[0]?.ended).toBe(true)
  })
})
