import { type ReasonOf, reasonsOf, type RefusalEntries, refusalsBy } from '../../lib/refusal.js'

const said = (word: string, what: string | undefined): string => (what === undefined ? '' : ` ${word} ${what}`)

/** Why a link ends. A client whose session was on it reads the message. */
export const LINK_ENDS = {
  /** The device or the path closed it. */
  lost: {
    told: 'peer',
    text: (error: string | undefined) => ({
      message: error === undefined ? 'the device closed the connection' : `the connection was lost: ${error}`,
    }),
  },
  replaced: {
    told: 'peer',
    text: (newSource: string | undefined, where?: string) => ({
      message: `the device dialled in again${said('from', newSource)}${said('at', where)}`,
    }),
  },
  'keepalive-timeout': {
    told: 'peer',
    text: (unacknowledged: boolean) => ({
      message:
        'the device answered no keepalive ' +
        `probe${unacknowledged ? ', and TCP gets no acknowledgement from its address' : ''}`,
    }),
  },
  'identity-contested': { told: 'peer', text: (message: string) => ({ message }) },
  'channels-unanswered': {
    told: 'peer',
    text: (lost: number) => ({ message: `the device left ${lost} of its channels unanswered` }),
  },
  disconnected: { told: 'peer', text: (by: string) => ({ message: `disconnected by ${by}` }) },
  'let-go': { told: 'peer', text: { message: 'its work is done, and it calls again by itself' } },
  'no-longer-proven': {
    told: 'peer',
    text: (message = 'the new configuration no longer trusts its host key') => ({ message }),
  },
  'algorithms-withdrawn': {
    told: 'peer',
    text: (weak: readonly string[]) => ({
      message: `the new configuration does not allow it the weak algorithms any more that it uses: ${weak.join(', ')}`,
    }),
  },
  removed: { told: 'peer', text: { message: 'the device was removed from the configuration' } },
  /** Of a node of a cluster, while the others go on. */
  draining: { told: 'peer', text: { message: 'this node is stopping, and the device calls another one' } },
  /** Of a session on a device whose link another node has. */
  'node-lost': {
    told: 'peer',
    text: (node: string, why: string) => ({ message: `node ${node}, which has the link, went away: ${why}` }),
  },
  shutdown: { told: 'peer', text: { message: 'the bridge is stopping' } },
} as const satisfies RefusalEntries

export type LinkEndReason = ReasonOf<typeof LINK_ENDS>

export const LINK_END_REASONS = reasonsOf(LINK_ENDS)

export const linkEnd = refusalsBy(LINK_ENDS)
