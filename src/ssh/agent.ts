import { connect } from 'node:net'
import { type Certificate, parseCertificate } from './certificate.js'
import { keyTypeOf } from './public-key.js'
import type { AnySignatureAlgorithm } from './signature.js'
import { type VerifyingKey, parseVerifyingKey } from './verifying-key.js'
import { sshString, sshUint32 } from './wire.js'
import { createWireReader } from './wire-reader.js'

/** A key that an ssh-agent holds, perhaps with a certificate. */
export interface AgentIdentity {
  /** Path of the agent's socket. */
  readonly agent: string
  readonly comment: string
  /** The plain key. */
  readonly key: VerifyingKey
  readonly certificate?: Certificate
  /** Whether the agent holds the plain key alone, and the certificate comes from a file. */
  readonly certificateFromFile?: true
}

export type AgentFailure = {
  readonly reason: 'agent-unreachable' | 'agent-timeout' | 'agent-refused' | 'agent-malformed-answer'
  readonly message: string
  readonly hint: string
}

export type AgentAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: AgentFailure }

/** Message numbers and flags of draft-ietf-sshm-ssh-agent §5. */
const message = { failure: 5, requestIdentities: 11, identities: 12, signRequest: 13, signature: 14 } as const
const signFlags: Partial<Record<AnySignatureAlgorithm, number>> = { 'rsa-sha2-256': 2, 'rsa-sha2-512': 4 }

/** Bytes of an answer; OpenSSH's agent sends no longer ones. */
const LONGEST_ANSWER = 256 * 1024

/** Milliseconds for the list of identities, which needs nobody's consent. */
const DEFAULT_TIMEOUT = 5_000

/**
 * The identities that an agent holds, in its order. Those of types that are not supported here are left out.
 * @param agent path of the agent's socket, such as `SSH_AUTH_SOCK` holds
 */
export async function agentIdentities(
  agent: string,
  timeout: number = DEFAULT_TIMEOUT,
): Promise<AgentAnswer<readonly AgentIdentity[]>> {
  const answer = await ask(agent, Buffer.from([message.requestIdentities]), timeout)
  if (!answer.ok) return answer
  const reader = createWireReader(answer.value)
  if (reader.uint8() !== message.identities) return refused('does not list its keys')
  const count = reader.uint32()
  const identities: AgentIdentity[] = []
  for (let i = 0; i < count && reader.left() > 0; i++) {
    const identity = identityOf(agent, reader.string(), reader.string().toString('utf8'))
    if (identity !== undefined) identities.push(identity)
  }
  const failure = reader.failureAtEnd()
  return failure === undefined ? { ok: true, value: identities } : malformed(failure)
}

/**
 * Has an agent sign: a signature blob, `string algorithm, string signature`. RSA keys sign with SHA-2 as asked.
 * @param asked.timeout milliseconds; an agent may ask its owner first
 */
export async function signWithAgent(
  { agent, key, certificate, certificateFromFile }: AgentIdentity,
  asked: { readonly algorithm: AnySignatureAlgorithm; readonly data: Buffer; readonly timeout?: number | undefined },
): Promise<AgentAnswer<Buffer>> {
  const { algorithm, data, timeout = DEFAULT_TIMEOUT } = asked
  const request = Buffer.concat([
    Buffer.from([message.signRequest]),
    sshString(certificateFromFile === true ? key.blob : (certificate?.blob ?? key.blob)),
    sshString(data),
    sshUint32(signFlags[algorithm] ?? 0),
  ])
  const answer = await ask(agent, request, timeout)
  if (!answer.ok) return answer
  const reader = createWireReader(answer.value)
  if (reader.uint8() !== message.signature) return refused('does not sign with this key')
  const signature = reader.string()
  const failure = reader.failureAtEnd()
  if (failure !== undefined) return malformed(failure)
  // An agent that does not know the flags signs with SHA-1.
  const signedWith = createWireReader(signature).text()
  return signedWith === algorithm
    ? { ok: true, value: signature }
    : refused(`signs with another algorithm than ${algorithm}`)
}

function identityOf(agent: string, blob: Buffer, comment: string): AgentIdentity | undefined {
  const certified = parseCertificate(blob)
  if (certified.ok) return { agent, comment, key: certified.certificate.key, certificate: certified.certificate }
  if (keyTypeOf(blob) === undefined) return undefined
  const plain = parseVerifyingKey(Buffer.from(blob))
  return plain.ok ? { agent, comment, key: plain.key } : undefined
}

/** Sends one message and gives the answer to it, each on a connection of its own: a slow one holds up no other. */
function ask(agent: string, request: Buffer, timeout: number): Promise<AgentAnswer<Buffer>> {
  return new Promise((resolve) => {
    const socket = connect({ path: agent })
    let received = Buffer.alloc(0)
    const settle = (answer: AgentAnswer<Buffer>): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => {
      settle(failed('agent-timeout', `the ssh-agent did not answer within ${timeout / 1000} s`))
    }, timeout)
    socket.on('connect', () => socket.write(sshString(request)))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4) return
      const length = received.readUInt32BE()
      if (length > LONGEST_ANSWER) return settle(malformed('it is too long'))
      if (received.length >= 4 + length) settle({ ok: true, value: received.subarray(4, 4 + length) })
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      settle(failed('agent-unreachable', `the ssh-agent cannot be reached (${error.code ?? error.message})`))
    })
    socket.on('close', () => settle(failed('agent-unreachable', 'the ssh-agent closed the connection')))
  })
}

function refused(what: string): { readonly ok: false; readonly failure: AgentFailure } {
  return {
    ok: false,
    failure: {
      reason: 'agent-refused',
      message: `the ssh-agent ${what}`,
      hint: 'look at `ssh-add -L`; the agent may be locked, or its key need a confirmation',
    },
  }
}

function malformed(why: string): { readonly ok: false; readonly failure: AgentFailure } {
  return failed('agent-malformed-answer', `the answer of the ssh-agent is damaged: ${why}`)
}

function failed(cause: AgentFailure['reason'], text: string): { readonly ok: false; readonly failure: AgentFailure } {
  return {
    ok: false,
    failure: { reason: cause, message: text, hint: 'start `ssh-agent` and let SSH_AUTH_SOCK name its socket' },
  }
}
