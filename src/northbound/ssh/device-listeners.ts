import { createServer, type Server, type Socket } from 'node:net'
import { sshListenerOptions } from '../../net/listener-options.js'

/** A socket address on which one device alone is reached. */
export interface DeviceListener {
  readonly deviceId: string
  readonly by: 'port' | 'address'
  readonly address: string
  readonly port: number
  /** Given by the bridge, not fixed in the configuration. */
  readonly given: boolean
}

/** A listener that could not be opened, and why. */
export interface ListenFailure {
  readonly listener: DeviceListener
  readonly error: NodeJS.ErrnoException
}

/** The listeners of devices' own ports and addresses, as many as are wanted now. */
export interface DeviceListeners {
  /**
   * Opens those that are wanted and closes those that are not any more; gives those that could not be opened, which are
   * tried again next time.
   */
  readonly reconcile: () => Promise<readonly ListenFailure[]>
  /** How many listen. */
  readonly count: () => number
  readonly close: () => void
}

/** How many are opened at a time. */
const BATCH_SIZE = 64

export function createDeviceListeners(options: {
  readonly wanted: () => readonly DeviceListener[]
  readonly serve: (socket: Socket, listener: DeviceListener) => void
  /** After it listens, an error is one failed accept. */
  readonly onError: (error: NodeJS.ErrnoException) => void
}): DeviceListeners {
  const { wanted, serve, onError } = options
  const open = new Map<string, { readonly server: Server; listener: DeviceListener }>()
  let working: Promise<readonly ListenFailure[]> = Promise.resolve([])
  let closed = false

  const work = async (): Promise<readonly ListenFailure[]> => {
    if (closed) return []
    const next = new Map(wanted().map((listener) => [keyOf(listener), listener]))
    for (const [key, { server }] of open) {
      if (next.has(key)) continue
      open.delete(key)
      // Those who are connected stay; the port itself is free at once.
      server.close()
    }
    const failures: ListenFailure[] = []
    const missing: DeviceListener[] = []
    for (const [key, listener] of next) {
      const entry = open.get(key)
      if (entry === undefined) missing.push(listener)
      else entry.listener = listener
    }
    for (let at = 0; at < missing.length && !closed; at += BATCH_SIZE)
      await Promise.all(
        missing.slice(at, at + BATCH_SIZE).map(async (listener) => {
          const error = await begin(listener)
          if (error !== undefined) failures.push({ listener, error })
        }),
      )
    return failures
  }

  const begin = (listener: DeviceListener): Promise<NodeJS.ErrnoException | undefined> =>
    new Promise((resolve) => {
      const server = createServer(sshListenerOptions, (socket) => {
        const entry = open.get(keyOf(listener))
        if (entry === undefined) socket.destroy()
        else serve(socket, entry.listener)
      })
      server.once('error', resolve)
      server.listen({ host: listener.address, port: listener.port }, () => {
        server.off('error', resolve)
        server.on('error', onError)
        if (closed) server.close()
        else open.set(keyOf(listener), { server, listener })
        resolve(undefined)
      })
    })

  return {
    reconcile: () => {
      const done = working.then(work)
      // One that fails, as whoever asked for it hears, must not keep the later ones from running.
      working = done.catch(() => [])
      return done
    },
    count: () => open.size,
    close: () => {
      closed = true
      for (const { server } of open.values()) server.close()
      open.clear()
    },
  }
}

function keyOf({ address, port }: DeviceListener): string {
  return `${address} ${port}`
}
