import { Argument, Command } from 'commander'
import { type CommandIo, processIo } from '../command-io.js'
import { helpText } from '../house-help.js'
import { completionScript, type Shell, SHELLS } from './scripts.js'

const HOW_TO_LOAD = `
Once, for the shell that you use:
  homeport completion bash > ~/.local/share/bash-completion/completions/homeport
  homeport completion zsh > ~/.zsh/completions/_homeport
  homeport completion fish > ~/.config/fish/completions/homeport.fish
The directory has to be there, and for zsh be in fpath before compinit is called. The Debian package brings all three.`

/** `homeport completion SHELL`: prints what the shell has to read to complete `homeport`. */
export function completionCommand(io: CommandIo = processIo()): Command {
  return new Command('completion')
    .description('print what a shell has to read to complete commands, options and device ids')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .addHelpText('after', helpText(HOW_TO_LOAD))
    .action((shell: Shell) => {
      io.stdout.write(completionScript(shell))
      io.exit(0)
    })
}
