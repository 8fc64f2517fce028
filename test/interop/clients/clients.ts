import type { ClientPeer } from './client-peer.js'
import { openssh10Client, opensshClient } from './openssh.js'
import {
  asyncsshClient,
  conchClient,
  erlangClient,
  goClient,
  jschClient,
  libssh2Client,
  libsshClient,
  ncclient,
  paramikoClient,
} from './programs.js'
import { dbclient, plink } from './small-clients.js'

/** Every client of SSH that is tried on the endpoint, in the order of the table. */
export const CLIENTS: readonly ClientPeer[] = [
  opensshClient,
  openssh10Client,
  dbclient,
  plink,
  paramikoClient,
  ncclient,
  asyncsshClient,
  conchClient,
  goClient,
  erlangClient,
  libsshClient,
  libssh2Client,
  jschClient,
]
