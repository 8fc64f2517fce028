/**
 * Whether a command is the far end of a copy by scp's own protocol (`scp -O`, PyEZ, python3-scp) and nothing else:
 * `scp`, flags with exactly one of `-t` and `-f`, and paths. The device's shell will take the command apart, so a path
 * is of characters that mean nothing to a shell, or in single quotes.
 */
export function isScpCommand(command: string): boolean {
  const match = scpCommand.exec(command)
  const directions = match?.groups?.['flags']?.match(/[tf]/g)
  return directions?.length === 1
}

/** `~` is a home directory. Patterns are not allowed: what they stand for may start with a dash. */
const plain = String.raw`[\w@%+=:,./~-]+`
/** With `!` and `\` out of it, because csh, the shell of Junos' root, takes them even there. */
const quoted = String.raw`'[^'\\!\p{C}\p{Zl}\p{Zp}]+'`
const PATH = `(?:${plain}|${quoted})`
const notAnOption = String.raw`(?!'?-)`
const scpCommand = new RegExp(`^scp(?<flags>(?: -[rpdvqtf]+)+)(?:(?: ${notAnOption}${PATH})+| --(?: ${PATH})+)$`, 'u')
