import { isMap, isSeq, LineCounter, parseDocument } from 'yaml'
import { nearestName } from '../../../lib/nearest-name.js'
import { faultOfLabelName, faultOfLabelValue } from '../../../fleet/enrolment/labels.js'
import { parsePublicKeyLine } from '../../../ssh/public-key.js'
import { faultOfDeviceId } from '../../../trust/device-id.js'
import { counted } from '../../../lib/counted.js'
import { readCsv } from './csv.js'

/** A device that a file wants enrolled, as the API takes it, and the line where it stands. */
export interface WantedDevice {
  readonly line: number
  readonly device: {
    readonly id: string
    readonly 'host-keys'?: readonly string[]
    readonly secret?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly vendor?: string
    readonly credentials?: string
  }
}

/** Something that is wrong in the file; nothing secret is in it. */
export interface FileFault {
  readonly line: number
  readonly fault: string
}

export type ImportReading =
  | { readonly ok: true; readonly devices: readonly WantedDevice[] }
  | { readonly ok: false; readonly faults: readonly FileFault[] }

/** What a device of the file may have, named as in the configuration. */
const KEYS = ['id', 'host-keys', 'secret', 'labels', 'vendor', 'credentials'] as const
/** What the configuration file alone can hold. */
const OF_THE_FILE = ['aliases', 'endpoint', 'max-connections', 'max-sessions', 'spare-channels', 'connection']

/** Columns of a CSV file besides, in which a device's labels stand one by one: `label:site`. */
const LABEL_COLUMN = /^label[:.](.+)$/

type Raw = ReadonlyMap<string, unknown>

/** Reads a file of devices: CSV with a header line, or YAML as under `devices` of the configuration. */
export function readImport(text: string, format: 'csv' | 'yaml'): ImportReading {
  const rows = format === 'csv' ? rowsOfCsv(text) : rowsOfYaml(text)
  if (!rows.ok) return rows
  const lines = new Map<string, number>()
  const faults: FileFault[] = []
  const devices: WantedDevice[] = []
  for (const { line, raw } of rows.rows) {
    const read = deviceOf(raw)
    const fault = (words: string): void => void faults.push({ line, fault: words })
    for (const words of read.faults) fault(words)
    const { id } = read.device
    const before = lines.get(id)
    if (before !== undefined) fault(`${JSON.stringify(id)} stands in line ${before} already`)
    lines.set(id, line)
    devices.push({ line, device: read.device })
  }
  if (devices.length === 0 && faults.length === 0) faults.push({ line: 1, fault: 'there are no devices in it' })
  return faults.length === 0 ? { ok: true, devices } : { ok: false, faults }
}

type Rows =
  | { readonly ok: true; readonly rows: readonly { readonly line: number; readonly raw: Raw }[] }
  | { readonly ok: false; readonly faults: readonly FileFault[] }

function rowsOfCsv(text: string): Rows {
  const read = readCsv(text)
  if (!read.ok) return { ok: false, faults: [read] }
  const [header, ...records] = read.records
  if (header === undefined) return { ok: true, rows: [] }
  const names = header.fields.map((name) => name.toLowerCase())
  const columns = names.map((name) => (name === 'host-key' ? 'host-keys' : name))
  const faults: FileFault[] = columns.flatMap((name) => faultOfKey(name, LABEL_COLUMN.test(name), header.line))
  if (!columns.includes('id')) faults.push({ line: header.line, fault: 'the header line has no column `id`' })
  for (const { line, fields } of records)
    if (fields.length !== columns.length)
      faults.push({ line, fault: `${counted(fields.length, 'field')}, where the header line has ${columns.length}` })
  if (faults.length > 0) return { ok: false, faults }
  return {
    ok: true,
    rows: records.map(({ line, fields }) => {
      const given = columns.flatMap((name, at): [string, string][] => (fields[at] ? [[name, fields[at]]] : []))
      const labels = given.flatMap(([name, value]) => {
        const label = LABEL_COLUMN.exec(name)?.[1]
        return label === undefined ? [] : [[label, value] as const]
      })
      const raw = new Map<string, unknown>(given.filter(([name]) => !LABEL_COLUMN.test(name)))
      const [keys, listed] = [raw.get('host-keys'), raw.get('labels')]
      if (typeof keys === 'string') raw.set('host-keys', parts(keys))
      const ofList = typeof listed === 'string' ? parts(listed).map(pairOf) : []
      if (labels.length + ofList.length > 0) raw.set('labels', new Map([...ofList, ...labels]))
      return { line, raw }
    }),
  }
}

