import { createRedaction, type Redaction } from '../redaction.js'
import type { SessionInfo } from '../audit-event.js'
import { createTranscript, type Transcript } from '../transcript.js'
import { type FileFailure, fileFailure } from './file-error.js'
import { openTranscriptFile, type TranscriptFile, type TranscriptRoom } from './transcript-files.js'

/** How transcripts are made, and where they are kept. */
export interface TranscriptSettings extends TranscriptRoom {
  readonly maxMessageSize: number
  /** Names of what holds a secret. */
  readonly redact: readonly string[]
}

/** What the thread of the transcripts is told; times are milliseconds since 1970. */
export type TranscriptRequest =
  | { readonly kind: 'configure'; readonly settings: TranscriptSettings }
  | { readonly kind: 'open'; readonly session: number; readonly info: SessionInfo; readonly time: number }
  | {
      readonly kind: 'said'
      readonly session: number
      readonly from: 'client' | 'device'
      readonly bytes: Uint8Array
      readonly time: number
    }
  | { readonly kind: 'close'; readonly session: number; readonly time: number }
  | { readonly kind: 'end' }

export type TranscriptAnswer =
  /** So many bytes were dealt with. */
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'failed'; readonly info: SessionInfo; readonly failure: FileFailure }
  | { readonly kind: 'ended' }

export interface TranscriptPort {
  readonly postMessage: (answer: TranscriptAnswer) => void
  readonly on: (event: 'message', listener: (request: TranscriptRequest) => void) => unknown
  readonly close: () => void
}

interface Open {
  readonly info: SessionInfo
  readonly transcript: Transcript
  readonly file: TranscriptFile
}

/**
 * Writes transcripts on this thread: telling messages apart, redacting and writing them takes time that no session has.
 */
export function serveTranscripts(port: TranscriptPort, initial: TranscriptSettings): void {
  let settings = initial
  let redaction: Redaction = createRedaction(initial.redact)
  const sessions = new Map<number, Open>()

  const guarded = (info: SessionInfo, session: number, work: () => void): void => {
    try {
      work()
    } catch (error) {
      sessions.get(session)?.file.close()
      sessions.delete(session)
      port.postMessage({ kind: 'failed', info, failure: fileFailure(error, settings.directory) })
    }
  }
  const open = (session: number, info: SessionInfo, time: number): void => {
    const began = new Date(time).toISOString()
    const name = [began.replaceAll(/[:.]/g, '-'), info.deviceId, info.user, info.sessionId].join('_')
    const file = openTranscriptFile(settings, name)
    file.write(JSON.stringify({ time: began, event: 'session-opened', ...info }))
    const transcript = createTranscript({
      info,
      redaction,
      maxMessageSize: settings.maxMessageSize,
      write: (line) => void file.write(line),
    })
    sessions.set(session, { info, transcript, file })
  }

  port.on('message', (request) => {
    if (request.kind === 'configure') {
      settings = request.settings
      redaction = createRedaction(settings.redact)
    } else if (request.kind === 'open') {
      guarded(request.info, request.session, () => open(request.session, request.info, request.time))
    } else if (request.kind === 'end') {
      for (const { file } of sessions.values()) file.close()
      port.postMessage({ kind: 'ended' })
      port.close()
    } else {
      const found = sessions.get(request.session)
      if (found !== undefined) guarded(found.info, request.session, () => follow(found, request))
      if (request.kind === 'said') port.postMessage({ kind: 'done', bytes: request.bytes.length })
    }
  })

  const follow = ({ transcript, file }: Open, request: Extract<TranscriptRequest, { session: number }>): void => {
    if (request.kind === 'said') {
      const bytes = Buffer.from(request.bytes.buffer, request.bytes.byteOffset, request.bytes.length)
      transcript[request.from === 'client' ? 'fromClient' : 'fromDevice'](bytes, request.time)
    } else if (request.kind === 'close') {
      transcript.end(request.time)
      file.close()
      sessions.delete(request.session)
    }
  }
}
