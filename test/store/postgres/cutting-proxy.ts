import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a database that a test cuts, at a commit if it likes. */
export interface CuttingProxy {
  /** The URL of a database by this way. */
  readonly through: (url: string) => string
  /**
   * Cuts the connection on which the next commit goes: before it has come to the database, or after, when its answer
   * is under way. Resolves when that was done.
   * @param andStayCut whether everything is cut from then on
   */
  readonly cutAtCommit: (when: 'before' | 'after', andStayCut?: boolean) => Promise<void>
  /** Cuts every connection at once, and takes none until `heal`. */
  readonly cut: () => void
  readonly heal: () => void
  readonly stop: () => Promise<void>
}

/** The message of a commit, as a client sends it. */
const COMMIT = Buffer.from('COMMIT\0')

export async function startCuttingProxy(target: { readonly port: number }): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  let isCut = false
  let planned:
    | { readonly when: 'before' | 'after'; readonly andStayCut: boolean; readonly done: () => void }
    | undefined

  const cut = (): void => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer({ noDelay: true }, (client) => {
    if (isCut) {
      client.destroy()
      return
    }
    const database = connect({ port: target.port, host: '127.0.0.1', noDelay: true })
    const both = [client, database]
    const end = (): void => both.forEach((socket) => socket.destroy())
    for (const socket of both) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    let awaited: (() => void) | undefined
    client.on('data', (chunk) => {
      const plan = planned
      if (plan === undefined || !chunk.includes(COMMIT)) return void database.write(chunk)
      planned = undefined
      const finish = (): void => {
        if (plan.andStayCut) cut()
        end()
        plan.done()
      }
      if (plan.when === 'before') return finish()
      awaited = finish
      database.write(chunk)
    })
    database.on('data', (chunk) => {
      if (awaited === undefined) client.write(chunk)
      else awaited()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    through: (url) => {
      const through = new URL(url)
      through.host = `127.0.0.1:${port}`
      return through.href
    },
    cutAtCommit: (when, andStayCut = false) =>
      new Promise((done) => {
        planned = { when, andStayCut, done }
      }),
    cut,
    heal: () => {
      isCut = false
    },
    stop: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
