import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from 'dotenv'
import { parseYaml } from '../../config/yaml/yaml-syntax.js'
import { summaryOfStore } from '../../store/sqlite/sqlite-copy.js'
import { STORE_FILE } from '../../store/sqlite/sqlite-store.js'

/**
 * Whether a file is of no more worth than the package's own sample: a configuration that says nothing but where
 * data-dir is, a `.env` that sets nothing. On a new machine a backup goes where these are.
 */
export function saysNothing(file: string): boolean {
  if (!/^\.env$|\.ya?ml$/.test(basename(file))) return false
  try {
    const text = readFileSync(file, 'utf8')
    return basename(file) === '.env' ? Object.keys(parse(text)).length === 0 : saysDataDirAlone(text)
  } catch {
    return false
  }
}

function saysDataDirAlone(text: string): boolean {
  const yaml = parseYaml(text)
  if (!yaml.ok) return false
  const value: unknown = yaml.document.toJS()
  if (value === null) return true
  return typeof value === 'object' && Object.keys(value).every((key) => key === 'data-dir')
}

/** What a bridge makes in a new data-dir by itself; a CA, secrets and transcripts are somebody's. */
const OF_A_NEW_BRIDGE = [
  /^homeport\.(?:sock|db(?:-wal|-shm|-journal|\.lock(?:-journal)?)?)$/,
  /^ssh_host_\w+_key$/,
  /^http\.(?:crt|key)$/,
  /^record\.(?:jsonl|db(?:-wal|-shm|-journal)?)$/,
  /^lost\+found$/,
]

/** Whether nothing was decided in a data-dir: its store is there, and knows no device and no token. */
export function knowsNothing(dataDir: string): boolean {
  const store = join(dataDir, STORE_FILE)
  const isOwn = (name: string): boolean => OF_A_NEW_BRIDGE.some((pattern) => pattern.test(name))
  try {
    return existsSync(store) && readdirSync(dataDir).every(isOwn) && summaryOfStore(store).isEmpty
  } catch {
    return false
  }
}
