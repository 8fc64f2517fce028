import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { keeperOf, startCommand } from '../../src/cli/where-it-runs.js'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'homeport-keeper-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const put = (path: string, text = ''): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

it('a bridge is kept by systemd where its process is in the unit, whatever else is installed', () => {
  put('usr/lib/systemd/system/homeport.service')
  put('run/systemd/system/x')
  put('proc/7/cgroup', '0::/system.slice/homeport.service\n')
  put('proc/8/cgroup', '0::/user.slice/user-1000.slice/session-1.scope\n')
  expect(keeperOf(7, root)).toBe('systemd')
  expect(keeperOf(8, root)).toBe('nobody')
  expect(keeperOf(undefined, root)).toBe('systemd')
})

it('a unit without systemd keeps nothing, as in a container', () => {
  put('usr/lib/systemd/system/homeport.service')
  expect(keeperOf(undefined, root)).toBe('nobody')
  for (const mark of ['.dockerenv', 'run/.containerenv', 'var/run/secrets/kubernetes.io/x']) {
    put(mark)
    expect(keeperOf(undefined, root), mark).toBe('container')
    expect(keeperOf(1, root), mark).toBe('container')
    rmSync(join(root, mark))
    rmSync(join(root, 'var'), { recursive: true, force: true })
  }
})

it('the bridge of the unit is started by systemctl, any other by homeport serve', () => {
  expect(startCommand(true, root)).toBe('homeport serve')
  put('usr/lib/systemd/system/homeport.service')
  put('run/systemd/system/x')
  expect(startCommand(true, root)).toBe('sudo systemctl start homeport')
  expect(startCommand(false, root)).toBe('homeport serve')
})
