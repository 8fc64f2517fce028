import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar'
import type * as z from 'zod'
import { version } from '../../app/package-info.js'
import { isNewer } from './newer-version.js'
import { MIGRATIONS } from '../../store/sqlite/sqlite-schema.js'
import { strangerText } from '../../lib/stranger-text.js'
import { BackupError, codeOf } from './backup-error.js'
import {
  BACKUP_FORMAT,
  type BackupEntry,
  type BackupHeader,
  HEADER_FILE,
  headerSchema,
  MANIFEST_FILE,
  manifestSchema,
  MAX_ENTRIES,
  MAX_HEADER_SIZE,
  MAX_MANIFEST_SIZE,
  placeOfName,
} from './backup-format.js'

/** A backup that was read to its end, and is what its manifest says. */
export interface CheckedBackup {
  readonly header: BackupHeader
  /** Directories come before what is in them. */
  readonly entries: readonly BackupEntry[]
}

/**
 * Reads a whole backup and writes nothing: everything in it must be listed in its manifest with the same hash, and
 * nothing may be but files and directories below the three places. Throws `BackupError` for anything else.
 */
export async function checkBackup(
  file: string,
  /** Asked as soon as the header was read, with what the files may take together; it may throw. */
  roomFor: (header: BackupHeader) => Promise<number>,
): Promise<CheckedBackup> {
  let room = 0
  let header: { readonly value: BackupHeader; readonly sha256: string } | undefined
  let manifest: z.output<typeof manifestSchema> | undefined
  const seen = new Map<string, Pick<BackupEntry, 'type' | 'size' | 'sha256'>>()
  for await (const { name, type, size, bytes } of entriesIn(file)) {
    if (header === undefined) {
      if (name !== HEADER_FILE || type !== 'file') throw noBackup(file)
      header = readHeader(file, await allOf(bytes, { size, most: MAX_HEADER_SIZE, file }))
      room = await roomFor(header.value)
    } else if (manifest !== undefined) throw foreign(file, name, 'stands behind its manifest')
    else if (name === MANIFEST_FILE) {
      const text = await allOf(bytes, { size, most: MAX_MANIFEST_SIZE, file })
      manifest = parsed(manifestSchema, text) ?? damaged(file, 'its manifest cannot be read')
    } else {
      checkName(file, name, { type, seen })
      room -= size
      if (room < 0) throw tooLarge(file, name)
      seen.set(name, { type: type as BackupEntry['type'], size, sha256: type === 'file' ? await hashOf(bytes) : '' })
    }
  }
  if (header === undefined) throw noBackup(file)
  if (manifest === undefined) return damaged(file, 'its manifest is missing, so its end is')
  if (manifest.header !== header.sha256) return damaged(file, `${HEADER_FILE} is not what its manifest says`)
  for (const { name, type, size, sha256 } of manifest.entries) {
    const there = seen.get(name)
    seen.delete(name)
    if (there === undefined) return damaged(file, `${name} is missing`)
    if (there.type !== type || there.size !== size || there.sha256 !== sha256)
      return damaged(file, `${name} is not what its manifest says`)
  }
  for (const name of seen.keys()) throw foreign(file, name, 'is not in its manifest')
  return { header: header.value, entries: manifest.entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }
}

/** A file or directory of an archive; its bytes are read before the next one is asked for, or are passed over. */
interface ReadEntry {
  readonly name: string
  readonly type: string
  readonly size: number
  readonly bytes: AsyncIterable<Uint8Array>
}

