import { strangerText } from '../../lib/stranger-text.js'

/** The way to a value from the root of the file: names of keys and indices of list items. */
export type ValuePath = readonly (string | number)[]

/** `devices[1].host-keys[0]` */
export function formatPath(path: ValuePath): string {
  return path.reduce<string>((shown, step) => {
    if (typeof step === 'number') return `${shown}[${step}]`
    return shown === '' ? strangerText(step) : `${shown}.${strangerText(step)}`
  }, '')
}
