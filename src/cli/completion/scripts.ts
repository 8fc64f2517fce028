/** The command that the scripts ask, which people have no use for. */
export const ANSWER_COMMAND = 'complete'

/** The shells whose completion there is. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/**
 * What a shell has to read to complete `homeport`. It holds no command and no option: it asks the program each
 * time, and so fits every version of it. Nothing of an answer is read as shell syntax.
 */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# Completion of homeport for bash, by: homeport completion bash
_homeport() {
  local -a answer
  COMPREPLY=()
  mapfile -t answer < <(
    command homeport ${ANSWER_COMMAND} bash -- "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null
  )
  case \${answer[0]-} in
    words) COMPREPLY=("\${answer[@]:1}") ;;
    file) compopt -o default ;;
    directory) compopt -o dirnames ;;
  esac
}
complete -F _homeport homeport
`,
  zsh: `#compdef homeport
# Completion of homeport for zsh, by: homeport completion zsh
_homeport() {
  local -a answer words_found shown
  local line
  answer=("\${(@f)$(
    command homeport ${ANSWER_COMMAND} zsh -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null
  )}")
  case $answer[1] in
    (words)
      for line in "\${(@)answer[2,-1]}"; do
        words_found+=("\${line%%$'\\t'*}")
        shown+=("\${line/$'\\t'/  }")
      done
      compadd -l -d shown -a words_found
      ;;
    (file|directory)
      [[ $PREFIX == --*=* ]] && compset -P '*='
      if [[ $answer[1] == directory ]]; then _files -/; else _files; fi
      ;;
  esac
}
if [[ $funcstack[1] == _homeport ]]; then
  _homeport "$@"
else
  compdef _homeport homeport
fi
`,
  fish: `# Completion of homeport for fish, by: homeport completion fish
function __homeport_ask
    set -l before (commandline -opc)
    set -e before[1]
    set -l answer (command homeport ${ANSWER_COMMAND} fish -- $before (commandline -ct) 2>/dev/null </dev/null)
    set -g __homeport_words $answer[2..-1]
    # Without an answer of words fish completes the names of files, as it does by itself.
    test "$answer[1]" = words
end
complete -c homeport -e
complete -c homeport -n __homeport_ask -f -a '$__homeport_words'
`,
}
