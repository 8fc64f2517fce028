#!/bin/sh
# `npm run hooks`: lets git run scripts/hooks at each commit, for this clone alone. Hooks that somebody else has set stay.
set -eu
cd "$(dirname "$0")/.."
set_to=$(git config core.hooksPath || true)
case $set_to in
scripts/hooks) ;;
'') git config core.hooksPath scripts/hooks ;;
*)
  echo "npm run hooks: core.hooksPath is $set_to already; unset it first: git config --unset core.hooksPath" >&2
  exit 1
  ;;
esac
echo 'git runs scripts/hooks at each commit; git config --unset core.hooksPath ends it'
