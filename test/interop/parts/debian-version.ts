import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** The version of a Debian package that is installed, without epoch, revision, and what Debian has repacked. */
export async function versionOf(debianPackage: string): Promise<string> {
  const { stdout } = await promisify(execFile)('dpkg-query', ['-W', '-f', '${Version}', debianPackage])
  return stdout
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace(/\+.*$/, '')
}
