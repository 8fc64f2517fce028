import { homeportCommand } from '../lib/shell-word.js'
import { asFound, type ReasonOf, type Refusal, type RefusalEntries, refusalsBy } from '../lib/refusal.js'

const REPORT = 'bring both nodes to the same version; where they are, this is a fault of theirs: please report it'

/** Of a certificate of a node: what was found, and what to do about it. */
const ofCertificate = { told: 'peer', text: asFound } as const

/**
 * Why a node has no connection with another one, in either direction. Whoever refuses the other tells it by these
 * words, so that both logs have them.
 */
export const PEER_REFUSALS = {
  // What a node presents.
  'not-certified': {
    told: 'peer',
    text: (what: string) => ({
      message: `it presents ${what}, and nodes know each other by certificates of the cluster's CA alone`,
      hint: 'no client or device is served on this port; a node needs cluster.key with its cluster.certificate',
    }),
  },
  'malformed-certificate': ofCertificate,
  'untrusted-ca': ofCertificate,
  'weak-ca-signature': ofCertificate,
  'bad-ca-signature': ofCertificate,
  'wrong-role': ofCertificate,
  'not-yet-valid': ofCertificate,
  expired: ofCertificate,
  'unknown-critical-option': ofCertificate,
  'no-principals': ofCertificate,
  'wrong-principal': ofCertificate,
  'own-id': {
    told: 'peer',
    text: (node: string) => ({
      message: `its certificate is for node ${node}, which is this node itself`,
      hint:
        'give each node a cluster.node and a certificate of its own; or, where a node was dialled, ' +
        'see whether cluster.advertise of that one leads here',
    }),
  },
  'bad-signature': {
    told: 'peer',
    text: {
      message: 'it does not hold the key that its certificate is for',
      hint: 'name by cluster.key the private key that cluster.certificate was made for',
    },
  },
  // Bounds on those that have not logged in.
  'login-timeout': {
    told: 'nobody',
    text: (seconds: number) => ({
      message: `it did not log in within ${seconds} s`,
      hint: 'see whether something else than a node dials this port, and what is between the nodes',
    }),
  },
  'too-many-connections': {
    told: 'peer',
    text: (most: number) => ({
      message: `as many connections are open as may be: ${most}`,
      hint: 'see who dials this port: a node has two or three; let nodes alone reach it',
    }),
  },
  'too-many-handshakes': {
    told: 'peer',
    text: { message: 'too many connections are logging in', hint: 'let nodes alone reach this port; they dial again' },
  },
  'too-many-from-source': {
    told: 'peer',
    text: {
      message: 'too many connections from its source are logging in',
      hint: 'let nodes alone reach this port; they dial again',
    },
  },
  'gave-way': {
    told: 'nobody',
    text: { message: 'it sent nothing, and another connection needed its place', hint: 'nothing is to be done' },
  },
  'too-many-of-node': {
    told: 'peer',
    text: {
      message: 'the same node has dialled since, so often that this connection is one too many, or by a later start',
      hint: 'where it happens again and again, two processes have the same cluster.node: give each its own',
    },
  },
  // What becomes of a dial.
  unreachable: {
    told: 'nobody',
    text: (address: string, error: string) => ({
      message: `nothing answers at ${address}: ${error}`,
      hint: 'see whether the node runs, and whether its cluster.advertise can be reached from here',
    }),
  },
  'no-address': {
    told: 'nobody',
    text: (address: string) => ({
      message: `its cluster.advertise is ${JSON.stringify(address)}, which is no address:port`,
      hint: 'write it as 10.0.0.1:4350, [2001:db8::1]:4350 or node-a.example:4350',
    }),
  },
  'handshake-timeout': {
    told: 'nobody',
    text: (seconds: number) => ({
      message: `it did not let this node in within ${seconds} s`,
      hint: 'see the load of that node, and whether something else than a node listens there',
    }),
  },
  'no-common-algorithm': {
    told: 'nobody',
    text: (message: string) => ({ message, hint: 'bring both nodes to the same version' }),
  },
  'handshake-failed': {
    told: 'nobody',
    text: (error: string) => ({
      message: `the connection was not made: ${error}`,
      hint: 'see whether a node listens there, and what its log says at this moment',
    }),
  },
  'turned-away': {
    told: 'nobody',
    text: (saying: string) => ({ message: `it refuses this node: ${saying}`, hint: 'its log says the same and more' }),
  },
  // What ends a connection.
  lost: {
    told: 'nobody',
    text: (error: string | undefined) => ({
      message: error === undefined ? 'it closed the connection' : `the connection was lost: ${error}`,
      hint: 'nothing is to be done: it is dialled again',
    }),
  },
  silent: {
    told: 'nobody',
    text: {
      message: 'it answers no probe any more',
      hint: 'see whether it runs and what its load is, and what is between the nodes; it is dialled again',
    },
  },
  'line-too-long': {
    told: 'peer',
    text: (most: number) => ({ message: `it sent a line of more than ${most} bytes`, hint: REPORT }),
  },
  'malformed-line': {
    told: 'peer',
    text: (what: string) => ({ message: `it sent ${what}, which is no message`, hint: REPORT }),
  },
  'not-listed': {
    told: 'nobody',
    text: { message: 'it is not among the nodes of the cluster any more', hint: 'nothing is to be done' },
  },
  renewed: {
    told: 'nobody',
    text: { message: 'a new connection takes its place', hint: 'nothing is to be done' },
  },
  stopping: { told: 'peer', text: { message: 'this node is stopping', hint: 'nothing is to be done' } },
} as const satisfies RefusalEntries

export type PeerRefusalReason = ReasonOf<typeof PEER_REFUSALS>
export type PeerRefusal = Refusal<PeerRefusalReason>

export const peerRefusal = refusalsBy(PEER_REFUSALS)

/** How the key of a node is certified. */
export function signCommand(node: string): string {
  return `\`${homeportCommand('ca sign-node', { node }, 'node.pub')}\``
}
