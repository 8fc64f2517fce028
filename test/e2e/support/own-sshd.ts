import { makeSshKey, type SshKey } from '../parts/ssh-keys.js'
import { type ListeningSshd, listeningSshd } from './certificate-peers.js'

/** The account of a person on the device itself. */
export const person = 'noc1'

/** A device's own SSH server on a port of its loopback, with a host key of its own and an account for `noc1` alone. */
export async function startOwnSshd(
  directory: string,
  userKey: Pick<SshKey, 'publicKey'>,
  subsystems: Readonly<Record<string, string>> = {},
): Promise<ListeningSshd & { readonly hostKey: SshKey }> {
  const hostKey = await makeSshKey(directory, 'ed25519', 'own_host_key')
  const sshd = await listeningSshd({
    hostKeys: [hostKey],
    login: { user: person, authorizedKeys: [userKey.publicKey] },
    subsystems: { sftp: 'exec /usr/lib/openssh/sftp-server', ...subsystems },
  })
  return { ...sshd, hostKey }
}

/**
 * A configuration of OpenSSH for `bridge`, and for own ports of devices behind it: the host keys of the bridge and of
 * the device's own sshd are all that it believes.
 */
export function ownPortsConfig(options: {
  readonly bridgePort: number
  readonly user: string
  readonly key: SshKey
  readonly knownHosts: string
}): string {
  return `Host bridge
    HostName 127.0.0.1
    Port ${options.bridgePort}
    User ${options.user}
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
Host self.*
    User ${person}
    StrictHostKeyChecking yes
    UserKnownHostsFile ${options.knownHosts}
Host *
    IdentityFile ${options.key.path}
    IdentitiesOnly yes
    IdentityAgent none
    GlobalKnownHostsFile /dev/null
    BatchMode yes
    LogLevel INFO
`
}
