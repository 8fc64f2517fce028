import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { openTraces } from '../../src/telemetry/opentelemetry.js'
import type { DeliveryFailure, TraceObserver, TraceSettings } from '../../src/telemetry/traces.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

interface Sent {
  readonly name: string
  readonly parentSpanId?: string
  readonly traceId: string
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[]
}

/** A collector that answers with a status, or never. */
async function collector(status: number | undefined) {
  const spans: Sent[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      if (status === undefined) return
      const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Sent[] }[] }[] }
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)))
      response.writeHead(status).end('{}')
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return { spans, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces` }
}

function opened(settings: Partial<TraceSettings> & Pick<TraceSettings, 'endpoint'>) {
  const states: (DeliveryFailure | undefined)[] = []
  const dropped: Record<string, number> = {}
  const observer: TraceObserver = {
    onState: (state) => states.push(state),
    onDropped: (reason, spans) => {
      dropped[reason] = (dropped[reason] ?? 0) + spans
    },
  }
  const traces = openTraces(
    { headers: {}, sampleRatio: 1, serviceName: 'test', timeout: 500, maxQueued: 100, ...settings },
    '1.2.3',
    observer,
  )
  const begin = (name: string, traceparent?: string) =>
    traces.tracer.start(name, { kind: 'server', attributes: { left: undefined, kept: 'x' } }, { traceparent })
  return { ...traces, begin, states, dropped }
}

describe('traces', () => {
  it('that cannot be delivered wait in a bounded queue, and the end waits for a bounded time', async () => {
    const { endpoint } = await collector(undefined)
    const { begin, close, dropped } = opened({ endpoint, maxQueued: 3, timeout: 60_000 })
    for (let index = 0; index < 10; index += 1) begin(`span ${index}`).end()
    expect(dropped).toEqual({ 'queue-full': 7 })
    // Not for a minute, which is longer than a test may take.
    await close(200)
  })

  it('that a collector refuses are counted, and told once by its status', async () => {
    const { endpoint } = await collector(403)
    const { begin, close, states, dropped } = opened({ endpoint })
    begin('one').end()
    begin('two').end()
    await close(2_000)
    expect(states).toEqual([{ problem: 'status 403', hint: 'check traces.headers' }])
    expect(dropped).toEqual({ 'not-delivered': 2 })
  })

  it('end with what is still open, and a span ends once', async () => {
    const { endpoint, spans } = await collector(200)
    const { begin, close, states } = opened({ endpoint })
    const span = begin('open')
    span.child('child', { kind: 'client', attributes: {} }).end()
    const twice = begin('twice')
    twice.end()
    twice.end()
    await close(2_000)
    span.end()
    expect(spans.map(({ name }) => name).toSorted()).toEqual(['child', 'open', 'twice'])
    expect(spans.find(({ name }) => name === 'open')?.attributes).toEqual([
      { key: 'kept', value: { stringValue: 'x' } },
    ])
    expect(states).toEqual([])
  })

  it('that others follow are delivered once the last span has ended', async () => {
    const { endpoint, spans } = await collector(200)
    const { begin, retire } = opened({ endpoint })
    const session = begin('session')
    const retired = retire(2_000)
    session.child('rpc', { kind: 'client', attributes: {} }).end()
    session.end()
    await retired
    expect(spans.map(({ name }) => name)).toEqual(['rpc', 'session'])
  })

  it('go on with the trace of a caller; what is no traceparent is none', async () => {
    const { endpoint, spans } = await collector(200)
    const { begin, close } = opened({ endpoint })
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    begin('good', `00-${traceId}-b7ad6b7169203331-01`).end()
    for (const bad of ['', 'x', `00-${traceId}-b7ad6b7169203331`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`])
      begin('bad', bad).end()
    await close(2_000)
    expect(spans.find(({ name }) => name === 'good')).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' })
    for (const span of spans.filter(({ name }) => name === 'bad')) expect(span.parentSpanId ?? '').toBe('')
  })

  it('cut off what a client made too long', async () => {
    const { endpoint, spans } = await collector(200)
    const { tracer, close } = opened({ endpoint })
    tracer.start('long', { kind: 'client', attributes: { long: 'x'.repeat(5000) } }).end()
    await close(2_000)
    expect(spans[0]?.attributes[0]?.value.stringValue).toHaveLength(1024)
  })
})