/** What is in an archive, in its order. Throws `BackupError` where it is damaged. */
export async function* entriesIn(file: string): AsyncGenerator<ReadEntry> {
  const gunzip = createGunzip()
  // Its errors, and those of the file, come to whoever reads.
  pipeline(createReadStream(file), gunzip, () => undefined)
  const archive = Readable.toWeb(gunzip) as ReadableStream<Uint8Array>
  const entries = archive.pipeThrough(createTarDecoder({ strict: true }))
  try {
    for await (const { header, body } of entries as unknown as AsyncIterable<ParsedTarEntry>) {
      const { name, type = 'file', size } = header
      const bytes = body as unknown as AsyncIterable<Uint8Array>
      yield { name: type === 'directory' ? name.replace(/\/$/, '') : name, type, size, bytes: explained(file, bytes) }
      if (!body.locked) await body.cancel()
    }
  } catch (error) {
    throw explanationOf(file, error)
  } finally {
    gunzip.destroy()
  }
}

async function* explained(file: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    throw explanationOf(file, error)
  }
}

/** What an error of the file, of its compression or of its format means. */
function explanationOf(file: string, error: unknown): BackupError {
  if (error instanceof BackupError) return error
  const code = codeOf(error)
  if (/^E[A-Z]+$/.test(code)) return new BackupError(`${file} cannot be read (${code})`, 'check its name and its mode')
  return /incorrect header check/.test(String(error)) ? noBackup(file) : damage(file, 'it cannot be read to its end')
}

function readHeader(file: string, text: Buffer): { readonly value: BackupHeader; readonly sha256: string } {
  const { format, homeport } = parsed(headerSchema.pick({ format: true, homeport: true }), text) ?? {}
  if (format === undefined || homeport === undefined) throw noBackup(file)
  if (format > BACKUP_FORMAT || isNewer(homeport, version)) throw newer(file, homeport)
  const value = parsed(headerSchema, text)
  if (value === undefined) throw noBackup(file)
  if (value.schema > MIGRATIONS.length) throw newer(file, homeport)
  return { value, sha256: createHash('sha256').update(text).digest('hex') }
}

function checkName(
  file: string,
  name: string,
  { type, seen }: { readonly type: string; readonly seen: ReadonlyMap<string, unknown> },
): void {
  if (type !== 'file' && type !== 'directory') throw foreign(file, name, `is neither file nor directory (${type})`)
  if (placeOfName(name) === undefined) throw foreign(file, name, 'leads elsewhere')
  if (seen.has(name)) throw foreign(file, name, 'is in it twice')
  if (seen.size >= MAX_ENTRIES) throw foreign(file, name, `is more than the ${MAX_ENTRIES} files that a backup holds`)
}

async function hashOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of bytes) hash.update(chunk)
  return hash.digest('hex')
}

async function allOf(
  bytes: AsyncIterable<Uint8Array>,
  { size, most, file }: { readonly size: number; readonly most: number; readonly file: string },
): Promise<Buffer> {
  if (size > most) throw noBackup(file)
  const chunks: Uint8Array[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function parsed<T>(schema: z.ZodType<T>, text: Buffer): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text.toString('utf8'))).data
  } catch {
    return undefined
  }
}

function noBackup(file: string): BackupError {
  return new BackupError(`${file} is no backup of Homeport`, 'name a file that `homeport backup` has written', 2)
}

function tooLarge(file: string, name: string): BackupError {
  return new BackupError(
    `${file} holds more than there is room for, from ${strangerText(name)} on`,
    'nothing was written: make room, or name another place with --data-dir',
  )
}

function newer(file: string, homeport: string): BackupError {
  return new BackupError(
    `${file} was made by a newer Homeport (${strangerText(homeport)}, this one is ${version})`,
    'install that version or a later one, and restore with it',
    2,
  )
}

function foreign(file: string, name: string, what: string): BackupError {
  return new BackupError(
    `${file} is refused: ${strangerText(name)} ${what}`,
    'nothing was written: `homeport backup` makes no such file, so somebody has changed it',
  )
}

function damage(file: string, what: string): BackupError {
  return new BackupError(
    `${file} is damaged: ${what}`,
    'nothing was written: take another copy of it, or an older backup',
  )
}

function damaged(file: string, what: string): never {
  throw damage(file, what)
}
