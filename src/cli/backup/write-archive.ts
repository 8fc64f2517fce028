import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { createTarPacker, type TarPackController } from 'modern-tar'
import { BackupError, codeOf, readFailure } from './backup-error.js'
import { type BackupEntry, type BackupHeader, HEADER_FILE, MANIFEST_FILE } from './backup-format.js'
import type { FileToBackUp } from './files-to-back-up.js'
import type { OwnerNames } from './owner-names.js'

export interface ArchiveOptions {
  readonly header: BackupHeader
  readonly files: readonly FileToBackUp[]
  /** Where the bytes of a file are: a database's are in a copy. */
  readonly bytesOf: (file: FileToBackUp) => string
  /** Logs that are renamed while they are read, held open since before. */
  readonly held: ReadonlyMap<string, FileHandle>
  readonly owners: OwnerNames
}

/** Writes a backup to a stream, and ends it; answers what is in it. Throws BackupError, and what the stream throws. */
export async function writeArchive(options: ArchiveOptions, to: Writable): Promise<readonly BackupEntry[]> {
  const { readable, controller } = createTarPacker()
  const written = pipeline(Readable.fromWeb(readable as never), createGzip(), to)
  const packing = packAll(options, controller).catch((error: unknown) => {
    controller.error(error)
    throw error
  })
  // The packer is told of a full disk by its own next write, which rejects with the same error.
  const [outcome, sent] = await Promise.allSettled([packing, written])
  if (outcome.status === 'rejected' && outcome.reason instanceof BackupError) throw outcome.reason
  if (sent.status === 'rejected') throw sent.reason
  if (outcome.status === 'rejected') throw outcome.reason
  return outcome.value
}

async function packAll(options: ArchiveOptions, controller: TarPackController): Promise<readonly BackupEntry[]> {
  const header = Buffer.from(`${JSON.stringify(options.header, undefined, 2)}\n`)
  await packText(controller, HEADER_FILE, header)
  const entries: BackupEntry[] = []
  for (const file of options.files) {
    const entry = file.stats.isDirectory()
      ? await packDirectory(controller, file, options)
      : await packFile(controller, file, options)
    if (entry !== undefined) entries.push(entry)
  }
  const manifest = { header: createHash('sha256').update(header).digest('hex'), entries }
  await packText(controller, MANIFEST_FILE, Buffer.from(`${JSON.stringify(manifest)}\n`))
  controller.finalize()
  return entries
}

async function packText(controller: TarPackController, name: string, bytes: Buffer): Promise<void> {
  const writer = controller.add({ name, size: bytes.length, mode: 0o600, type: 'file' }).getWriter()
  await writer.write(bytes)
  await writer.close()
}

async function packDirectory(
  controller: TarPackController,
  file: FileToBackUp,
  { owners }: ArchiveOptions,
): Promise<BackupEntry> {
  const entry = { ...entryOf(file, owners), type: 'directory' as const, size: 0, sha256: '' }
  await controller.add(tarHeader(entry)).close()
  return entry
}

/** Packs a file as long as it is now: what a running bridge appends meanwhile belongs to the next backup. */
async function packFile(
  controller: TarPackController,
  file: FileToBackUp,
  { bytesOf, held, owners }: ArchiveOptions,
): Promise<BackupEntry | undefined> {
  const path = bytesOf(file)
  const handle = held.get(file.name) ?? (await openToRead(path, file.mayVanish))
  if (handle === undefined) return undefined
  try {
    const { size } = await handle.stat()
    const entry = { ...entryOf(file, owners), type: 'file' as const, size }
    const writer = controller.add(tarHeader({ ...entry, sha256: '' })).getWriter()
    const hash = createHash('sha256')
    const packed = await packBytes(handle, { size, writer, hash })
    if (packed < size)
      throw new BackupError(`${file.path} became shorter while it was read`, 'nothing was written; run it again')
    await writer.close()
    return { ...entry, sha256: hash.digest('hex') }
  } catch (error) {
    if (error instanceof BackupError || codeOf(error) !== 'EIO') throw error
    throw readFailure(file.path, error)
  } finally {
    await handle.close()
  }
}

async function packBytes(
  handle: FileHandle,
  to: { readonly size: number; readonly writer: WritableStreamDefaultWriter<Uint8Array>; readonly hash: Hash },
): Promise<number> {
  if (to.size === 0) return 0
  let packed = 0
  const bytes = createReadStream('', { fd: handle, autoClose: false, start: 0, end: to.size - 1 })
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    to.hash.update(chunk)
    await to.writer.write(chunk)
    packed += chunk.length
  }
  return packed
}

async function openToRead(path: string, mayVanish: boolean): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (mayVanish && codeOf(error) === 'ENOENT') return undefined
    throw readFailure(path, error)
  }
}

function entryOf(
  { name, stats: { mode, uid, gid, mtimeMs } }: FileToBackUp,
  owners: OwnerNames,
): Omit<BackupEntry, 'type' | 'size' | 'sha256'> {
  const [user, group] = [owners.userOf(uid), owners.groupOf(gid)]
  return {
    name,
    mode: mode & 0o777,
    uid,
    gid,
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    modified: Math.max(0, Math.floor(mtimeMs)),
  }
}

/** For whoever unpacks it with another program. */
function tarHeader({ name, type, size, mode, uid, gid, user, group, modified }: BackupEntry) {
  return {
    name: type === 'directory' ? `${name}/` : name,
    type,
    size,
    mode,
    uid,
    gid,
    mtime: new Date(modified),
    ...(user === undefined ? {} : { uname: user }),
    ...(group === undefined ? {} : { gname: group }),
  }
}
