import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONFIG_PLACES, findConfigFile } from '../../src/config/find-config.js'
import { loadConfig } from '../../src/config/load.js'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'homeport-find-'))
  for (const folder of ['config', 'etc']) mkdirSync(join(cwd, folder))
})
afterEach(() => rmSync(cwd, { recursive: true }))

/** As the usual places are, with one in this directory for the one in /etc. */
const places = () => [...CONFIG_PLACES.slice(0, 2), join(cwd, 'etc/homeport.yaml')]
const find = (env: Readonly<Record<string, string>> = {}, path?: string) =>
  findConfigFile({ path, cwd, env, places: places() })

describe('the configuration file', () => {
  it('is the first that is there, from the working directory to that of the system', () => {
    expect(CONFIG_PLACES).toEqual(['config/homeport.yaml', 'homeport.yaml', '/etc/homeport/homeport.yaml'])
    for (const file of places().toReversed()) {
      writeFileSync(join(file.startsWith('/') ? '/' : cwd, file), '')
      expect(find()).toEqual({ ok: true, file })
    }
  })

  it('is another one that HOMEPORT_CONFIG names, and before all that --config names, there or not', () => {
    writeFileSync(join(cwd, 'homeport.yaml'), '')
    expect(find({ HOMEPORT_CONFIG: '' })).toEqual({ ok: true, file: 'homeport.yaml' })
    expect(find({ HOMEPORT_CONFIG: 'b.yaml' })).toEqual({ ok: true, file: 'b.yaml', namedBy: 'HOMEPORT_CONFIG' })
    expect(find({ HOMEPORT_CONFIG: 'b.yaml' }, 'a.yaml')).toEqual({ ok: true, file: 'a.yaml', namedBy: '--config' })
    expect(loadConfig({ cwd, env: { HOMEPORT_CONFIG: 'b.yaml' }, places: places() })).toMatchObject({
      ok: false,
      problems: [
        { file: 'b.yaml', message: 'there is no such file', hint: expect.stringContaining('HOMEPORT_CONFIG') },
      ],
    })
  })

  it('is told to be nowhere, with all the places where it was looked for', () => {
    const loaded = loadConfig({ cwd, env: {}, places: places() })
    expect(loaded).toMatchObject({ ok: false, problems: [{ file: 'homeport', key: '' }] })
    const [problem] = loaded.ok ? [] : loaded.problems
    for (const place of ['config/homeport.yaml', 'homeport.yaml', 'etc/homeport.yaml'])
      expect(problem?.message).toContain(join(cwd, place))
    expect(problem?.hint).toContain('--config')
  })

  it('that cannot be looked at is not passed over for another one', () => {
    symlinkSync('homeport.yaml', join(cwd, 'config/homeport.yaml'))
    writeFileSync(join(cwd, 'homeport.yaml'), '')
    expect(find()).toEqual({ ok: true, file: 'config/homeport.yaml' })
    expect(loadConfig({ cwd, env: {}, places: places() })).toMatchObject({
      ok: false,
      problems: [{ file: 'config/homeport.yaml', message: 'cannot be read (ELOOP)' }],
    })
  })

  it('may be empty, which is a configuration', () => {
    writeFileSync(join(cwd, 'homeport.yaml'), '')
    expect(loadConfig({ cwd, env: {}, places: places() })).toMatchObject({ ok: true, file: 'homeport.yaml' })
  })
})
