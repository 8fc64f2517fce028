import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { collectLines } from './lines.js'

/** A shell at which somebody types. */
export type InteractiveShell = {
  /**
   * Types this, the Tab key among it, and then runs what has become of the line as arguments of a function: the words
   * that the shell makes of the line. Keys are taken one after the other, so nothing has to be waited for.
   */
  readonly typed: (keys: string) => Promise<readonly string[]>
  readonly stop: () => Promise<void>
}

/** The Home key of Emacs: what is typed next stands before the line. */
const TO_THE_START = '\u{1}'
const PROMPT = 'a-prompt'
/** Ends each word; no file and no device of a test has it in its name. */
const END_OF_WORD = '<end-of-word>'

const START = {
  bash: {
    file: '.bashrc',
    words: ['bash', '--noprofile', '--rcfile', '"$HOME/.bashrc"', '-i'],
    // What draws more than the line itself is in the way.
    text: `bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; PS1='${PROMPT}\\n'`,
  },
  zsh: {
    file: '.zshrc',
    words: ['zsh', '-i'],
    text: `autoload -Uz compinit; compinit -u -D; bindkey -e; unset zle_bracketed_paste; precmd() { echo ${PROMPT} }`,
  },
} as const

/** Starts a shell on a terminal of its own, which has read these lines first. */
export async function startInteractiveShell(
  shell: keyof typeof START,
  { home, env, lines }: { readonly home: string; readonly env: NodeJS.ProcessEnv; readonly lines: string },
): Promise<InteractiveShell> {
  const { file, words, text } = START[shell]
  const args = `args() { printf '\\nargs:'; printf '%s${END_OF_WORD}' "$@"; printf '\\n'; }`
  await writeFile(join(home, file), [lines, text, args, ''].join('\n'))
  // It gives a terminal to what it runs.
  const child = spawn('script', ['--quiet', '--return', '--command', words.join(' '), '/dev/null'], {
    cwd: home,
    env: { ...env, HOME: home, ZDOTDIR: home, TERM: 'dumb', SHELL: '/bin/sh', LC_ALL: 'C.UTF-8' },
  })
  const exited = once(child, 'exit')
  const written = collectLines(shell)
  written.add(child.stdout)
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    child.stdin.destroy()
    await exited
  }
  try {
    await written.match(new RegExp(PROMPT))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    typed: async (keys) => {
      const from = written.all.length
      child.stdin.write(`${keys}${TO_THE_START}args \n`)
      const line = await written.match(/^args:/, { from, timeoutMs: 30_000 })
      return line.slice('args:'.length).split(END_OF_WORD).slice(0, -1)
    },
    stop,
  }
}
