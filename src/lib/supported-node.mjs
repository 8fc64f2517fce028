/*
 * Run by a Node that may be too old for everything else, from the installed program and before the build: so it is old
 * JavaScript, and imports nothing.
 */

/**
 * Why this Node cannot run the program, and what to do; undefined where it can.
 *
 * @param {string} range what package.json has as `engines.node`, such as `>=20.19`
 * @param {{ readonly version: string, readonly execPath: string }} node the running one: `process`
 * @returns {string | undefined} two lines
 */
export function whyNodeIsTooOld(range, node) {
  const least = numbersIn(range)
  const found = numbersIn(node.version)
  const different = least.findIndex((number, place) => number !== (found[place] || 0))
  if (different === -1 || (found[different] || 0) > least[different]) return undefined
  return (
    'homeport: Node.js ' +
    range +
    ' is needed, and ' +
    node.execPath +
    ' is ' +
    node.version +
    '\n' +
    'Debian 13 and later have a newer one: sudo apt-get install nodejs. ' +
    'For every other system https://nodejs.org/en/download has Node.js 24 (LTS).\n'
  )
}

/**
 * @param {string} text
 * @returns {number[]}
 */
function numbersIn(text) {
  return (/\d+(\.\d+)*/.exec(text) || [''])[0].split('.').map(Number)
}
