import { isDenial } from '../lib/is-denial.js'

/** What to do about a file of the bridge that somebody else's command may not touch. */
export const WITH_SUDO = 'run this with sudo, or as a user who may read and write there'

/** What to do about a file: another user may touch it, or what the command says of all that is wrong otherwise. */
export function fileHint(code: string | undefined, otherwise: string): string {
  return isDenial(code) ? WITH_SUDO : otherwise
}
