import { stripVTControlCharacters } from 'node:util'
import { createSessionScanner } from '../netconf/framing/session-scanner.js'
import type { ScannedMessage } from '../netconf/framing/message-scanner.js'
import type { SessionInfo } from './audit-event.js'
import type { Redaction } from './redaction.js'

/** All that is said in a session, without its secrets, as lines of JSON. */
export interface Transcript {
  /** Bytes, and when they came in milliseconds since 1970. */
  readonly fromClient: (bytes: Buffer, time: number) => void
  readonly fromDevice: (bytes: Buffer, time: number) => void
  readonly end: (time: number) => void
}

export interface TranscriptOptions {
  readonly info: SessionInfo
  readonly redaction: Redaction
  /** Bytes of a message that is kept; a longer one is left out. */
  readonly maxMessageSize: number
  readonly write: (line: string) => void
}

/** Why something said is not in a transcript. */
export type LeftOut = 'too-long' | 'not-well-formed' | 'broken-framing'

type From = 'client' | 'device'

/**
 * The transcript of a session for NETCONF has each message of both sides; one that is not well-formed is left out,
 * because nobody can tell what in it is a secret. Of a shell or a command it has what the device shows, line by line:
 * what a user types is in it as far as the device echoes it, and passwords are not echoed. Files that are carried are
 * in none.
 */
export function createTranscript(options: TranscriptOptions): Transcript {
  const { info, write } = options
  const said = (from: From, time: number, text: string): void =>
    write(JSON.stringify({ time: new Date(time).toISOString(), from, text }))
  const leftOut = ({ from, time, bytes, why }: Omission): void =>
    write(JSON.stringify({ time: new Date(time).toISOString(), from, leftOut: why, octets: bytes }))
  const body = info.channel === 'netconf' ? ofMessages(options, said, leftOut) : ofLines(options, said, leftOut)
  return {
    ...body,
    end: (time) => {
      body.end(time)
      write(JSON.stringify({ time: new Date(time).toISOString(), event: 'session-closed' }))
    },
  }
}

type Say = (from: From, time: number, text: string) => void
type LeaveOut = (omission: Omission) => void

interface Omission {
  readonly from: From
  readonly time: number
  readonly bytes: number
  readonly why: LeftOut
}

function ofMessages({ redaction, maxMessageSize }: TranscriptOptions, say: Say, leaveOut: LeaveOut): Transcript {
  let now = 0
  const tell = (side: 'client' | 'server', { head, bytes }: ScannedMessage): void => {
    const from = side === 'client' ? 'client' : 'device'
    if (head.length < bytes) return leaveOut({ from, time: now, bytes, why: 'too-long' })
    const text = redaction.message(head)
    if (text === undefined) leaveOut({ from, time: now, bytes, why: 'not-well-formed' })
    else say(from, now, text)
  }
  const scanner = createSessionScanner({
    headSize: maxMessageSize,
    onHello: tell,
    onMessage: tell,
    onBroken: (side) =>
      leaveOut({ from: side === 'client' ? 'client' : 'device', time: now, bytes: 0, why: 'broken-framing' }),
  })
  return {
    fromClient: (bytes, time) => {
      now = time
      scanner.fromClient(bytes)
    },
    fromDevice: (bytes, time) => {
      now = time
      scanner.fromServer(bytes)
    },
    end: () => undefined,
  }
}

/**
 * Without what moves a terminal's cursor or colours its text: it could stand between the letters of a secret's name.
 */
function withoutControl(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\t\n\r]/gu, '')
}

function ofLines({ info, redaction, maxMessageSize }: TranscriptOptions, say: Say, leaveOut: LeaveOut): Transcript {
  const decoder = new TextDecoder()
  const redacted = redaction.stream()
  const shown = info.channel === 'shell' || (info.channel === 'exec' && !/^\s*scp(\s|$)/.test(info.request))
  /** The line that has not ended yet: a secret in it may still go on. */
  let held = ''
  let skipped = 0

  const add = (text: string, time: number): void => {
    const end = text.lastIndexOf('\n') + 1
    if (end > 0) {
      const whole = held + text.slice(0, end)
      if (skipped > 0) leaveOut({ from: 'device', time, bytes: skipped, why: 'too-long' })
      // The rest of a line that was too long is left out with it.
      const kept = skipped > 0 ? whole.slice(whole.indexOf('\n') + 1) : whole
      skipped = 0
      held = ''
      const safe = kept === '' ? '' : redacted(withoutControl(kept))
      if (safe !== '') say('device', time, safe)
    }
    held += text.slice(end)
    if (held.length <= maxMessageSize) return
    skipped += held.length
    held = ''
  }
  return {
    fromClient: () => undefined,
    fromDevice: (bytes, time) => {
      if (shown) add(decoder.decode(bytes, { stream: true }), time)
    },
    end: (time) => {
      if (held !== '' || skipped > 0) add(`${decoder.decode()}\n`, time)
    },
  }
}
