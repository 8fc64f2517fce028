/** What is run on a version of Node. */
export interface NodeRun {
  /** Of the npm package `node` and those that it installs. */
  readonly version: string
  /** Whether ssh2's addon compiles for it. */
  readonly addon: boolean
  /** Unit tests, as words for vitest; none: all of them. */
  readonly unit?: readonly string[]
  readonly endToEnd: readonly string[]
  /** Whether a table of what the unit tests reach is printed. */
  readonly coverage?: true
}

/** A session of each client on devices, and the program with all that it prints. */
const MAIN = ['nms-clients-reach-a-device-unchanged', 'command-line.e2e']

/** What leans on the insides of Node: its streams, its sockets, its ciphers. */
const CLOSE_TO_NODE = ['test/ssh', 'test/northbound/ssh', 'test/southbound', 'test/netconf', 'test/lib']

/** Node 20.20 is what runs everything else in CI, or whatever Node runs this. */
export const RUNS: readonly NodeRun[] = [
  { version: '24.22.3', addon: true, endToEnd: MAIN, coverage: true },
  { version: '22.23.1', addon: true, endToEnd: MAIN },
  { version: '20.19.0', addon: true, unit: CLOSE_TO_NODE, endToEnd: MAIN },
  { version: '26.10.0', addon: false, unit: CLOSE_TO_NODE, endToEnd: [...MAIN, 'ssh2-without-its-addon'] },
  // The last one that the addon of npm would end.
  { version: '24.21.0', addon: true, unit: ['test/ssh'], endToEnd: ['nms-clients-reach-a-device-unchanged'] },
]
