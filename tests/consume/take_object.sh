#!/usr/bin/env bash
# take_object.sh BUILD COMPILER ARGS…: the compiler for a build of duet with other options. A source that looks at no
# option gives the object that BUILD has of it: that is taken, which saves compiling the library once more.
build=$1 object='' source=''
shift
for ((i = 1; i <= $#; ++i)); do
  case ${!i} in
    -o) j=$((i + 1)) && object=${!j} ;;
    -c) j=$((i + 1)) && source=${!j} ;;
  esac
done
made=$build/${object#duet/}
if [[ $object == duet/lib/* && -f $made ]] && ! grep -q DUET_HAS_ "$source"; then
  exec cp "$made" "$object"
fi
exec "$@"
