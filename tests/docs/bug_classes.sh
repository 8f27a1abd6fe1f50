#!/usr/bin/env bash
# bug_classes.sh SOURCE: docs/bug-classes.md names tests that exist, and all of BugClasses and BadCallBugs.
set -u
cd "$1" || exit 1
named=$(grep -oE '`[A-Z][A-Za-z]*\.[A-Z][A-Za-z0-9]*`' docs/bug-classes.md | tr -d '`' | sort -u)
all=$(find tests -name '*_test.cpp' -exec sed -nE 's/^TEST(_F)?\(([A-Za-z0-9]*), *([A-Za-z0-9]*)\).*/\2.\3/p' {} +)
failed=0
for name in $named; do
  grep -qx "$name" <<<"$all" || { echo "docs/bug-classes.md names $name, which is no test" && failed=1; }
done
for name in $(grep -E '^(BugClasses|BadCallBugs|BadCalls)\.' <<<"$all"); do
  grep -qx "$name" <<<"$named" || { echo "docs/bug-classes.md leaves out $name" && failed=1; }
done
# Every row has a test.
rows=$(sed -n '/^| kind /,/^$/p' docs/bug-classes.md | grep '^| ' | tail -n +2)
[ "$(wc -l <<<"$rows")" -ge 19 ] || { echo "docs/bug-classes.md has lost rows" && failed=1; }
grep -v '`[A-Z][A-Za-z]*\.[A-Z]' <<<"$rows" && echo "a row without a test" && failed=1
exit $failed
