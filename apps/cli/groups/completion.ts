/**
 * `completion`: the scripts that teach a shell to ask `holdfast __complete` what could come next.
 *
 * They are as thin as each shell allows, so that what is offered is decided in one place. The words are
 * handed over as the shell has split them; the last one is under the cursor and may be empty.
 */
import { Argument } from "commander";
import type { Group } from "../group.ts";

const shells = ["bash", "zsh", "fish"] as const;

export const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: `_holdfast() {
  local IFS=$'\\n'
  COMPREPLY=($(holdfast __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  if [ "\${COMPREPLY[0]}" = ":files" ]; then
    compopt -o default 2>/dev/null
    COMPREPLY=()
  fi
}
complete -F _holdfast holdfast`,
  zsh: `#compdef holdfast
_holdfast() {
  local -a found
  found=("\${(@f)$(holdfast __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${found[1]}" == ":files" ]]; then _files; else compadd -- \${found:#}; fi
}
compdef _holdfast holdfast`,
  fish: `function __holdfast_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (holdfast __complete $words[2..-1] 2>/dev/null)
  if test "$found[1]" = ":files"
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c holdfast -f -a '(__holdfast_complete)'`,
};

export const completionGroup: Group = (program, open) => {
  program
    .command("completion")
    .summary("print the completion script of a shell")
    .description("Prints the script with which a shell completes commands, options and names.")
    .addArgument(new Argument("<shell>", "which one").choices(shells))
    .addHelpText("after", "\nExample, in ~/.bashrc:\n  source <(holdfast completion bash)")
    .action((shell: (typeof shells)[number], _, command) => {
      open(command).print(scripts[shell]);
    });
};
