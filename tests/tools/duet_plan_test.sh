#!/usr/bin/env bash
# duet_plan_test.sh PROGRAM: good and bad files; what is written is checked here again, with nothing of duet's.
set -uo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# plan STATUS ARGS…: runs the program on in.csv and out.csv.
plan() {
  local wanted=$1
  shift
  rm -f out.csv
  "$program" --input in.csv --output out.csv "$@" >stdout 2>stderr </dev/null
  local status=$?
  ((status == wanted)) || wrong "exit code $status, not $wanted: $(cat stdout stderr)"
}
wrong() { failures=$((failures + 1)) && echo "--- $what: $*"; }

# says TEXT: all of stdout but the time.
says() {
  local got
  got=$(sed -E 's/,"ms":[0-9.e+-]+}$/}/' stdout)
  [[ $got == "$1" ]] || wrong "says $got, not $1"
}
# refuses MESSAGE: exit code 2, one line on stderr, nothing else.
refuses() {
  plan 2
  [[ $(cat stderr) == "$1" ]] || wrong "stderr is $(cat stderr), not $1"
  [[ ! -s stdout && ! -e out.csv ]] || wrong "writes something all the same"
}
# sound ARENA: rows of out.csv (columns id, lower, upper, size, offset) are those of in.csv; no two overlap.
sound() {
  [[ $(cut -d, -f1-4 out.csv) == "$(cat in.csv)" ]] || wrong "other rows"
  awk -F, -v arena="$1" '
    NR == 1 { if ($5 != "offset") print "no column offset"; next }
    { lo[NR] = $2; up[NR] = $3; from[NR] = $5; to[NR] = $5 + $4
      if (from[NR] < 0 || to[NR] > arena) print "row " NR " leaves the arena"
      for (k = 2; k < NR; ++k)
        if (lo[k] < up[NR] && lo[NR] < up[k] && from[k] < to[NR] && from[NR] < to[k]) print "rows " k " and " NR " overlap" }
  ' out.csv >faults
  [[ ! -s faults ]] || wrong "$(head -n 3 faults)"
}

what="MiniMalloc's example"
printf '%s\n' id,lower,upper,size b1,0,3,4 b2,3,9,4 b3,0,9,4 b4,9,21,4 b5,0,21,4 >in.csv
plan 0 --capacity 12
says '{"n":5,"lower_bound":12,"arena":12,"capacity":12,"proven_optimal":true}'
sound 12
[[ ! -s stderr ]] || wrong "talks into a pipe: $(cat stderr)"

what="any order of columns, line ends of Windows, quoted names, no line end at the end"
printf 'size,upper,id,lower\r\n64,2,"a,""b""",0\r\n64,4,a b\xc3\xa4,2' >in.csv
plan 0
says '{"n":2,"lower_bound":64,"arena":64,"capacity":null,"proven_optimal":true}'
[[ $(cat out.csv) == $'size,upper,id,lower,offset\n64,2,"a,""b""",0,0\n64,4,a bä,2,0' ]] || wrong "writes $(cat out.csv)"

what="no rows"
echo id,lower,upper,size >in.csv
plan 0
says '{"n":0,"lower_bound":0,"arena":0,"capacity":null,"proven_optimal":true}'
[[ $(cat out.csv) == id,lower,upper,size,offset ]] || wrong "writes $(cat out.csv)"

what="a capacity below the bound"
printf '%s\n' id,lower,upper,size a,0,2,10 b,1,3,20 >in.csv
plan 1 --capacity 29
says '{"n":2,"lower_bound":30,"arena":30,"capacity":29,"proven_optimal":true}'
sound 30
[[ $(cat stderr) == "duet-plan: no arena of 29 bytes was found within the budget; the best has 30" ]] || wrong "$(cat stderr)"

