import { nearestName } from '../../lib/nearest-name.js'
import { strangerText } from '../../lib/stranger-text.js'
import type { CommandFailure } from '../command-failure.js'

/** A hint of the API for somebody who typed a command: where it names both, the command is the one. */
export function hintForCommands(hint: string | undefined): string | undefined {
  if (hint === undefined || hint === SCHEMA_HINT) return undefined
  return hint.replace(/\b(?:GET|POST|PATCH|DELETE) \/api\/v1\/\S+ \((homeport [^()]+)\)/g, '$1')
}

/** Where the fields of a request are explained; a command has its `--help`. */
const SCHEMA_HINT = 'see /openapi.json'

/** The parameters of a query as the options that they came from: `#/sort: …` is `--sort: …`. */
export function optionsInsteadOfFields(message: string): string {
  return message.replace(/(^|; )#\/([a-z-]+):/g, '$1--$2:')
}

/** The device id that a call was about, where its device is one that nobody knows. */
export function unknownDeviceIn(path: string, { message }: CommandFailure): string | undefined {
  const [, id] = /^\/api\/v1\/devices\/([^/?]+)/.exec(path) ?? []
  if (id === undefined || !/^no device ".*" is known here$/s.test(message)) return undefined
  return decodeURIComponent(id)
}

/** The same failure with the id that was most likely meant. */
export function withNearestId(failure: CommandFailure, id: string, known: readonly string[]): CommandFailure {
  const near = nearestName(id, known)
  return near === undefined
    ? failure
    : { ...failure, message: `${failure.message}; did you mean ${strangerText(near)}?` }
}
