import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { waitFor } from '../parts/wait-for.js'

/** A span as a collector receives it. */
export type ReceivedSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  /** As OTLP numbers it: 1 internal, 2 server, 3 client. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  /** The word of a status that is an error. */
  readonly error: string | undefined
  /** Nanoseconds since 1970. */
  readonly startedAt: bigint
  readonly endedAt: bigint
  readonly resource: Readonly<Record<string, unknown>>
}

export type OtlpReceiver = {
  readonly url: string
  readonly port: number
  /** What was sent, refused or not. */
  readonly requests: readonly { readonly headers: IncomingHttpHeaders; readonly body: string }[]
  /** Of the requests that were taken. */
  readonly spans: () => readonly ReceivedSpan[]
  /** The first span, past or future, that satisfies the condition. */
  readonly span: (what: string, is: (span: ReceivedSpan) => boolean) => Promise<ReceivedSpan>
  readonly stop: () => Promise<void>
}

/**
 * A collector that takes OTLP over HTTP as JSON; `answer` gives the status of each request, undefined for none at all.
 */
export async function startOtlpReceiver({
  port = 0,
  answer = () => 200,
}: {
  readonly port?: number
  readonly answer?: () => number | undefined
} = {}): Promise<OtlpReceiver> {
  const requests: { headers: IncomingHttpHeaders; body: string }[] = []
  const spans: ReceivedSpan[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ headers: request.headers, body })
      const status = answer()
      if (status === undefined) return
      if (status === 200) spans.push(...spansOf(JSON.parse(body) as Export))
      response.writeHead(status, { 'Content-Type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${bound}/v1/traces`,
    port: bound,
    requests,
    spans: () => spans,
    span: (what, is) => waitFor(`the span of ${what}`, () => spans.find(is), 20_000),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

type Attribute = { readonly key: string; readonly value: Readonly<Record<string, unknown>> }
type Export = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string
        readonly spanId: string
        readonly parentSpanId?: string
        readonly name: string
        readonly kind: number
        readonly attributes: readonly Attribute[]
        readonly status?: { readonly code?: number; readonly message?: string }
        readonly startTimeUnixNano: string
        readonly endTimeUnixNano: string
      }[]
    }[]
  }[]
}

function spansOf({ resourceSpans }: Export): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, kind, attributes, status, ...times }) => ({
        traceId,
        spanId,
        parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
        name,
        kind,
        attributes: plain(attributes),
        error: status?.code === 2 ? status.message : undefined,
        startedAt: BigInt(times.startTimeUnixNano),
        endedAt: BigInt(times.endTimeUnixNano),
        resource: plain(resource.attributes),
      })),
    ),
  )
}

function plain(attributes: readonly Attribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
