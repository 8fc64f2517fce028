import type { Socket } from 'node:net'
import type { Connection } from 'ssh2'
import { inBackground } from '../lib/background.js'
import { workOn } from '../lib/current-work.js'
import type { Rank } from '../net/fair-queue.js'
import { sourceOf } from '../net/source.js'
import type { Call } from '../ssh/admission.js'
import { governWork } from '../ssh/ssh2/connections.js'

/** A connection that has not logged in yet. */
export interface PeerNewcomer {
  /** From here on what it sends is worked on when it is its turn. */
  readonly govern: (connection: Connection) => void
  /** It has proven which node it is, and is worked on as it comes. */
  readonly isIn: () => void
}

/** @param onTimeout told where it has not logged in by then */
export function createPeerNewcomer(
  socket: Socket,
  call: Call,
  { timeout, rank, onTimeout }: { readonly timeout: number; readonly rank: Rank; readonly onTimeout: () => void },
): PeerNewcomer {
  const gone = new AbortController()
  const timer = setTimeout(onTimeout, timeout)
  const work = { kind: 'login', source: sourceOf(socket) }
  let begun: Promise<boolean> | undefined
  let ungovern = (): void => undefined
  const leave = (): void => {
    clearTimeout(timer)
    call.leave()
  }
  const give = (): void => void socket.destroy()
  const piece = (run: () => void): void => {
    const inTurn = (): void =>
      call.work(() => {
        workOn(work)
        run()
      })
    if (begun === undefined) {
      begun = call.queue(rank, gone.signal).then((outcome) => outcome === 'begun' && (inTurn(), true))
      inBackground('cluster', begun, give)
    } else
      inBackground(
        'cluster',
        begun.then((mayGoOn) => mayGoOn && inTurn()),
        give,
      )
  }
  socket.once('close', () => {
    gone.abort()
    leave()
  })
  return {
    govern: (connection) => {
      ungovern = governWork(connection, piece)
    },
    isIn: () => {
      ungovern()
      leave()
    },
  }
}
