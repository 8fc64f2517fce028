import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { waitFor } from '../parts/wait-for.js'
import type { RunningBridge } from './bridge.js'

/** A line of the bridge's audit log. */
export type AuditLine = Readonly<Record<string, unknown>> & { readonly time: string; readonly event: string }

/** The file of a bridge's audit log, unless its configuration names another. */
export function auditFileOf(bridge: RunningBridge): string {
  return join(bridge.directory, 'data', 'record.jsonl')
}

/**
 * All lines of an audit log, the oldest first, from all its files as they were at one moment: a rotation meanwhile gives
 * files other names. Fails on a line that is not whole.
 */
export async function auditLines(file: string): Promise<readonly AuditLine[]> {
  for (let before = await filesOf(file); ; ) {
    const texts = await Promise.all(before.map(({ path }) => readFile(path, 'utf8')))
    const after = await filesOf(file)
    if (JSON.stringify(after) === JSON.stringify(before)) return texts.flatMap(linesIn)
    before = after
  }
}

/** The files of an audit log, the oldest first, and what tells whether one of them is still the same. */
async function filesOf(file: string) {
  const age = (name: string): number => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0)
  const names = (await readdir(dirname(file))).filter((name) => name.startsWith(basename(file)))
  return Promise.all(
    names
      .toSorted((a, b) => age(b) - age(a))
      .map(async (name) => {
        const path = join(dirname(file), name)
        const { ino, size } = await stat(path)
        return { path, ino, size }
      }),
  )
}

function linesIn(text: string): readonly AuditLine[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error(`half a line: ${text.slice(-200)}`)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditLine)
}

/** The same once the audit log satisfies a condition; a line that is being written, or a file that moves meanwhile, does no harm. */
export function auditedOnce(
  file: string,
  what: string,
  enough: (lines: readonly AuditLine[]) => boolean,
): Promise<readonly AuditLine[]> {
  return waitFor(
    what,
    async () => {
      const lines = await auditLines(file).catch(() => [])
      return enough(lines) ? lines : undefined
    },
    20_000,
  )
}
