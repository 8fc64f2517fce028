import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Program, startProgram } from './program.js'

/** A TCP proxy on the loopback address that keeps every byte for half of a round trip. */
export interface DelayProxy {
  readonly port: number
  readonly stop: () => Promise<void>
}

/**
 * Starts a proxy to a port of the loopback address in a process of its own, so that nobody waits for our event loop.
 */
export async function startDelayProxy(to: number, roundTripMs: number): Promise<DelayProxy> {
  const program: Program = startProgram(
    [process.execPath, '--import', 'tsx', fileURLToPath(import.meta.url), String(to), String(roundTripMs / 2)],
    ['ignore', 'pipe', 'inherit'],
  )
  const [line] = (await once(program.child.stdout ?? process.stdin, 'data')) as [Buffer]
  return { port: Number(line.toString()), stop: program.stop }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [to, delay] = process.argv.slice(2).map(Number)
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ port: to ?? 0, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    passOn(near, far, delay ?? 0)
    passOn(far, near, delay ?? 0)
  }).listen(0, '127.0.0.1', () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
  })
}

function passOn(from: Socket, to: Socket, delay: number): void {
  from.on('data', (bytes) => setTimeout(() => to.write(bytes), delay))
  from.on('end', () => setTimeout(() => to.end(), delay))
  from.on('error', () => to.destroy())
}
