import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aboutTheBridge } from '../../src/app/about-the-bridge.js'
import { configOf } from '../config/parse-text.js'
import { sectionsOf } from '../support/page-blocks.js'
import { rowsOf } from '../support/page-table.js'

type Figure = {
  readonly title: string
  readonly measured: readonly { readonly path: string; readonly value: number }[]
}

const results = readFileSync(join(import.meta.dirname, '../../docs/performance/results.json'), 'utf8')
const { figures } = JSON.parse(results) as { readonly figures: readonly Figure[] }

function measured(title: string, path = 'homeport'): number {
  const figure = figures.find((each) => each.title === title)
  const value = figure?.measured.find((each) => each.path === path)?.value
  if (value === undefined) throw new Error(`results.json has no ${title}, ${path}`)
  return value
}

const KB_PER_DEVICE = measured('Resident memory for an idle device', 'homeport, 10000')
const CPU_OF_10000 = measured('CPU of 10000 idle devices, asked every 30 s')
const DIAL_IN = 'CPU of the bridge for a device that dials in, one after the other and 10000 at once'
const MS_IN_A_STORM = measured(DIAL_IN, 'homeport, storm')

/** Megabytes of a bridge with nothing to do. */
const AT_REST = 140
const COUNTS = [100, 1000, 10_000] as const

const config = configOf('')
const sections = sectionsOf('sizing.md')

/** The cells of a row behind its name. */
function row(heading: string, name: string): readonly string[] {
  const section = sections.find((each) => each.heading === heading)
  const found = section && rowsOf(section).find(([first = '']) => first.startsWith(name))
  if (!found) throw new Error(`docs/sizing.md: ${heading}: no row begins with ${name}`)
  return found.slice(1)
}

const thousands = (value: number): string => value.toLocaleString('en-US')

describe('the page on sizing', () => {
  it('says of 100, 1,000 and 10,000 devices what follows from the measurements', () => {
    expect(row('In short', 'memory, all idle')).toEqual(
      COUNTS.map((count) => `${Math.round(AT_REST + (count * KB_PER_DEVICE) / 1000)} MB`),
    )
    const asked = 30 / (config.link.keepaliveInterval / 1000)
    const cpu = COUNTS.map((count) => ((CPU_OF_10000 * asked * count) / 10_000).toFixed(1))
    expect(row('In short', 'CPU, all idle').join()).toBe(`${cpu[0]} % of a core,${cpu[1]} %,${cpu[2]} %`)
    expect(row('In short', 'CPU until all are back').map(Number.parseFloat)).toEqual(
      COUNTS.map((count) => Number(((count * MS_IN_A_STORM) / 1000).toPrecision(count < 1000 ? 1 : 2))),
    )
  })

  it('counts open files as the bridge does', () => {
    const wanted = COUNTS.map((devices) => {
      const addresses = { callHome: '', endpoint: '', http: undefined, furtherEndpoints: [] }
      const running = { settings: { config }, devices, addresses, configFile: undefined }
      return aboutTheBridge(running as never).openFiles.wanted
    })
    expect(row('In short', 'open files')).toEqual(wanted.map(thousands))
  })

  it('says of one of each what was measured', () => {
    const what = (name: string): string => row('What one takes', name).join()
    expect(what('bridge')).toContain(`${AT_REST} MB`)
    expect(what('idle device')).toContain(`${Math.round(KB_PER_DEVICE)} KB, and ${CPU_OF_10000.toFixed(1)} % of a core`)
    expect(what('device that dials in')).toContain(`${MS_IN_A_STORM.toFixed(1)} ms`)
    const rpc = measured('CPU of the middle for a small RPC, 64 sessions')
    expect(what('small RPC on a session')).toContain(`${Math.round(rpc)} µs`)
    expect(what('small RPC on a session')).toContain(`are ${Math.round(rpc / 10)} %`)
    const http = 'Small RPCs, HTTP with 32 calls at a time, and a script with ncclient that dials the device for each'
    expect(what('small RPC over HTTP')).toContain(thousands(Math.round(measured(http, 'homeport, HTTP'))))
    const bulk = measured('CPU of the middle for a bulk reply').toFixed(1)
    expect(what('GB of a bulk reply')).toBe(
      `${bulk} s of CPU; one reply came at ${Math.round(measured('One reply of 1024 MiB'))} MB/s`,
    )
    expect(sections.map(({ text }) => text).join()).toContain(
      `p99 of a small RPC ${Math.round(measured('Small RPC p99 of a live session during the storm'))} ms`,
    )
  })

  it('has the bounds of the configuration', () => {
    const storm = sections.find(({ heading }) => heading === 'The storm')?.text ?? ''
    const { callHome, link, audit } = config
    expect(storm).toContain(`\`call-home.max-queued-handshakes\`, ${thousands(callHome.maxQueuedHandshakes)},`)
    expect(storm).toContain(`\`call-home.queue-timeout\`, ${callHome.queueTimeout / 1000} s,`)
    expect(storm).toContain(`\`link.start-wait\`, ${link.startWait / 1000} s`)
    expect(storm).toContain(`${thousands(Math.floor(callHome.queueTimeout / MS_IN_A_STORM / 1000) * 1000)} devices`)
    expect(row('Disk', "audit log's file")[0]).toContain(`${(audit.maxSize * (audit.maxFiles + 1)) / 1024 ** 2} MiB`)
    expect(row('Disk', 'transcripts')[0]).toContain(`${audit.full.maxSize / 1024 ** 3} GiB`)
  })

  it('has the limit of the unit', () => {
    const unit = readFileSync(join(import.meta.dirname, '../../deploy/systemd/homeport.service'), 'utf8')
    const files = sections.find(({ heading }) => heading === 'Open files')?.text ?? ''
    expect(files).toContain(/^LimitNOFILE=\d+$/m.exec(unit)?.[0])
  })
})
