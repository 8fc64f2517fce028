import { readFile, readlink } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'

/**
 * What TCP knows of the bytes that were sent on a connection.
 * - `acknowledged`: the other side's kernel has all of them.
 * - `under-way`: some are not acknowledged yet, and nothing is wrong with that.
 * - `not-read`: the other side's kernel answers, but has no room: nobody reads there.
 * - `unacknowledged`: they were sent again and again, and nothing came back.
 */
export type SendState = 'acknowledged' | 'under-way' | 'not-read' | 'unacknowledged'

/**
 * Tells what TCP knows of a socket; undefined where the system does not tell (not Linux), or the socket is none of
 * TCP's.
 */
export type AskSendState = (socket: Socket) => Promise<SendState | undefined>

/** How often the kernel sends without an answer until it counts the path as doubtful itself (RFC 1122 §4.2.3.5, R1). */
const DOUBTFUL_RETRANSMISSIONS = 3

/** Milliseconds that one reading of the kernel's table serves all who ask: many links may fall silent together. */
const READING_LASTS = 1_000

/** The number that `/proc/net/tcp` has for the timer that asks a peer without room whether it has some. */
const ZERO_WINDOW_TIMER = 4

type Table = '/proc/self/net/tcp' | '/proc/self/net/tcp6'

/**
 * Reads the kernel's table of TCP connections (proc_net_tcp(5)). Node can neither set TCP_USER_TIMEOUT nor read
 * TCP_INFO, and from the bytes alone a device that is busy cannot be told from a path that lost its other end.
 */
export function createSendStates(now: () => number = () => performance.now()): AskSendState {
  const readings = new Map<Table, { readonly at: number; readonly states: Promise<ReadonlyMap<string, SendState>> }>()
  const statesIn = (table: Table): Promise<ReadonlyMap<string, SendState>> => {
    const last = readings.get(table)
    if (last !== undefined && now() - last.at < READING_LASTS) return last.states
    const states = readFile(table, 'latin1').then(sendStatesIn)
    readings.set(table, { at: now(), states })
    return states
  }
  return async (socket) => {
    const fd = descriptorOf(socket)
    // Asked of the system: behind a load balancer `localAddress` is what that was dialled at.
    const { address } = socket.address() as Partial<AddressInfo>
    if (fd === undefined || address === undefined) return undefined
    const table = address.includes(':') ? '/proc/self/net/tcp6' : '/proc/self/net/tcp'
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/self/fd/${fd}`)) ?? []
      return inode === undefined ? undefined : (await statesIn(table)).get(inode)
    } catch {
      return undefined
    }
  }
}

/** Node keeps it to itself; elsewhere than on POSIX systems it is -1. */
function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } | null }
  const fd = handle?.fd
  return fd === undefined || fd < 0 ? undefined : fd
}

/** The states by inode, out of the text of `/proc/net/tcp` or `/proc/net/tcp6`. */
export function sendStatesIn(table: string): ReadonlyMap<string, SendState> {
  const states = new Map<string, SendState>()
  for (const line of table.split('\n').slice(1)) {
    // sl, local, remote, state, tx:rx queue, timer:when, retransmissions, uid, unanswered probes, inode.
    const [, , , , queues, timer, retransmissions, , probes, inode] = line.trim().split(/\s+/, 10)
    if (inode === undefined || queues === undefined || timer === undefined) continue
    const unanswered = Math.max(Number.parseInt(retransmissions ?? '', 16), Number(probes))
    if (unanswered >= DOUBTFUL_RETRANSMISSIONS) states.set(inode, 'unacknowledged')
    else if (Number.parseInt(queues, 16) === 0) states.set(inode, 'acknowledged')
    else states.set(inode, Number.parseInt(timer, 16) === ZERO_WINDOW_TIMER ? 'not-read' : 'under-way')
  }
  return states
}
