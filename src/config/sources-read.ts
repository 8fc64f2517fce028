import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { errorCode } from './error-code.js'

/**
 * The files of which something was read, by their absolute paths: of each a digest of its bytes, or the code of why
 * there were none. Digests of secrets are among them, so they stay in the memory of this process.
 */
export type SourcesRead = ReadonlyMap<string, string>

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Those of the files that are no more as they were read; a file that came or went is one of them. */
export async function changedSince(read: SourcesRead): Promise<readonly string[]> {
  const now = await Promise.all([...read.keys()].map(async (file) => [file, await stateOf(file)] as const))
  return now.filter(([file, state]) => read.get(file) !== state).map(([file]) => file)
}

function stateOf(file: string): Promise<string> {
  return readFile(file).then(digestOf, errorCode)
}
