import { constants, type StatsFs } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { shellWord } from '../../../lib/shell-word.js'
import { MAY, obstacleFor } from '../../../config/account.js'
import { failed, type Finding, notChecked, onlyForRoot, orWell, warning } from '../finding.js'
import { type Patient, usableConfig } from '../patient.js'
import { accountOfBridge } from './files.js'

type FreeSpace = Pick<StatsFs, 'bavail' | 'bsize' | 'files' | 'ffree'>

const MEBIBYTE = 1024 * 1024
/** Bytes, below which there is no room for a day's audit log, and for nothing. */
const [LITTLE_ROOM, NO_ROOM] = [512 * MEBIBYTE, 32 * MEBIBYTE]

/** Is there a data-dir, may the bridge write to it, and is there room? */
export async function checkDataDir(patient: Patient): Promise<readonly Finding[]> {
  const { bridge, elsewhere } = patient
  const running = bridge.answers ? bridge.facts?.process?.dataDir : undefined
  const dataDir = elsewhere ? undefined : (running ?? usableConfig(patient)?.dataDir)
  if (dataDir === undefined)
    return [notChecked(elsewhere ? 'the bridge runs elsewhere' : 'no configuration that can be read names it')]
  const found = await stat(dataDir).catch((error: NodeJS.ErrnoException) => error.code ?? String(error))
  if (found === 'ENOENT') {
    const make = `sudo install -d -m 700 -o homeport -g homeport ${shellWord(dataDir)}`
    return [warning(`${dataDir} is not there yet`, `serve makes it where it may; else: ${make}`)]
  }
  if (typeof found === 'string') return [onlyForRoot(`${dataDir} cannot be looked at (${found})`)]
  const findings = [...(await writable(dataDir, patient)), ...roomOf(dataDir, await statfs(dataDir))]
  return orWell(findings, `${dataDir}: writable, ${await freeIn(dataDir)} free`)
}

async function writable(dataDir: string, patient: Patient): Promise<readonly Finding[]> {
  const account = accountOfBridge(patient)
  const give = `sudo chown ${account?.name ?? 'homeport'} ${shellWord(dataDir)}`
  const hint = `${give}; on a read-only file system name another data-dir`
  try {
    // A file system that is mounted read-only is so for everybody.
    if (account === undefined || process.getuid?.() === account.uid || process.getuid?.() === 0)
      await access(dataDir, constants.W_OK)
    if (account === undefined) return []
    const obstacle = await obstacleFor(account, dataDir, MAY.write | MAY.search)
    if (obstacle === undefined) return []
    return [failed(`${dataDir}: ${account.name}, as whom the bridge runs, may not write to it`, hint)]
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EROFS' || code === 'EACCES') return [failed(`${dataDir} cannot be written (${code})`, hint)]
    return [onlyForRoot(`${dataDir}: its permissions cannot be seen (${code ?? String(error)})`)]
  }
}

/** Whether a file system has room for what the bridge writes; one that counts no files has no bound on them. */
export function roomOf(dataDir: string, { bavail, bsize, files, ffree }: FreeSpace): readonly Finding[] {
  const hint = 'make room, move data-dir, or have less audited (`audit` in the configuration)'
  if (files > 0 && ffree < 100) return [failed(`${dataDir}: its file system has no room for another file`, hint)]
  const free = bavail * bsize
  if (free >= LITTLE_ROOM) return []
  const message = `${dataDir}: only ${inMebibytes(free)} are free; without room sessions are refused`
  return [free < NO_ROOM ? failed(message, hint) : warning(message, hint)]
}

async function freeIn(dataDir: string): Promise<string> {
  const { bavail, bsize } = await statfs(dataDir)
  return inMebibytes(bavail * bsize)
}

function inMebibytes(bytes: number): string {
  return bytes < 10_240 * MEBIBYTE
    ? `${Math.floor(bytes / MEBIBYTE)} MiB`
    : `${Math.floor(bytes / MEBIBYTE / 1024)} GiB`
}
