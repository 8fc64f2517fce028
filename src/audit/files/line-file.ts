import { access, constants, type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type FileFailure, fileFailure } from './file-error.js'
import { firstLines, LINE_FEED, linesWithin } from './line-queue.js'

/** One file of lines that others may move away, with its older ones beside it: `FILE.1` is the newest of them. */
export interface LineFile {
  /** Opens the file, and takes away what a killed process left of a last line. Rejects with `FileError`. */
  readonly prepare: () => Promise<void>
  /**
   * Appends as many of the lines as have room in the file, at least one, and answers how many bytes those are.
   * Rejects with `FileError` when it cannot; then none of them is in the file.
   * @param lines whole lines, each with its line feed
   */
  readonly append: (lines: Buffer) => Promise<number>
  /** Lets go of the file; the next append opens what stands under its name then. */
  readonly release: () => Promise<void>
}

/** Bytes of a file before it is rotated, and how many rotated ones are kept. */
export interface Rotation {
  readonly maxSize: number
  readonly maxFiles: number
}

/** What was written is on the disk when the write is over: one turn of another thread instead of two. */
const APPEND_TO_DISK = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_DSYNC

/** Bytes that are looked at for the last whole line. */
const LONGEST_TAIL = 256 * 1024

/** @param rotation asked anew for each append */
export function createLineFile(path: string, rotation: () => Rotation): LineFile {
  let handle: FileHandle | undefined
  /** The size up to which the file is ours and whole; undefined when it has to be looked at. */
  let whole: number | undefined

  const release = async (): Promise<void> => {
    const closing = handle
    handle = undefined
    whole = undefined
    await closing?.close()
  }

  /** Opens the file unless it is open and still stands under its name; with its size. */
  const hold = async (): Promise<{ readonly file: FileHandle; readonly size: number }> => {
    if (handle !== undefined) {
      const [here, held] = await Promise.all([stat(path).catch(() => undefined), handle.stat()])
      if (here?.ino === held.ino && here.dev === held.dev) return { file: handle, size: held.size }
      await release()
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    handle = await open(path, APPEND_TO_DISK, 0o600)
    return { file: handle, size: (await handle.stat()).size }
  }
  /** The file, and its size after what a process that was killed left of its last line was taken away. */
  const holdWhole = async (): Promise<{ readonly file: FileHandle; readonly size: number }> => {
    const { file, size } = await hold()
    if (size === 0 || size === whole) return { file, size }
    whole = await sizeOfWholeLines(file, size)
    return { file, size: whole }
  }

  const rotate = async (): Promise<void> => {
    await release()
    const { maxFiles } = rotation()
    for (let number = maxFiles + 1; await removed(`${path}.${number}`); number += 1);
    let last = 0
    while (last < maxFiles - 1 && (await exists(`${path}.${last + 1}`))) last += 1
    for (let number = last; number >= 1; number -= 1) await moved(`${path}.${number}`, `${path}.${number + 1}`)
    if (maxFiles > 0) await moved(path, `${path}.1`)
    else await rm(path, { force: true })
  }

  const append = async (lines: Buffer): Promise<number> => {
    if (lines.length === 0) return 0
    let { file, size } = await holdWhole()
    let bytes = linesWithin(lines, rotation().maxSize - size)
    if (bytes.length === 0) {
      await rotate()
      ;({ file, size } = await holdWhole())
      bytes = firstLines(lines, rotation().maxSize - size)
    }
    try {
      await writeAll(file, bytes)
      whole = size + bytes.length
      return bytes.length
    } catch (error) {
      // Room that was made a moment later must not find half a line here, nor the same lines twice.
      whole = undefined
      await file.truncate(size).catch(() => undefined)
      throw error
    }
  }

  const explained = (error: unknown): never => {
    throw new FileError(fileFailure(error, path))
  }
  return {
    prepare: () => holdWhole().then(() => undefined, explained),
    append: (lines) => append(lines).catch(explained),
    release,
  }
}

/** Carries a typed problem through a rejection. */
export class FileError extends Error {
  constructor(readonly problem: FileFailure) {
    super(problem.message)
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written)
    written += bytesWritten
  }
}

/** Takes away what a process that was killed left of a file's last line; the size after it. */
async function sizeOfWholeLines(file: FileHandle, size: number): Promise<number> {
  const length = Math.min(size, LONGEST_TAIL)
  const tail = Buffer.alloc(length)
  await file.read(tail, 0, length, size - length)
  const end = tail.lastIndexOf(LINE_FEED) + 1
  // A last line of this length is nothing of ours: it is left alone, and ended.
  if (end === 0 && length < size) {
    await writeAll(file, Buffer.from('\n'))
    return size + 1
  }
  const whole = size - length + end
  if (whole < size) await file.truncate(whole)
  return whole
}

async function moved(from: string, to: string): Promise<void> {
  await rename(from, to).catch(unlessMissing)
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** Whether there was such a file. */
async function removed(path: string): Promise<boolean> {
  return rm(path).then(
    () => true,
    (error: unknown) => {
      unlessMissing(error)
      return false
    },
  )
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}
