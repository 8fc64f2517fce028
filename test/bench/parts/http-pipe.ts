import { once } from 'node:events'
import { connect } from 'node:net'

/** A kept HTTP connection as bytes: one request at a time, always the same, the answer's end awaited. */
export interface HttpPipe {
  /** Sends the request; rejects where the answer is not 200. */
  readonly call: () => Promise<void>
  readonly stop: () => void
}

export interface HttpRequest {
  /** Where the server listens, as `http://host:port`. */
  readonly url: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const endOfHead = '\r\n\r\n'

/** Connects. It does no more than it has to, because client and bridge share the machine. */
export async function openHttpPipe({ url, path, headers, body }: HttpRequest): Promise<HttpPipe> {
  const { hostname, port, host } = new URL(url)
  const head = Object.entries({ Host: host, ...headers, 'Content-Length': String(Buffer.byteLength(body)) })
  const lines = [`POST ${path} HTTP/1.1`, ...head.map(([name, value]) => `${name}: ${value}`)]
  const request = Buffer.from(`${lines.join('\r\n')}${endOfHead}${body}`)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')

  let received: Buffer = Buffer.alloc(0)
  let ended: (() => void) | undefined
  let failed: ((error: Error) => void) | undefined
  const fail = (why: string): void => failed?.(new Error(why))
  socket.on('data', (bytes: Buffer) => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
    const at = received.indexOf(endOfHead)
    if (at === -1) return
    const answer = received.toString('latin1', 0, at)
    const length = /\r\ncontent-length: *(\d+)/i.exec(answer)?.[1]
    if (!answer.startsWith('HTTP/1.1 200 ') || length === undefined) return fail(received.toString())
    if (received.length < at + endOfHead.length + Number(length)) return
    received = Buffer.alloc(0)
    ended?.()
  })
  socket.on('error', (error) => fail(error.message))
  socket.on('close', () => fail('the connection was closed'))
  return {
    call: () =>
      new Promise((resolve, reject) => {
        ended = resolve
        failed = reject
        socket.write(request)
      }),
    stop: () => void socket.destroy(),
  }
}
