import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Where transcripts are kept, and how much of them; bytes. */
export interface TranscriptRoom {
  readonly directory: string
  readonly maxSizePerSession: number
  /** Of all transcripts together: the oldest make room for new ones. */
  readonly maxSize: number
}

/** The file of one session's transcript. */
export interface TranscriptFile {
  /** Appends a line; false when the file has become as large as it may. */
  readonly write: (line: string) => boolean
  readonly close: () => void
}

/** What ends a transcript that has become too large. */
const CUT = '{"leftOut":"max-size-per-session"}'

/**
 * Makes a file that only its owner may read. All of it blocks, so it belongs on a thread of its own. Throws the file
 * system's errors.
 */
export function openTranscriptFile(room: TranscriptRoom, name: string): TranscriptFile {
  mkdirSync(room.directory, { recursive: true, mode: 0o700 })
  makeRoom(room)
  const file = openSync(join(room.directory, fileName(name)), 'wx', 0o600)
  let size = 0
  let full = false
  return {
    write: (line) => {
      if (full) return false
      const bytes = Buffer.from(`${line}\n`)
      full = size + bytes.length > room.maxSizePerSession
      size += bytes.length
      writeAll(file, full ? Buffer.from(`${CUT}\n`) : bytes)
      return !full
    },
    close: () => closeSync(file),
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
}

/** Removes the oldest transcripts until all of them together are small enough. Their names begin with their time. */
function makeRoom({ directory, maxSize }: TranscriptRoom): void {
  const files = readdirSync(directory)
    .filter((name) => name.endsWith(SUFFIX))
    .toSorted()
    .flatMap((name) => {
      const found = statSync(join(directory, name), { throwIfNoEntry: false })
      return found === undefined ? [] : [{ name, size: found.size }]
    })
  let total = files.reduce((sum, { size }) => sum + size, 0)
  for (const { name, size } of files) {
    if (total <= maxSize) return
    rmSync(join(directory, name), { force: true })
    total -= size
  }
}

const SUFFIX = '.jsonl'

/** A name that is no path, whatever a device or a user is called. */
function fileName(name: string): string {
  return `${name.replaceAll(/[^\w.@-]/g, '_').slice(0, 200)}${SUFFIX}`
}
