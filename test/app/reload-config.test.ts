import { expect, it } from 'vitest'
import { createConfigRecord } from '../../src/app/config-record.js'
import { reloadConfig } from '../../src/app/reload-config.js'
import { StartError } from '../../src/app/start-error.js'
import type { LoadedConfig } from '../../src/config/load.js'
import { configOf } from '../config/parse-text.js'
import { recordedLog } from '../northbound/http/recorded-log.js'

const usable: LoadedConfig = {
  ok: true,
  config: configOf('log: { level: info }'),
  file: 'homeport.yaml',
  warnings: [],
  exposed: [],
  sources: new Map(),
}

/** Reloads, and gives the level of the log besides its lines. */
async function reloaded(loaded: LoadedConfig, configure: () => Promise<readonly string[]>) {
  const { log, lines } = recordedLog()
  const record = createConfigRecord('/homeport.yaml', new Map())
  const applied = await reloadConfig({ bridge: { configure }, load: () => loaded, record, log })
  return {
    applied,
    lines: lines().map(({ msg, atNextStart, hint }) => ({ msg, atNextStart, hint })),
    level: log.level,
    ...(await record.facts()),
  }
}

it.each([
  [[], 'configuration reloaded'],
  [['data-dir'], 'configuration reloaded; data-dir changes at the next start'],
  [
    ['endpoint.ssh.port', 'audit.file', 'data-dir'],
    'configuration reloaded; endpoint.ssh.port, audit.file and data-dir change at the next start',
  ],
])('a reload names what waits for a restart: %j', async (waiting, msg) => {
  const { applied, lines, level } = await reloaded(usable, async () => waiting)
  expect(applied).toBe(usable)
  expect(level).toBe('info')
  expect(lines.at(-1)).toMatchObject({ msg, atNextStart: waiting.length === 0 ? undefined : waiting })
})

it('a configuration with problems, or that cannot be applied, is told and changes nothing', async () => {
  const problem = { file: 'homeport.yaml', key: 'lnk', message: 'unknown key', hint: 'link' }
  const withProblems = await reloaded({ ok: false, problems: [problem] }, async () => {
    throw new Error('it is not applied')
  })
  expect(withProblems.applied).toBeUndefined()
  expect(withProblems.lines.map(({ msg }) => msg)).toEqual([
    expect.stringContaining('unknown key'),
    'configuration not reloaded: the bridge goes on with the one it has',
  ])
  expect(withProblems.failedReloads).toMatchObject([
    { what: 'configuration', problems: [{ message: 'homeport.yaml: lnk: unknown key', hint: 'link' }] },
  ])
  const refused = await reloaded(usable, async () => {
    throw new StartError('trust.known-hosts: not to be read', 'give another')
  })
  expect(refused.applied).toBeUndefined()
  expect(refused.level).toBe('debug')
  expect(refused.lines).toMatchObject([
    { msg: 'configuration not reloaded: trust.known-hosts: not to be read', hint: 'give another' },
  ])
})
