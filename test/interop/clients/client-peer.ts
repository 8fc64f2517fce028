import type { TempDir } from '../../e2e/parts/temp-dir.js'
import type { LoginMeans } from '../parts/login-means.js'
import type { LoginTrial, Peer } from '../trial.js'

/** What a client is to do on a device that echoes. */
export interface ClientTask {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly method: LoginTrial
  readonly means: LoginMeans
  /** A directory of this task's own. */
  readonly directory: string
  /** Bytes on each channel. */
  readonly bytes: number
  readonly channels: number
  /** Milliseconds of silence after them, after which a few more are sent. */
  readonly idle: number
  /** Bytes after which it exchanges keys anew; 0 for what it does by itself. */
  readonly rekey: number
  /** Whether it stays, once it has heard its echo, until it is killed. */
  readonly hold: boolean
}

/** A client at work. */
export interface ClientRun {
  /** Once it has heard all that it sent, which it has compared. */
  readonly echoed: Promise<void>
  /** The exit status of each channel, once it has ended by itself. */
  readonly statuses: Promise<readonly (number | null)[]>
  /** Ends it without a goodbye. */
  readonly kill: () => Promise<void>
}

/** A client of SSH that is tried on the endpoint: it asks for the subsystem `netconf`. */
export interface ClientPeer extends Peer {
  /** What everything but the trials of logins logs in with; default `ed25519`. */
  readonly login?: LoginTrial
  /** It is NETCONF that it speaks there, to `byteSubsystem.answers`, and its close is `<close-session>`. */
  readonly speaksNetconf?: boolean
  /** Makes the directory of keys, where it does not find those in the usual place. */
  readonly directory?: (name: string) => Promise<TempDir>
  readonly start: (task: ClientTask) => Promise<ClientRun>
  readonly stop?: () => Promise<void>
}
