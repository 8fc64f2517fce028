/**
 * Keyboard-interactive logins, on an ssh2 Server and by an ssh2 Client.
 */
import type { Client, Connection } from 'ssh2'
import { inside, type Protocol } from './internals.js'
import { requireSsh2 } from './load.js'

/** SSH_MSG_USERAUTH_INFO_REQUEST and SSH_MSG_USERAUTH_INFO_RESPONSE (RFC 4256 §5). */
const INFO_REQUEST = 60
const INFO_RESPONSE = 61

/** More answers than anybody is ever asked for here. */
const MOST_ANSWERS = 16

const handlers = requireSsh2('ssh2/lib/protocol/handlers.js') as Record<
  number,
  (protocol: Protocol, payload: Buffer) => unknown
>

const readInfoResponse = handlers[INFO_RESPONSE]

/**
 * ssh2 makes room for as many answers as the packet says that it holds, hundreds of megabytes if it likes, before it
 * reads one.
 */
handlers[INFO_RESPONSE] = (protocol, payload) => {
  const answers = payload.length >= 5 ? payload.readUInt32BE(1) : 0
  // Cut short, the packet is malformed for ssh2 too, which then disconnects.
  return readInfoResponse?.(protocol, answers > MOST_ANSWERS ? Buffer.from(payload.subarray(0, 1)) : payload)
}

const readInfoRequest = handlers[INFO_REQUEST]

/** The same of prompts. The number 60 has other meanings in other methods (RFC 4252 §6). */
handlers[INFO_REQUEST] = (protocol, payload) => {
  const { _authsQueue: methods } = protocol
  const many = methods[0] === 'keyboard-interactive' && promptsIn(payload) > MOST_ANSWERS
  return readInfoRequest?.(protocol, many ? Buffer.from(payload.subarray(0, 1)) : payload)
}

/** How many prompts a request says that it has: a number behind three strings. */
function promptsIn(payload: Buffer): number {
  let at = 1
  for (let string = 0; string < 3; string += 1) {
    if (at + 4 > payload.length) return 0
    at += 4 + payload.readUInt32BE(at)
  }
  return at + 4 > payload.length ? 0 : payload.readUInt32BE(at)
}

/** Rounds of prompts that a server may make one login of; ssh2 answers those without a prompt by itself, for ever. */
const MOST_ROUNDS = 16

/** Ends the login of a client that is asked again and again. */
export function boundPromptRounds(client: Client): void {
  const { _protocol: protocol } = inside(client)
  const original = protocol._handlers['USERAUTH_INFO_REQUEST']
  let rounds = 0
  protocol._handlers['USERAUTH_INFO_REQUEST'] = (...request) => {
    rounds += 1
    if (rounds <= MOST_ROUNDS) return original?.(...request)
    const failure = new Error(`it asked more than ${MOST_ROUNDS} rounds of questions (keyboard-interactive)`)
    client.emit('error', Object.assign(failure, { level: 'client-authentication' }))
  }
}

/**
 * After a client began another attempt in the middle of keyboard-interactive: ssh2 takes the old one for unanswered for
 * ever.
 */
export function forgetAbortedLogin(connection: Connection): void {
  inside(connection)._protocol._authsQueue.shift()
}
