import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import {
  hintForCommands,
  optionsInsteadOfFields,
  unknownDeviceIn,
  withNearestId,
} from '../../../src/cli/operator/in-words-of-commands.js'

it('a hint names the command, and not the call of the API that it is', () => {
  expect(hintForCommands('check the spelling; GET /api/v1/devices (homeport devices list) has all of them')).toBe(
    'check the spelling; homeport devices list has all of them',
  )
  expect(hintForCommands('see /openapi.json')).toBeUndefined()
  expect(hintForCommands('try again')).toBe('try again')
  expect(hintForCommands(undefined)).toBeUndefined()
})

it('so does every hint of the program that names both', () => {
  const source = fileURLToPath(new URL('../../../src', import.meta.url))
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const both = files
    .map((name) => readFileSync(join(source, name), 'utf8'))
    .flatMap((text) => [...text.matchAll(/'[^'\n]*(?:GET|POST) \/api\/v1\/[^'\n]*\(homeport[^'\n]*'/g)])
    .map(([hint]) => hint)
  expect(both.length).toBeGreaterThan(2)
  for (const hint of both) expect(hintForCommands(hint)).not.toContain('/api/v1')
})

it('a parameter is called by its option', () => {
  expect(optionsInsteadOfFields('#/sort: is none; #/last-seen: #/x: is odd')).toBe(
    '--sort: is none; --last-seen: #/x: is odd',
  )
})

it('the id that was most likely meant is offered, where the device is one that nobody knows', () => {
  const failure = { message: 'no device "rooter/1" is known here', status: 1 } as const
  expect(unknownDeviceIn('/api/v1/devices/rooter%2F1/get-config?timeout=1', failure)).toBe('rooter/1')
  expect(unknownDeviceIn('/api/v1/devices', failure)).toBeUndefined()
  expect(unknownDeviceIn('/api/v1/devices/x', { ...failure, message: 'it waits' })).toBeUndefined()
  expect(withNearestId(failure, 'rooter/1', ['switch', 'router/1']).message).toBe(
    'no device "rooter/1" is known here; did you mean router/1?',
  )
  expect(withNearestId(failure, 'rooter/1', ['switch'])).toBe(failure)
})
