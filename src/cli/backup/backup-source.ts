import { hostname } from 'node:os'
import { join } from 'node:path'
import { version } from '../../app/package-info.js'
import type { ConfigFiles } from '../../config/config-files.js'
import { copyDatabase, summaryOfStore } from '../../store/sqlite/sqlite-copy.js'
import { failureOf } from '../../store/sqlite/sqlite-failure.js'
import { STORE_FILE } from '../../store/sqlite/sqlite-store.js'
import { BackupError } from './backup-error.js'
import { BACKUP_FORMAT } from './backup-format.js'
import type { FilesToBackUp, FileToBackUp } from './files-to-back-up.js'
import { holdAuditLog } from './hold-audit-log.js'
import { readOwnerNames } from './owner-names.js'
import type { ArchiveOptions } from './write-archive.js'

/**
 * Makes what moves stand still, and says what the archive is made of: databases are copied into the workshop, and the
 * audit log is opened before it is renamed. Throws `BackupError`.
 */
export async function backupSource(
  { files, auditLog }: FilesToBackUp,
  options: { readonly config: ConfigFiles; readonly audit: boolean; readonly workshop: string },
): Promise<ArchiveOptions> {
  const { config, audit, workshop } = options
  const copies = new Map<FileToBackUp, string>()
  for (const file of files.filter(({ isDatabase }) => isDatabase))
    copies.set(file, databaseCopy(file, join(workshop, `${copies.size}.db`)))
  const held = auditLog === undefined ? [] : await holdAuditLog(auditLog)
  const store = files.find(({ name }) => name === `data/${STORE_FILE}`)
  const { file, dataDir, dataDirAsWritten } = config
  return {
    header: {
      format: BACKUP_FORMAT,
      homeport: version,
      schema: store === undefined ? 0 : summaryOfStore(copies.get(store) ?? store.path).schema,
      made: new Date().toISOString(),
      host: hostname(),
      config: file,
      dataDir,
      dataDirAsWritten,
      audit,
    },
    files: [...files.filter(({ name }) => !isOfLog(name, auditLog)), ...held.map((one) => one.file)],
    bytesOf: (one) => copies.get(one) ?? one.path,
    held: new Map(held.map((one) => [one.file.name, one.handle])),
    owners: readOwnerNames(),
  }
}

/** Whether a name is that of the audit log or of one of its older files. */
function isOfLog(name: string, log: FileToBackUp | undefined): boolean {
  return log !== undefined && name.startsWith(log.name) && /^(?:\.\d+)?$/.test(name.slice(log.name.length))
}

function databaseCopy(file: FileToBackUp, to: string): string {
  try {
    copyDatabase(file.path, to)
    return to
  } catch (error) {
    const failure = failureOf(error, file.path)
    if (failure === undefined) throw error
    throw new BackupError(`${failure.message}, so it cannot be copied`, failure.hint)
  }
}
