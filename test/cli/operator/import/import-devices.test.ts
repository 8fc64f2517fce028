import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bridgeSocketIn } from '../../../../src/app/bridge-socket.js'
import { devicesCommand } from '../../../../src/cli/operator/devices.js'
import { createFleetEmitter } from '../../../../src/fleet/fleet-emitter.js'
import { type EnrolmentService, createEnrolmentService } from '../../../../src/fleet/enrolment/enrolment-service.js'
import { createLocalFleet } from '../../../../src/fleet/local-fleet.js'
import { createApp } from '../../../../src/northbound/http/app.js'
import { directoryOf } from '../../../../src/northbound/device-directory.js'
import { operatorCaller } from '../../../../src/northbound/http/middleware/caller.js'
import { serveOnSocket } from '../../../../src/northbound/http/server/unix-socket.js'
import { openSqliteStore } from '../../../../src/store/sqlite/sqlite-store.js'
import { limits } from '../../../fleet/support/test-fleet.js'
import { fleetInMemory } from '../../../northbound/http/fleet-in-memory.js'
import { recordedLog } from '../../../northbound/http/recorded-log.js'
import { recordedIo } from '../../recorded-io.js'

const ED = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ'
const OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'

let cwd = ''
let enrolments: EnrolmentService
const toClose: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'homeport-import-')))
  const opened = await openSqliteStore({ directory: cwd, touchInterval: 60_000, onProblem: () => undefined })
  if (!opened.ok) throw new Error(opened.failure.message)
  toClose.push(() => opened.store.close())
  const fleet = createLocalFleet({ devices: [], limits })
  enrolments = await createEnrolmentService({
    store: opened.store,
    events: createFleetEmitter(),
    configured: [{ id: 'in-file', aliases: [], labels: {}, maxSessions: 1, pins: [] }],
    limits: { maxPending: 10, maxPendingPerSource: 10, pendingLifetime: 1_000_000, pendingTimeout: 1_000 },
    linkBounds: { maxSessions: 10 },
    added: fleet.add,
    relabelled: fleet.change,
    changed: () => undefined,
    left: () => undefined,
    onStoreProblem: ({ message }) => {
      throw new Error(message)
    },
  })
  const { log } = recordedLog()
  const identify = () => ({ ok: true as const, caller: operatorCaller(directoryOf(fleet, enrolments)) })
  const app = createApp({ ...fleetInMemory({}), fleet, enrolments, identify, log })
  const serving = await serveOnSocket(app, { path: bridgeSocketIn(cwd), log })
  if (!serving.ok) throw new Error(serving.failure.message)
  toClose.push(() => serving.served.close())
})
afterEach(async () => {
  for (const close of toClose.splice(0).toReversed()) await close()
  rmSync(cwd, { recursive: true })
})

async function importing(text: string, ...args: readonly string[]) {
  const name = args.includes('--yaml') ? 'fleet.yaml' : 'fleet.csv'
  writeFileSync(join(cwd, name), text)
  const { io, output } = recordedIo({ cwd })
  const options = args.filter((arg) => arg !== '--yaml')
  const words = ['import', name, '--socket', bridgeSocketIn(cwd), ...options]
  await devicesCommand(io).parseAsync(words, { from: 'user' })
  const { stdout, stderr, status } = output
  return { stdout, stderr, status }
}

