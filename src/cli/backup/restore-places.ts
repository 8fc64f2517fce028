import { basename, dirname, join, resolve } from 'node:path'
import { homeportCommand } from '../../lib/shell-word.js'
import { CONFIG_PLACES } from '../../config/find-config.js'
import { PACKAGE_DATA_DIR } from '../../config/package-places.js'
import type { CommandIo } from '../command-io.js'
import { BackupError } from './backup-error.js'
import { type BackupEntry, type BackupHeader, placeOfName } from './backup-format.js'

export interface PlaceOptions {
  readonly config?: string
  readonly dataDir?: string
  readonly to?: string
}

/** Where a backup goes here; all absolute. */
export interface RestorePlaces {
  readonly configFile: string
  readonly dataDir: string
  /** Where `outside/` begins: the root directory, or one below `--to`. */
  readonly outside: string
}

/**
 * Where a backup is put back. What a backup says of its own places is believed only where Homeport looks by itself, or
 * below the configuration: a forged one could name any file of this machine. Throws `BackupError`.
 */
export function restorePlaces(
  file: string,
  { header, options, io }: { readonly header: BackupHeader; readonly options: PlaceOptions; readonly io: CommandIo },
): RestorePlaces {
  if (options.to !== undefined) {
    const to = resolve(io.cwd, options.to)
    return {
      configFile: join(to, 'config', basename(header.config)),
      dataDir: join(to, 'data'),
      outside: join(to, 'outside'),
    }
  }
  const configFile = options.config === undefined ? usualConfig(file, header, io) : resolve(io.cwd, options.config)
  return { configFile, dataDir: dataDirOf(file, { header, options, io, configFile }), outside: '/' }
}

function usualConfig(file: string, { config }: BackupHeader, { cwd, env }: CommandIo): string {
  const { HOMEPORT_CONFIG: named = '' } = env
  const usual = named === '' ? CONFIG_PLACES : [named, ...CONFIG_PLACES]
  if (usual.some((path) => resolve(cwd, path) === config)) return config
  throw new BackupError(
    `${file} is of ${config}, where Homeport does not look from here`,
    `say where it goes: ${homeportCommand('restore', { config }, file)}`,
    2,
  )
}

function dataDirOf(
  file: string,
  place: {
    readonly header: BackupHeader
    readonly options: PlaceOptions
    readonly io: CommandIo
    readonly configFile: string
  },
): string {
  const { header, options, io, configFile } = place
  if (options.dataDir !== undefined) return resolve(io.cwd, options.dataDir)
  const { dataDir, dataDirAsWritten: written } = header
  if (!written.startsWith('/') && !written.split('/').includes('..')) return resolve(dirname(configFile), written)
  if (dataDir === PACKAGE_DATA_DIR) return dataDir
  throw new BackupError(
    `the data-dir in ${file} is ${dataDir}, which is not where the package keeps it`,
    `say where it goes: ${homeportCommand('restore', { config: configFile, 'data-dir': dataDir }, file)}`,
    2,
  )
}

/** Where a file or directory of the backup goes. */
export function targetOf({ name }: BackupEntry, places: RestorePlaces, header: BackupHeader): string {
  const found = placeOfName(name)
  if (found === undefined) throw new TypeError('unreachable: names were checked')
  const { place, path } = found
  if (place === 'data') return join(places.dataDir, path)
  if (place === 'outside') return join(places.outside, path)
  return path === basename(header.config) ? places.configFile : join(dirname(places.configFile), path)
}
