#!/usr/bin/env bash
# table.sh SOURCE: docs/footguns.md names tests that exist, and all of them: by name, or as Suite.*.
set -u
cd "$1" || exit 1
suites=$(grep -o '`[A-Z][A-Za-z]*\.\*`' docs/footguns.md | tr -d '`' | sed 's/\.\*//' | sort -u)
named=$(grep -oE '`([A-Z][A-Za-z]*)?\.[A-Z][A-Za-z]*`' docs/footguns.md | tr -d '`' | sed 's/.*\.//' | sort -u)
all=$(sed -nE 's/^TEST(_F)?\(([A-Za-z]*), ([A-Za-z]*)\).*/\2 \3/p' tests/footguns/*.cpp)
failed=0
for name in $named; do
  grep -q " $name$" <<<"$all" || { echo "docs/footguns.md names $name, which is no test" && failed=1; }
done
while read -r suite name; do
  grep -qx "$suite" <<<"$suites" || grep -qx "$name" <<<"$named" ||
    { echo "docs/footguns.md leaves out $suite.$name" && failed=1; }
done <<<"$all"
exit $failed