describe('devices import', () => {
  const csv = [
    'id,host-key,labels,label:rack,vendor',
    `r1,${ED},site=tokyo;role=pe,7,junos`,
    '東京,,,,',
    '"r,2",,site=osaka,,',
    '',
  ].join('\n')

  it('enrols the devices of a CSV file, with host keys and labels, and may be repeated', async () => {
    expect(await importing(csv, '--dry-run')).toEqual({
      stdout: [
        'would be added  r1',
        'would be added  東京',
        'would be added  r,2',
        'would be added: 3, changed: 0, unchanged: 0',
        '',
      ].join('\n'),
      stderr: '',
      status: 0,
    })
    expect(await enrolments.get('r1')).toBeUndefined()
    expect((await importing(csv)).stdout).toMatch(/\nadded: 3, changed: 0, unchanged: 0\n$/)
    expect(await enrolments.get('r1')).toMatchObject({
      standing: 'approved',
      pins: [{ type: 'ssh-ed25519', by: 'operator' }],
      labels: { site: 'tokyo', role: 'pe', rack: '7' },
      vendor: 'junos',
    })
    expect((await importing(csv)).stdout).toBe('added: 0, changed: 0, unchanged: 3\n')
    expect((await importing(csv.replace('role=pe', 'role=ce'))).stdout).toBe(
      'changed  r1\nadded: 0, changed: 1, unchanged: 2\n',
    )
    expect(enrolments.devices()).toContainEqual(
      expect.objectContaining({ id: 'r1', labels: { site: 'tokyo', role: 'ce', rack: '7' } }),
    )
  })

  it('takes YAML as under devices of the configuration, and prints it', async () => {
    const yaml = `devices:\n  - id: r1\n    host-keys: ["${ED}"]\n    secret: 's$1'\n    labels: { site: tokyo }\n  - id: 42\n`
    expect(await importing(yaml, '--yaml')).toMatchObject({ stderr: '', status: 0 })
    expect(await enrolments.get('r1')).toMatchObject({ hasSecret: true, labels: { site: 'tokyo' } })
    expect(await enrolments.get('42')).toMatchObject({ standing: 'approved' })
    const { stdout } = await importing(yaml, '--yaml', '--stanzas')
    expect(stdout).toContain('secret: s$$1')
    expect(stdout).toContain('- id: "42"')
  })

  it('enrols none where one is wrong in the file, and names the lines, never a secret', async () => {
    const wrong = [
      'id,host-key,secret,labels',
      'r1,,hunter2,site=tokyo',
      'r1,,,',
      'a@b,,,',
      'r3,ssh-ed25519 hunter2,,',
      'r4,,,=x',
      'r5,,hunter2',
      '',
    ].join('\n')
    expect((await importing(wrong)).stderr).toMatch(
      /^homeport: nothing was imported: one fault in fleet.csv\nfleet.csv:7: 3 fields/,
    )
    const { stdout, stderr, status } = await importing(wrong.replace('\nr5,,hunter2', ''))
    expect(stderr.split('\n').slice(0, -1)).toEqual([
      'homeport: nothing was imported: 4 faults in fleet.csv',
      'fleet.csv:3: "r1" stands in line 2 already',
      'fleet.csv:4: "a@b": a device id has no `@`',
      expect.stringMatching(/^fleet\.csv:5: "r3": host-keys: /),
      'fleet.csv:6: "r4": label "" has no name: write name=value',
    ])
    expect([stdout, status]).toEqual(['', 2])
    expect(stdout + stderr).not.toContain('hunter2')
    expect(await enrolments.get('r1')).toBeUndefined()
  })

  it('enrols none where the bridge refuses one, and names its line', async () => {
    await importing(`id,host-key\nbound,${ED}\n`)
    const refused = await importing(`id,host-key\nnew,\nin-file,\nbound,${OTHER}\n`)
    expect(refused.stderr.split('\n')).toEqual([
      'homeport: nothing was imported: 2 faults in fleet.csv',
      'fleet.csv:3: "in-file" stands in the configuration file, which decides for it',
      'fleet.csv:4: "bound" is bound to another host key: homeport devices forget bound to begin anew',
      '',
    ])
    expect(refused.status).toBe(1)
    expect(await enrolments.get('new')).toBeUndefined()
  })

  it.each([
    ['ids\nr1\n', /fleet\.csv:1: unknown: `ids`; do you mean `id`\?\n.*no column `id`/],
    ['id,aliases\nr1,x\n', /fleet\.csv:1: only the configuration file can hold `aliases`/],
    ['id\n', /there are no devices in it/],
    ['id\n"r1\n', /fleet\.csv:2: a quote/],
    ['id,__proto__\nr1,x\n', /unknown: `__proto__`/],
    ['id,labels\nr1,oops\n', /"r1": label "oops" has no value: write name=value/],
    ['id,label:__proto__\nr1,x\n', /label "__proto__": it is not `__proto__`/],
    ['id,secret\nr1,${S}\n', /variables are not filled in here/],
  ])('says what is wrong with %j', async (text, stderr) => {
    expect(await importing(text)).toMatchObject({ status: 2, stderr: expect.stringMatching(stderr) })
  })

  it.each([
    ['- r1\n', /fleet\.yaml:1: expected a device with an `id`/],
    ['devices: x\n', /expected a list of devices/],
    ['- id: r1\n  endpoint: { port: 1 }\n', /only the configuration file can hold `endpoint`/],
    ['- id: r1\n  labels: [a]\n', /"r1": labels: expected names and values/],
    ['- {id: r1\n', /fleet\.yaml:/],
    ['- id: r1\n  id: r2\n', /fleet\.yaml:2: Map keys must be unique/],
  ])('says what is wrong with %j as YAML', async (text, stderr) => {
    expect(await importing(text, '--yaml')).toMatchObject({ status: 2, stderr: expect.stringMatching(stderr) })
  })

  it('brings in a thousand in several calls, and none where the last is wrong', async () => {
    const ids = Array.from({ length: 1_000 }, (_, at) => `router-${at},site=${'x'.repeat(40)}`)
    expect((await importing(['id,labels', ...ids, 'in-file,'].join('\n'))).stderr).toMatch(/fleet\.csv:1002: "in-file"/)
    expect(await enrolments.outlines()).toHaveLength(1)
    expect((await importing(['id,labels', ...ids].join('\n'), '--json')).status).toBe(0)
    expect(await enrolments.outlines()).toHaveLength(1_001)
  })
})
