import { knownHostsLine } from '../../ssh/known-hosts.js'
import { fingerprintOf, publicKeyLine } from '../../ssh/public-key.js'
import { caFile, readCaPublicKey } from './ca-directory.js'
import type { CommandIo } from '../command-io.js'
import { reportFailure } from '../command-failure.js'

/** Prints what others need to trust the CAs. Their private halves may be elsewhere. */
export async function showCa(directory: string, json: boolean, io: CommandIo): Promise<void> {
  const [host, user] = [await readCaPublicKey(directory, 'host'), await readCaPublicKey(directory, 'user')]
  if (!host.ok) return reportFailure(io, host.problem)
  if (!user.ok) return reportFailure(io, user.problem)
  const cluster = await readCaPublicKey(directory, 'cluster')
  if (!cluster.ok && !cluster.problem.missing) return reportFailure(io, cluster.problem)
  const shown = {
    directory,
    host: {
      publicKey: host.line,
      fingerprint: fingerprintOf(host.key.blob),
      knownHosts: knownHostsLine(['*'], host.key, 'cert-authority'),
    },
    user: {
      publicKey: user.line,
      fingerprint: fingerprintOf(user.key.blob),
      trustedUserCaKeyFile: publicKeyLine(user.key),
    },
    ...(cluster.ok ? { cluster: { publicKey: cluster.line, fingerprint: fingerprintOf(cluster.key.blob) } } : {}),
  }
  if (json) io.stdout.write(`${JSON.stringify(shown)}\n`)
  else
    io.stdout.write(`Host CA, which signs the host keys of devices: ${caFile(directory, 'host')}.pub
  ${host.key.type} ${shown.host.fingerprint}
In known_hosts of whoever connects to them, the bridge too:

${shown.host.knownHosts}

User CA, which signs the keys that log in: ${caFile(directory, 'user')}.pub
  ${user.key.type} ${shown.user.fingerprint}
In the file that Junos trusted-user-ca-key-file or sshd TrustedUserCAKeys names:

${shown.user.trustedUserCaKeyFile}
`)
  if (!json && cluster.ok)
    io.stdout.write(`
Cluster CA, by which nodes know each other: ${caFile(directory, 'cluster')}.pub
  ${cluster.key.type} ${fingerprintOf(cluster.key.blob)}
In the file that cluster.ca of every node names:

${cluster.line}
`)
  io.exit(0)
}
