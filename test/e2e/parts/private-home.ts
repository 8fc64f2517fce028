import { writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'

/**
 * Environment variables that make `dir` the home directory of a program, also of one that asks the user database
 * instead of HOME: yuma123's programs would otherwise keep their state in the real home of whoever runs the tests.
 */
export async function privateHome(dir: string): Promise<Readonly<Record<string, string>>> {
  const passwd = join(dir, 'passwd')
  const { uid, gid, username } = userInfo()
  await writeFile(passwd, `${username}:x:${uid}:${gid}::${dir}:/bin/sh\n`)
  return { HOME: dir, LD_PRELOAD: 'libnss_wrapper.so', NSS_WRAPPER_PASSWD: passwd, NSS_WRAPPER_GROUP: '/etc/group' }
}
