import { asFound, type ReasonOf, type RefusalEntries, refusalsBy } from '../../lib/refusal.js'
import { RIGHT_ENDS } from './session-ends.js'

/** Why a client gets no session, as it is found before the fleet is asked. */
export const SESSION_REFUSALS = {
  // By rights, those that the client had when it logged in among them.
  ...RIGHT_ENDS,
  'channel-not-allowed': { told: 'peer', text: asFound },
  // By what was asked for.
  'no-device': {
    told: 'peer',
    text: {
      message: 'the login name names no device',
      hint: 'log in as user@device-id, or dial the device’s own port or address, or `ssh -J BRIDGE DEVICE-ID -s netconf`',
    },
  },
  'another-device': {
    told: 'peer',
    text: (here: string, whose: string, asked: string) => ({
      message: `${here} is that of ${whose}, but the login name asks for ${JSON.stringify(asked)}`,
      hint: 'log in with the plain user name here, or as user@device-id where all devices are reached',
    }),
  },
  'unknown-subsystem': {
    told: 'peer',
    text: (asked: string) => ({
      message: `${asked} is not carried to devices`,
      hint: 'those that are: netconf, as in `ssh -s … netconf`, and sftp',
    }),
  },
  /** ssh2 reads a command as UTF-8, so the device would be given another one than was sent. */
  'command-not-utf-8': {
    told: 'peer',
    text: {
      message: 'the command is not UTF-8, and would not reach the device as it was sent',
      hint: 'write it in UTF-8, or use a shell or SFTP',
    },
  },
  // By bounds.
  'too-many-sessions': {
    told: 'nobody',
    text: {
      message: 'too many sessions on this connection',
      hint: 'close some, or raise endpoint.ssh.max-sessions-per-connection',
    },
  },
  'record-not-written': { told: 'peer', text: asFound },
} as const satisfies RefusalEntries

export type SessionRefusalReason = ReasonOf<typeof SESSION_REFUSALS>

export const sessionRefusal = refusalsBy(SESSION_REFUSALS)