/** Several things in a field, by semicolons. */
function parts(field: string): readonly string[] {
  return field.split(/[;\n]/).flatMap((part) => (part.trim() === '' ? [] : [part.trim()]))
}

function pairOf(written: string): readonly [string, string] {
  const [name = '', ...value] = written.split('=')
  return [name, value.join('=')]
}

function rowsOfYaml(text: string): Rows {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true })
  const lineAt = (offset: number | undefined): number => (offset === undefined ? 1 : counter.linePos(offset).line)
  if (document.errors.length > 0)
    return {
      ok: false,
      faults: document.errors.map(({ pos, message }) => ({
        line: lineAt(pos[0]),
        fault: message.split('\n')[0] ?? '',
      })),
    }
  const root = document.contents
  const list = isMap(root) ? root.get('devices', true) : root
  if (!isSeq(list))
    return { ok: false, faults: [{ line: 1, fault: 'expected a list of devices, or `devices:` with one' }] }
  const faults: FileFault[] = []
  const rows = list.items.flatMap((item) => {
    const range = (item as { readonly range?: readonly number[] | null }).range
    const line = lineAt(range?.[0])
    if (!isMap(item)) {
      faults.push({ line, fault: 'expected a device with an `id`' })
      return []
    }
    const raw = new Map(Object.entries(item.toJS(document) as Record<string, unknown>))
    for (const name of raw.keys()) for (const fault of faultOfKey(name, false, line)) faults.push(fault)
    return [{ line, raw }]
  })
  return faults.length === 0 ? { ok: true, rows } : { ok: false, faults }
}

function faultOfKey(name: string, isLabel: boolean, line: number): readonly FileFault[] {
  if (isLabel || (KEYS as readonly string[]).includes(name)) return []
  if (OF_THE_FILE.includes(name))
    return [{ line, fault: `only the configuration file can hold \`${name}\`: enter such devices there` }]
  const near = nearestName(name, KEYS)
  return [{ line, fault: `unknown: \`${name.slice(0, 64)}\`${near === undefined ? '' : `; do you mean \`${near}\`?`}` }]
}

/** The device, and what is wrong with it. */
function deviceOf(raw: Raw): { readonly device: WantedDevice['device']; readonly faults: readonly string[] } {
  const faults: string[] = []
  const id = textOf(raw.get('id'))
  const fault = (words: string): void => void faults.push(`${id === '' ? 'a device' : JSON.stringify(id)}: ${words}`)
  const ofId = faultOfDeviceId(id)
  if (ofId !== undefined) fault(`a device id ${ofId.rule}`)
  const given = raw.get('host-keys') ?? []
  const keys = (Array.isArray(given) ? given : [given]).map(textOf)
  for (const key of keys) {
    const parsed = parsePublicKeyLine(key)
    if (!parsed.ok) fault(`host-keys: ${parsed.failure.message}`)
  }
  const labels = labelsOf(raw.get('labels'))
  if (labels === undefined) fault('labels: expected names and values')
  for (const [name, value] of labels ?? []) {
    const wrong = faultOfLabel(name, value)
    if (wrong !== undefined) fault(`label ${JSON.stringify(name.slice(0, 64))}${wrong}`)
  }
  const secret = textOf(raw.get('secret'))
  if (secret.includes('${')) fault('secret: variables are not filled in here')
  const vendor = textOf(raw.get('vendor'))
  const credentials = textOf(raw.get('credentials'))
  const device = {
    id,
    ...(keys.length === 0 ? {} : { 'host-keys': keys }),
    ...(secret === '' ? {} : { secret }),
    ...(labels === undefined || labels.length === 0 ? {} : { labels: Object.fromEntries(labels) }),
    ...(vendor === '' ? {} : { vendor }),
    ...(credentials === '' ? {} : { credentials }),
  }
  return { device, faults }
}

/** What is wrong with a label, behind its name. */
function faultOfLabel(name: string, value: string): string | undefined {
  if (name === '') return ' has no name: write name=value'
  if (value === '') return ' has no value: write name=value'
  const wrong = faultOfLabelName(name) ?? faultOfLabelValue(value)
  return wrong === undefined ? undefined : `: it ${wrong}`
}

function labelsOf(value: unknown): readonly (readonly [string, string])[] | undefined {
  if (value === undefined || value === null) return []
  if (value instanceof Map) return [...value].map(([name, text]) => [String(name), textOf(text)])
  if (typeof value !== 'object' || Array.isArray(value)) return undefined
  return Object.entries(value).map(([name, text]) => [name, textOf(text)])
}

/** A single value as text: an id of digits is a number to YAML. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}
