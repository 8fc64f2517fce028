import { requireSsh2 } from './load.js'

const TESTED_VERSION = '1.17.0'

/** Throws when the installed ssh2 is not the version whose insides are described here. Called once at start. */
export function assertSupportedSsh2(): void {
  const { version } = requireSsh2('ssh2/package.json') as { version: string }
  if (version !== TESTED_VERSION)
    throw new Error(`ssh2 ${version} is installed, but Homeport was built for ssh2 ${TESTED_VERSION}: run \`npm ci\``)
}
