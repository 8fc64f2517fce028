/*
 * JavaScript, because the build asks it too, before there is anything built.
 */

/** Where ssh2's install script puts its compiled addon, below `ssh2/`. */
export const ADDON = 'lib/protocol/crypto/build/Release/sshcrypto.node'

/**
 * A function that addons call when they were compiled with the headers of Node 24.19 or later, each time the garbage
 * collector takes a cipher away.
 */
const FATAL_CALL = 'RemoveEnvironmentCleanupHook'

/**
 * The first of each major version that answers the call; before, it ends the process.
 *
 * @type {Readonly<Record<number, number>>}
 */
const FIRST_THAT_ANSWER = { 24: 22, 26: 4 }

/**
 * Whether this Node would be ended by an addon, some time after a connection has.
 *
 * @param {Buffer} compiled the file
 * @param {string} node such as `20.19.0`
 * @returns {boolean}
 */
export function wouldAbort(compiled, node) {
  const [major = 0, minor = 0] = node.split('.').map(Number)
  const first = FIRST_THAT_ANSWER[major] ?? (major > 26 ? 0 : Infinity)
  return minor < first && compiled.includes(FATAL_CALL)
}
