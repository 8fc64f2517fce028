/**
 * A part of what `ssh2-internals.ts` is about: keyboard-interactive logins on an ssh2 Server.
 */
import type { Connection } from 'ssh2'
import { requireSsh2 } from './ssh2.js'

interface Protocol {
  /** Names of the methods of attempts that were not answered, oldest first. */
  readonly _authsQueue: string[]
}

/** SSH_MSG_USERAUTH_INFO_RESPONSE (RFC 4256 §5). */
const infoResponse = 61

/** More answers than anybody is ever asked for here. */
const mostAnswers = 16

const handlers = requireSsh2('ssh2/lib/protocol/handlers.js') as Record<
  number,
  (protocol: Protocol, payload: Buffer) => unknown
>

const readInfoResponse = handlers[infoResponse]

/** ssh2 makes room for as many answers as the packet says that it holds, hundreds of megabytes if it likes, before it reads one. */
handlers[infoResponse] = (protocol, payload) => {
  const answers = payload.length >= 5 ? payload.readUInt32BE(1) : 0
  // Cut short, the packet is malformed for ssh2 too, which then disconnects.
  return readInfoResponse?.(protocol, answers > mostAnswers ? Buffer.from(payload.subarray(0, 1)) : payload)
}

/** After a client began another attempt in the middle of keyboard-interactive: ssh2 takes the old one for unanswered for ever. */
export function forgetAbortedLogin(connection: Connection): void {
  const { _protocol: protocol } = connection as unknown as { readonly _protocol: Protocol }
  protocol._authsQueue.shift()
}
