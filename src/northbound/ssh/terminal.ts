import { inBackground } from '../../lib/background.js'
import type { Connection, Session } from 'ssh2'
import type { DeviceChannel } from '../../fleet/link.js'
import type { EnvironmentVariable, Terminal, WindowSize } from '../../ssh/session-channel.js'
import { takeSessionRequests } from '../../ssh/ssh2/session-requests.js'

/**
 * What a client says on its session beside what the session is for: its terminal, its environment, new sizes, signals.
 */
export interface SessionEnvironment {
  /** The terminal that was asked for and granted. Whatever is answered later has to wait for this. */
  readonly terminal: () => Promise<Terminal | undefined>
  readonly environment: readonly EnvironmentVariable[]
  /** Lets a device hear what comes from now on, and the size that the terminal has got meanwhile. */
  readonly follow: (device: DeviceChannel) => void
}

/**
 * Variables that a client may send, and bytes of each; more are ignored, as sshd ignores what its AcceptEnv does not
 * name.
 */
const MAX_VARIABLES = 32
const MAX_VARIABLE_BYTES = 1024

/** Language and terminal: what OpenSSH sends as Debian sets it up. */
const CARRIED_VARIABLE = /^(LANG|LC_\w+|TERM)$/

/**
 * Gathers what a client says beside its request. A terminal is granted to whoever may have something that runs on one,
 * without asking the device: that takes a channel on the device, and many clients say what the channel is for only
 * after this answer.
 */
export function gatherEnvironment(
  connection: Connection,
  session: Session,
  mayHaveTerminal: () => Promise<boolean>,
): SessionEnvironment {
  const environment: EnvironmentVariable[] = []
  let granted: Promise<Terminal | undefined> | undefined
  let size: WindowSize | undefined
  let device: DeviceChannel | undefined

  session.on('env', (accept, _reject, { key: name, val: value }) => {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value)
    if (CARRIED_VARIABLE.test(name) && bytes <= MAX_VARIABLE_BYTES && environment.length < MAX_VARIABLES)
      environment.push({ name, value })
    accept?.()
  })
  takeSessionRequests(connection, session, {
    terminal: (asked, answer) => {
      if (granted !== undefined) return answer(false)
      granted = mayHaveTerminal().then((may) => {
        answer(may)
        return may ? asked : undefined
      })
      // Nobody may ask for it any more.
      inBackground('session', granted, () => answer(false))
    },
    resize: (next) => {
      size = next
      device?.resize(next)
    },
    signal: (name) => device?.signal(name),
    sendBreak: (milliseconds) => device?.sendBreak(milliseconds),
  })
  return {
    terminal: async () => {
      const terminal = await granted
      return terminal === undefined ? undefined : { ...terminal, ...size }
    },
    environment,
    follow: (opened) => {
      device = opened
      if (size !== undefined) opened.resize(size)
    },
  }
}