what="an instance whose bound no arena reaches"
printf '%s\n' id,lower,upper,size a,1,4,1 b,4,5,2 c,0,2,2 d,2,4,1 e,1,3,2 f,3,5,3 g,0,1,3 >in.csv
plan 0
says '{"n":7,"lower_bound":5,"arena":6,"capacity":null,"proven_optimal":true}'
sound 6
plan 1 --capacity 5
sound 6

what="many buffers"
awk 'BEGIN { srand(1); print "id,lower,upper,size"
             for (i = 0; i < 200; ++i) { t = int(rand() * 100); printf "%d,%d,%d,%d\n", i, t, t + 1 + int(rand() * 20), int(rand() * 999) } }' >in.csv
for budget in 0 1 50; do
  plan 0 --budget-ms $budget
  sound "$(sed -E 's/.*"arena":([0-9]+).*/\1/' stdout)"
  cp out.csv first.csv
  plan 0 --budget-ms $budget
  cmp -s first.csv out.csv || wrong "another plan the second time"
done

# bad MESSAGE LINE…: a file of these lines is refused.
bad() {
  local message=$1
  shift
  printf '%s\n' "$@" >in.csv
  refuses "duet-plan: $message"
}
what="bad files"
h=id,lower,upper,size known="; the columns are id, lower, upper, size"
: >in.csv
refuses "duet-plan: in.csv: empty; its first line is id,lower,upper,size"
bad "in.csv:1: column 'end' is not known$known" id,lower,end,size
bad "in.csv:1: column 'alignment' is not known$known" $h,alignment
bad "in.csv:1: column size is missing$known" id,lower,upper
bad "in.csv:1: column size is there twice" $h,size
bad "in.csv:2: 3 fields; the header has 4" $h a,0,1
bad "in.csv:3: 5 fields; the header has 4" $h a,0,1,2 a,0,1,2,3
bad "in.csv:3: 1 fields; the header has 4" $h a,0,1,2 '' a,0,1,2
bad "in.csv:2: lower 'x' is not a whole number" $h a,x,1,2
bad "in.csv:2: upper '1.5' is not a whole number" $h a,0,1.5,2
bad "in.csv:2: size '' is not a whole number" $h a,0,1,
bad "in.csv:2: size ' 2' is not a whole number" $h 'a,0,1, 2'
bad "in.csv:2: size '2\\x1b[31m' is not a whole number" $h $'a,0,1,2\e[31m'
bad "in.csv:2: size '9223372036854775808' does not fit into 64 bits" $h a,0,1,9223372036854775808
bad "in.csv:2: size -1 is negative" $h a,0,1,-1
bad "in.csv:2: lower 1 is not below upper 1" $h a,1,1,2
bad "in.csv:3: the sizes so far add up to 2^62 bytes or more" $h a,0,1,4611686018427387903 b,0,1,1
bad "in.csv:2: the sizes so far add up to 2^62 bytes or more" $h a,0,1,9223372036854775807
bad "in.csv:2: a quote is open at the end of the line" $h '"a,0,1,2'
bad "in.csv:2: text after a closing quote" $h '"a"b,0,1,2'
rm in.csv
refuses "duet-plan: in.csv: no such file"
mkdir in.csv
refuses "duet-plan: in.csv: not a regular file"
rmdir in.csv

what="bad arguments"
printf '%s\n' $h a,0,1,2 >in.csv
for arguments in "--capacity -1" "--capacity x" "--budget-ms -1" "--budget-ms 99999999999999999999" "--what"; do
  # shellcheck disable=SC2086
  plan 2 $arguments
done
"$program" --input in.csv >/dev/null 2>&1
(($? == 2)) || wrong "--output may be left out"
"$program" --input in.csv --output none/out.csv >stdout 2>stderr
(($? == 2)) || wrong "exit code where the output cannot be written"
[[ $(cat stderr) == "duet-plan: none/out.csv: cannot be written: No such file or directory" ]] || wrong "$(cat stderr)"
"$program" --help | grep -q -- --budget-ms || wrong "--help says nothing"

((failures == 0)) && echo "duet-plan: all as it should be"
exit $((failures > 0))
