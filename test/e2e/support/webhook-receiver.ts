import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { waitFor } from '../parts/wait-for.js'

/** A delivery that was taken, or refused with another status. */
export type Delivery = {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly status: number
}

export type WebhookReceiver = {
  readonly deliveries: readonly Delivery[]
  /** What was taken, as it was read. */
  readonly taken: () => readonly { readonly id: string; readonly type: string; readonly deviceId: string | null }[]
  readonly untilTaken: (type: string, deviceId: string) => Promise<void>
  readonly stop: () => Promise<void>
}

/** A program that receives webhooks; `statuses` are answered first, then 204. */
export async function startWebhookReceiver(port: number, statuses: readonly number[] = []): Promise<WebhookReceiver> {
  const deliveries: Delivery[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const status = statuses[deliveries.length] ?? 204
      deliveries.push({ path: request.url ?? '', headers: request.headers, body, status })
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve)
  })
  const taken: WebhookReceiver['taken'] = () =>
    deliveries
      .filter(({ status }) => status < 300)
      .map(({ body }) => JSON.parse(body) as ReturnType<WebhookReceiver['taken']>[number])
  return {
    deliveries,
    taken,
    untilTaken: async (type, deviceId) => {
      await waitFor(
        `${type} of ${deviceId}`,
        () => taken().some((event) => event.type === type && event.deviceId === deviceId),
        30_000,
      )
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

/** Whether a delivery was signed with this secret, as docs/http.md says how to find out. */
export function isSigned({ headers, body }: Delivery, secret: string): boolean {
  const [, seconds = '', given = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['homeport-signature'])) ?? []
  const own = createHmac('sha256', secret).update(`${seconds}.${body}`).digest()
  return (
    given !== '' &&
    timingSafeEqual(own, Buffer.from(given, 'hex')) &&
    Math.abs(Date.now() / 1000 - Number(seconds)) < 300
  )
}
