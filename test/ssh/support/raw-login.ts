import { EventEmitter, on, once } from 'node:events'
import ssh2, { type ConnectConfig } from 'ssh2'
import { socketOf } from '../../../src/ssh/ssh2/connections.js'

interface RawProtocol {
  readonly _authsQueue: string[]
  readonly _handlers: Record<string, (...rest: never[]) => void>
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number
      readonly alloc: (size: number) => Buffer
      readonly finalize: (packet: Buffer) => Buffer
    }
  }
  readonly _cipher: { readonly encrypt: (packet: Buffer) => void }
  readonly authKeyboard: (username: string) => void
  readonly authPassword: (username: string, password: string, newPassword?: string) => void
  readonly authPK: (username: string, keyLine: string, algorithm: string) => void
  readonly authInfoRes: (responses: readonly string[]) => void
}

/**
 * What the server said: `prompt` with its prompts, `failure` with the methods that are left, `key would do` with its
 * algorithm and blob, `success`, or `closed`.
 */
export type Said = readonly [kind: 'prompt' | 'failure' | 'key would do' | 'success' | 'closed', ...rest: unknown[]]

/** A client whose login the test makes message by message. */
export interface RawLogin {
  readonly askForPrompts: () => void
  readonly password: (password: string, newPassword?: string) => void
  readonly answer: (responses: readonly string[]) => void
  /** An answer that says that it holds so many responses, and holds none. */
  readonly answerThatClaims: (responses: number) => void
  /** Asks whether a key would do, by an algorithm; the key is a line as in a `.pub` file. */
  readonly askAboutKey: (algorithm: string, keyLine: string) => void
  /** What the server says next. */
  readonly said: () => Promise<Said>
  readonly stop: () => void
}

/** Connects, and takes over once the client would begin to log in. */
export async function openRawLogin(config: ConnectConfig & { readonly username: string }): Promise<RawLogin> {
  const client = new ssh2.Client()
  const heard = new EventEmitter()
  const all = on(heard, 'said')
  const say = (...said: Said): void => void heard.emit('said', said)
  client.on('error', () => undefined)
  client.once('close', () => say('closed'))
  const ready = new EventEmitter()
  const begun = once(ready, 'begun')
  client.connect({ ...config, authHandler: () => void ready.emit('begun') })
  await begun
  const { _protocol: protocol } = client as unknown as { readonly _protocol: RawProtocol }
  const { _handlers: handlers } = protocol
  let asked = false
  /** ssh2's client, too, takes an attempt for unanswered for ever that another one broke off. */
  const breakOff = (): void => {
    if (asked) protocol._authsQueue.shift()
    asked = false
  }
  handlers['USERAUTH_INFO_REQUEST'] = (_protocol, _name, _instructions, prompts) => {
    asked = true
    say('prompt', prompts)
  }
  handlers['USERAUTH_FAILURE'] = (_protocol, methods) => say('failure', methods)
  handlers['USERAUTH_PK_OK'] = (_protocol, algorithm, key) => say('key would do', algorithm, key)
  handlers['USERAUTH_SUCCESS'] = () => say('success')
  return {
    askForPrompts: () => {
      breakOff()
      protocol.authKeyboard(config.username)
    },
    password: (password, newPassword) => {
      breakOff()
      protocol.authPassword(config.username, password, newPassword)
    },
    answer: (responses) => {
      asked = false
      protocol.authInfoRes(responses)
    },
    answerThatClaims: (responses) => {
      const { write } = protocol._packetRW
      const packet = write.alloc(5)
      packet[write.allocStart] = 61
      packet.writeUInt32BE(responses, write.allocStart + 1)
      protocol._cipher.encrypt(write.finalize(packet))
    },
    askAboutKey: (algorithm, keyLine) => {
      breakOff()
      protocol.authPK(config.username, keyLine, algorithm)
    },
    said: async () => {
      const next = (await all.next()) as { readonly value: readonly [Said] }
      return next.value[0]
    },
    stop: () => void socketOf(client).destroy(),
  }
}
