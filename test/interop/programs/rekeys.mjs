// Loaded into the bridge: tells each later key exchange on standard error, and on SIGUSR2 has the bridge begin one after
// every so many bytes that come from the side named in this module's query, or no longer.
import Module from 'node:module'

const LIMIT = 700_000
const side = new URL(import.meta.url).search.slice(1)
const seen = new WeakMap()
let begins = false

process.on('SIGUSR2', () => {
  begins = !begins
  tell({ msg: begins ? 'the bridge begins key exchanges' : 'the bridge begins no key exchange' })
})

function tell(line) {
  process.stderr.write(`${JSON.stringify({ level: 'rekeys', ...line })}\n`)
}

function watch(prototype) {
  const { parse } = prototype
  prototype.parse = function (chunk, from, to) {
    const result = parse.call(this, chunk, from, to)
    if ((this._server ? 'client' : 'device') === side) look(this, to - from)
    return result
  }
}

function look(protocol, bytes) {
  const state = seen.get(protocol) ?? { bytes: 0, exchanging: false, ours: false, first: true }
  seen.set(protocol, state)
  state.bytes += bytes
  if (protocol._kexinit !== undefined) state.exchanging = true
  else if (state.exchanging) {
    if (!state.first) tell({ msg: 'keys exchanged', by: state.ours ? 'bridge' : 'peer' })
    Object.assign(state, { exchanging: false, ours: false, first: false })
  }
  if (!begins || state.first || state.exchanging || state.bytes < LIMIT || !protocol._authenticated) return
  Object.assign(state, { bytes: 0, exchanging: true, ours: true })
  protocol.rekey()
}

const load = Module._load
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest)
  if (/protocol\/Protocol\.js$|^\.\/protocol\/Protocol$/.test(request)) {
    Module._load = load
    watch(loaded.prototype)
  }
  return loaded
}
