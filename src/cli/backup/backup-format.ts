import * as z from 'zod'

/**
 * What a backup is: a tar.gz whose first file says what it is of, whose last lists all others with their hashes, and
 * which any tar can unpack. `config/` is the directory of the configuration, `data/` is data-dir, and `outside/` holds
 * files of other directories by their whole path.
 */
export const HEADER_FILE = 'homeport-backup.json'
export const MANIFEST_FILE = 'manifest.json'
export const PLACES = ['config', 'data', 'outside'] as const
export type Place = (typeof PLACES)[number]

/** Goes up with each change that an older Homeport could not read. */
export const BACKUP_FORMAT = 1

/** Bounds of what is written and read: beyond them it is no backup of ours. */
export const MAX_ENTRIES = 200_000
export const MAX_HEADER_SIZE = 64 * 1024
export const MAX_MANIFEST_SIZE = 128 * 1024 * 1024

/** What stands first, so that a backup that cannot be read here is told by its first bytes. */
export type BackupHeader = z.output<typeof headerSchema>

export const headerSchema = z.object({
  format: z.number().int().positive(),
  /** The version of Homeport that made it. */
  homeport: z.string().max(64),
  /** Of homeport.db; 0 where there is none. */
  schema: z.number().int().nonnegative(),
  made: z.iso.datetime(),
  host: z.string().max(255),
  /** Absolute, on the machine where it was made. */
  config: z.string().startsWith('/').max(4096),
  dataDir: z.string().startsWith('/').max(4096),
  /** As the configuration says it: where it is relative, data goes where the configuration goes. */
  dataDirAsWritten: z.string().max(4096),
  /** Whether audit log and transcripts are in it. */
  audit: z.boolean(),
})

/** A file or directory in a backup; what of its owner is known by name is known there too. */
export type BackupEntry = z.output<typeof entrySchema>

const entrySchema = z.object({
  name: z.string().max(4096),
  type: z.enum(['file', 'directory']),
  size: z.number().int().nonnegative(),
  /** Hexadecimal; empty for a directory. */
  sha256: z.string().regex(/^(?:[0-9a-f]{64})?$/),
  mode: z.number().int().min(0).max(0o777),
  uid: z.number().int().nonnegative(),
  gid: z.number().int().nonnegative(),
  user: z.string().max(256).optional(),
  group: z.string().max(256).optional(),
  /** Milliseconds since 1970. */
  modified: z.number().nonnegative(),
})

export const manifestSchema = z.object({
  /** Of the first file. */
  header: z.string().regex(/^[0-9a-f]{64}$/),
  entries: z.array(entrySchema).max(MAX_ENTRIES),
})

/** The place and the path below it of a name in a backup; undefined for a name that could lead elsewhere. */
export function placeOfName(name: string): { readonly place: Place; readonly path: string } | undefined {
  const [first, ...steps] = name.split('/')
  const place = PLACES.find((known) => known === first)
  if (place === undefined) return undefined
  if (steps.some((step) => step === '' || step === '.' || step === '..' || step.length > 255)) return undefined
  return /\p{Cc}/u.test(name) ? undefined : { place, path: steps.join('/') }
}
