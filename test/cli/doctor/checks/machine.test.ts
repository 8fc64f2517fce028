import { describe, expect, it } from 'vitest'
import { roomOf } from '../../../../src/cli/doctor/checks/data-dir.js'
import { openFiles } from '../../../../src/cli/doctor/checks/open-files.js'
import { ofUnit } from '../../../../src/cli/doctor/checks/service.js'
import { checkVersion } from '../../../../src/cli/doctor/checks/bridge.js'
import { checkClock } from '../../../../src/cli/doctor/checks/clock.js'
import type { Finding } from '../../../../src/cli/doctor/finding.js'
import type { Keeper } from '../../../../src/cli/where-it-runs.js'
import type { Patient } from '../../../../src/cli/doctor/patient.js'

const told = (findings: readonly Finding[]): string =>
  findings.map(({ verdict, message, hint = '' }) => `${verdict}: ${message} → ${hint}`).join('\n')

/** A bridge that says this of itself. */
function answering(facts: object, metrics: readonly (readonly [string, number])[] = []): Patient {
  return {
    bridge: { answers: true, facts, metrics: new Map(metrics), clockAhead: 0 },
    elsewhere: false,
  } as unknown as Patient
}

describe('the unit', () => {
  const unit = (changes: Readonly<Record<string, string>> = {}): string =>
    Object.entries({
      LoadState: 'loaded',
      ActiveState: 'active',
      SubState: 'running',
      Result: 'success',
      NRestarts: '0',
      MainPID: '7',
      UnitFileState: 'enabled',
      ...changes,
    })
      .map((pair) => `${pair.join('=')}\n`)
      .join('')

  it.each<readonly [string, Readonly<Record<string, string>>, number | undefined, RegExp]>([
    ['runs', {}, 7, /^ok: homeport\.service is active \(running\)/],
    ['is not there', { LoadState: 'not-found' }, 7, /^not-checked: there is no unit/],
    [
      'fails again and again',
      { ActiveState: 'activating', SubState: 'auto-restart', Result: 'exit-code', NRestarts: '12' },
      undefined,
      /^failed: .*exit-code, started anew 12 times → journalctl -u homeport/,
    ],
    ['has failed', { ActiveState: 'failed', SubState: 'failed' }, undefined, /^failed: /],
    ['was never started', { ActiveState: 'inactive', SubState: 'dead' }, undefined, /^failed: .*enable --now homeport/],
    ['is stopped while another bridge runs', { ActiveState: 'inactive', SubState: 'dead' }, 9, /^warning: .*process 9/],
    ['runs beside another bridge', {}, 9, /^warning: .*process 7, and it is process 9 that answers/],
    ['is gone at the next boot', { UnitFileState: 'disabled' }, 7, /^warning: .*sudo systemctl enable homeport/],
  ])('%s', (_, changes, pid, expected) => {
    expect(told(ofUnit(unit(changes), pid))).toMatch(expected)
  })
})

describe('room for what the bridge writes', () => {
  const space = { bavail: 1_000_000, bsize: 4096, files: 1000, ffree: 900 }
  it.each<readonly [string, object, RegExp]>([
    ['is there', {}, /^$/],
    ['is there where files are not counted', { files: 0, ffree: 0 }, /^$/],
    ['is little', { bavail: 50_000 }, /^warning: \/d: only 195 MiB are free/],
    ['is not there', { bavail: 1_000 }, /^failed: \/d: only 3 MiB are free/],
    ['is not there for another file', { ffree: 3 }, /^failed: \/d: its file system has no room for another file/],
  ])('%s', (_, changes, expected) => {
    expect(told(roomOf('/d', { ...space, ...changes }))).toMatch(expected)
  })
})

describe('open files', () => {
  it('are enough, too few for the bounds, or nearly all taken', () => {
    const files = (limit: number | null, open: number, keeper: Keeper = 'systemd'): string =>
      told(openFiles(answering({ openFiles: { limit, wanted: 20_000 } }, [['process_open_fds', open]]), keeper))
    expect(files(524_288, 40)).toBe('ok: 40 of 524288; 20000 are wanted at most → ')
    expect(files(1024, 40)).toMatch(/^warning: it may open 1024 files.* come to 20000 → raise it: LimitNOFILE=65536/)
    expect(files(1024, 40, 'container')).toMatch(/ → raise it: --ulimit nofile=65536 for docker run/)
    expect(files(1024, 40, 'nobody')).toMatch(/ → raise it: ulimit -n 65536 in the shell/)
    expect(files(1024, 1000)).toMatch(/^failed: of 1024 files 1000 are open/)
    expect(files(null, 1000)).toMatch(/^not-checked/)
  })
})

describe('the version', () => {
  it('of the bridge is told from that of the command', () => {
    expect(told(checkVersion(answering({ version: '0.0.1' })))).toMatch(
      /^warning: the bridge is 0\.0\.1, the command is /,
    )
  })
})

describe('the clock', () => {
  it.each([
    [100, /^ok: the clock of the bridge is the same as here/m],
    [-9_000, /^warning: the clock of the bridge is 9 s behind the one here/m],
    [3_600_000, /^failed: the clock of the bridge is 3600 s ahead of the one here/m],
  ])('of a bridge elsewhere that is %i ms ahead', async (clockAhead, expected) => {
    const patient = { bridge: { answers: true, clockAhead }, elsewhere: true } as unknown as Patient
    expect(told(await checkClock(patient, AbortSignal.timeout(20_000)))).toMatch(expected)
  })
})
