import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { accountNamed, accountOf, MAY, obstacleFor } from '../../src/config/account.js'

let directory = ''
let file = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'homeport-account-'))
  chmodSync(directory, 0o755)
  mkdirSync(join(directory, 'etc'), { mode: 0o755 })
  file = join(directory, 'etc/secret')
  writeFileSync(file, '', { mode: 0o640 })
})
afterEach(() => rmSync(directory, { recursive: true }))

const stranger = { uid: 54_321, gids: new Set([54_321]) }
const member = () => ({ uid: 54_322, gids: new Set([54_321, statSync(file).gid]) })

describe('what an account may do', () => {
  it('is decided by the first class of the mode that it is in', async () => {
    expect(await obstacleFor(stranger, file, MAY.read)).toBe(file)
    expect(await obstacleFor(member(), file, MAY.read)).toBeUndefined()
    expect(await obstacleFor(member(), file, MAY.write)).toBe(file)
    chmodSync(file, 0o604)
    expect(await obstacleFor(stranger, file, MAY.read)).toBeUndefined()
    expect(await obstacleFor(member(), file, MAY.read)).toBe(file)
    const owner = { ...stranger, uid: statSync(file).uid }
    chmodSync(file, 0o066)
    expect(await obstacleFor({ ...owner, uid: owner.uid || 1 }, file, MAY.read)).toBe(
      owner.uid === 0 ? undefined : file,
    )
  })

  it('ends at the first directory on the way that is shut, and is everything for root', async () => {
    chmodSync(file, 0o644)
    chmodSync(join(directory, 'etc'), 0o750)
    expect(await obstacleFor(stranger, file, MAY.read)).toBe(join(directory, 'etc'))
    expect(await obstacleFor(member(), file, MAY.read)).toBeUndefined()
    expect(await obstacleFor({ uid: 0, gids: new Set() }, file, MAY.read)).toBeUndefined()
    await expect(obstacleFor(stranger, join(directory, 'gone'), MAY.read)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is that of a user of this machine, by name or number', () => {
    const { username, uid } = userInfo()
    expect(accountOf(uid)).toMatchObject({ name: username, uid })
    expect(accountNamed(username)).toEqual(accountOf(uid))
    expect(accountNamed('no such user')).toBeUndefined()
    expect(accountOf(54_321)).toEqual({ name: 'uid 54321', uid: 54_321, group: '54321', gids: new Set() })
  })
})
