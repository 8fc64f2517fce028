import { EventEmitter, once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type WatchedFiles, type WatchTimes, watchFiles } from '../../src/lib/watch-files.js'

let directory = ''
let watched: WatchedFiles | undefined
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'homeport-watch-'))
})
afterEach(() => {
  watched?.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Watches a file of the directory; `change` settles at the next change that is told, and `count` is how many were. */
function watching(
  names: string | readonly string[],
  times: WatchTimes = { settle: 20, stallTimeout: 200, poll: 3_600_000 },
) {
  const changes = new EventEmitter()
  let count = 0
  watched = watchFiles(
    [names].flat().map(at),
    () => {
      count += 1
      changes.emit('change')
    },
    times,
  )
  return { change: () => once(changes, 'change'), count: () => count }
}

const at = (name: string): string => join(directory, name)

describe('a watched file', () => {
  it('is told of when it is written, replaced, removed and there again', async () => {
    writeFileSync(at('users.yaml'), '1')
    const { change, count } = watching('users.yaml')
    let changed = change()
    writeFileSync(at('users.yaml'), '2')
    await changed
    changed = change()
    writeFileSync(at('.users.yaml.swp'), '3')
    renameSync(at('.users.yaml.swp'), at('users.yaml'))
    await changed
    changed = change()
    rmSync(at('users.yaml'))
    await changed
    changed = change()
    writeFileSync(at('users.yaml'), '3')
    await changed
    expect(count()).toBe(4)
  })

  it('is told of when a ConfigMap swaps the link beside it', async () => {
    for (const generation of ['one', 'two']) {
      mkdirSync(at(generation))
      writeFileSync(at(`${generation}/users.yaml`), generation)
    }
    symlinkSync('one', at('..data'))
    symlinkSync('..data/users.yaml', at('users.yaml'))
    const { change } = watching('users.yaml')
    const changed = change()
    symlinkSync('two', at('..data_tmp'))
    renameSync(at('..data_tmp'), at('..data'))
    await changed
  })

  it('is not told of when something else in the directory changes, or its content is the same', async () => {
    writeFileSync(at('users.yaml'), '1')
    const { change, count } = watching('users.yaml')
    writeFileSync(at('other'), 'x')
    writeFileSync(at('users.yaml'), '1')
    const changed = change()
    writeFileSync(at('users.yaml'), '2')
    await changed
    expect(count()).toBe(1)
  })

  it('is told of once for many writes, and in time although there is no end of them', async () => {
    writeFileSync(at('users.yaml'), '')
    const { change, count } = watching('users.yaml', { settle: 50, stallTimeout: 300, poll: 3_600_000 })
    const changed = change()
    const began = performance.now()
    const writing = setInterval(() => appendFileSync(at('users.yaml'), 'x'), 5)
    await changed
    clearInterval(writing)
    expect(count()).toBe(1)
    expect(performance.now() - began).toBeGreaterThan(200)
  })

  it('is found in a directory that took the place of the watched one', async () => {
    mkdirSync(at('etc'))
    writeFileSync(at('etc/users.yaml'), '1')
    const { change } = watching('etc/users.yaml', { settle: 20, stallTimeout: 200, poll: 50 })
    let changed = change()
    mkdirSync(at('etc.new'))
    writeFileSync(at('etc.new/users.yaml'), '2')
    renameSync(at('etc'), at('etc.old'))
    renameSync(at('etc.new'), at('etc'))
    await changed
    changed = change()
    writeFileSync(at('etc/users.yaml'), '3')
    await changed
  })

  it('is found where the file system tells nothing, by looking', async () => {
    // Through a link: what changes is in a directory that is not watched.
    mkdirSync(at('elsewhere'))
    writeFileSync(at('elsewhere/users.yaml'), '1')
    symlinkSync('elsewhere/users.yaml', at('users.yaml'))
    const { change } = watching('users.yaml', { settle: 20, stallTimeout: 200, poll: 50 })
    const changed = change()
    writeFileSync(at('elsewhere/users.yaml'), '2')
    await changed
  })

  it('may not be there yet, nor its directory', async () => {
    const { change } = watching('later/users.yaml', { settle: 20, stallTimeout: 200, poll: 50 })
    const changed = change()
    mkdirSync(at('later'))
    writeFileSync(at('later/users.yaml'), '1')
    await changed
  })

  it('may be one of several, in directories of their own', async () => {
    mkdirSync(at('keys'))
    writeFileSync(at('cert.pem'), '1')
    writeFileSync(at('keys/key.pem'), '1')
    const { change } = watching(['cert.pem', 'keys/key.pem'])
    for (const name of ['keys/key.pem', 'cert.pem']) {
      const changed = change()
      writeFileSync(at(name), '2')
      await changed
    }
  })
})
