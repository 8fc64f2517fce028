import { execFileSync } from 'node:child_process'

/**
 * The time that packages bear, so that the same source gives the same package: SOURCE_DATE_EPOCH
 * (reproducible-builds.org), else that of the last commit, else now.
 */
export function timeOfSource(root: string): Date {
  const asked = process.env['SOURCE_DATE_EPOCH'] ?? commitTime(root)
  return asked === undefined ? new Date() : new Date(Number(asked) * 1000)
}

function commitTime(root: string): string | undefined {
  try {
    return execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    // An unpacked archive has no history.
    return undefined
  }
}
