import type { Socket } from 'node:net'
import type { KeyType, SshKey } from '../../e2e/parts/ssh-keys.js'
import type { TempDir } from '../../e2e/parts/temp-dir.js'
import type { LoginMeans } from '../parts/login-means.js'
import type { LoginTrial, Peer } from '../trial.js'

/** What a connection of a device is for: a login by one method, or one that exchanges keys anew. */
export type Purpose = LoginTrial | 'rekey'

/** The users of a device, each of whom has one way in. */
export const DEVICE_USERS = {
  password: 'password',
  'keyboard-interactive': 'typed',
  rsa: 'key',
  ecdsa: 'key',
  ed25519: 'key',
  agent: 'key',
  certificate: 'certificate',
} as const satisfies Readonly<Record<LoginTrial, string>>

/** What a device is started with. */
export interface DeviceSetup {
  readonly directory: string
  readonly hostKey: SshKey
  /** For a device that says nothing of itself, by whose host key the bridge knows which one it is. */
  readonly hostKeys: Readonly<Record<Purpose, SshKey>>
  readonly means: LoginMeans
}

/**
 * A server of SSH that is tried as a device. It echoes on its subsystem `netconf`, and says the exit status `STATUS`
 * once its input has ended.
 */
export interface DevicePeer extends Peer {
  /** What everything but the trials of logins logs in with; default `ed25519`. */
  readonly login?: LoginTrial
  /** Default `ed25519`. */
  readonly hostKey?: KeyType
  /** It speaks NETCONF there instead, and calls home without an initiation sequence. */
  readonly speaksNetconf?: boolean
  /** It serves one channel, and its connection ends with that. */
  readonly oneChannel?: boolean
  /** It has no subsystem `netconf`, and runs a command of that name. */
  readonly asCommand?: boolean
  /** Makes the directory that it is to live in, where it does not take one in the usual place. */
  readonly directory?: (name: string) => Promise<TempDir>
  readonly start: (setup: DeviceSetup) => Promise<RunningDevice>
}

export type HangUp = () => Promise<void> | void

export interface RunningDevice {
  /** Its host key, where it has made one itself: as in a line of `known_hosts`, without the name. */
  readonly hostKey?: string
  /**
   * Takes a connection to the bridge, on which the initiation sequence has been written and nothing was read. Gives what
   * ends it without a goodbye.
   */
  readonly serve: (connection: Socket, purpose: Purpose) => Promise<HangUp> | HangUp
  /** What it wrote last. */
  readonly said: () => string
  readonly stop: () => Promise<void>
}
