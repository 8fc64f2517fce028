import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hashPassword } from '../../e2e/parts/sshd.js'

const noChroot = fileURLToPath(new URL('../../.build/no-chroot.so', import.meta.url))

/** Users of this machine that exist for some programs alone. */
export interface Accounts {
  /** Environment of those programs: nss_wrapper and uid_wrapper, as in prepareSshd. */
  readonly environment: Readonly<Record<string, string>>
  /** Where all of them are at home. */
  readonly home: string
}

export async function makeAccounts(options: {
  readonly directory: string
  readonly users: readonly string[]
  readonly password: string
  readonly authorizedKeys: readonly string[]
  /** Login shell, a path. */
  readonly shell?: string
  readonly preload?: readonly string[]
}): Promise<Accounts> {
  const { directory, users, password, authorizedKeys, shell = '/bin/sh', preload = [] } = options
  const home = join(directory, 'home')
  const file = (name: string): string => join(directory, name)
  await chmod(directory, 0o755)
  await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 })
  await writeFile(join(home, '.ssh/authorized_keys'), authorizedKeys.map((line) => `${line}\n`).join(''), {
    mode: 0o600,
  })
  // Whoever runs this owns the files, and so the users are that one.
  const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const hash = await hashPassword(password)
  const passwd = [
    'sshd:x:103:65534::/run/sshd:/usr/sbin/nologin',
    ...users.map((name) => `${name}:x:${uid}:${gid}::${home}:${shell}`),
  ]
  await writeFile(file('passwd'), ['root:x:0:0::/root:/bin/sh', ...passwd, ''].join('\n'))
  await writeFile(file('group'), `root:x:0:\nnogroup:x:65534:\n`)
  await writeFile(file('shadow'), users.map((name) => `${name}:${hash}:19000:0:99999:7:::\n`).join(''))
  return {
    home,
    environment: {
      LD_PRELOAD: ['libnss_wrapper.so', 'libuid_wrapper.so', ...preload, noChroot].join(' '),
      NSS_WRAPPER_PASSWD: file('passwd'),
      NSS_WRAPPER_GROUP: file('group'),
      NSS_WRAPPER_SHADOW: file('shadow'),
      UID_WRAPPER: '1',
      UID_WRAPPER_ROOT: '1',
    },
  }
}
