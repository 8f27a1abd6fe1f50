#!/usr/bin/env bash
# reading_order.sh SOURCE: docs/reading-order.md names files that exist, and all of the inner core.
set -u
cd "$1" || exit 1
named=$(grep -o '`[a-z0-9_/]*\.\(h\|cpp\)`' docs/reading-order.md | tr -d '`')
failed=0
for file in $named; do
  [ -e "$file" ] || { echo "docs/reading-order.md names $file, which is not there" && failed=1; }
done
for file in $(grep -v -e '^#' -e '^$' tests/budgets/inner_core.txt); do
  grep -qx "$file" <<<"$named" || { echo "docs/reading-order.md leaves out $file" && failed=1; }
done
exit $failed
