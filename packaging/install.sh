#!/bin/bash
# Installs Troupe for users without Bazel: headers, libtroupe.a, libtroupe.so and troupe.pc.
# Started as `./bazelw run //:install -- --prefix DIR`; works on the files that Bazel built for it.
set -euo pipefail

usage() {
    cat <<'END'
usage: ./bazelw run //:install -- --prefix DIR

Installs Troupe below DIR, which is made if it does not exist:
  DIR/include/troupe.h, DIR/include/troupe/*.h
  DIR/lib/libtroupe.a, DIR/lib/libtroupe.so
  DIR/lib/pkgconfig/troupe.pc

A relative DIR is relative to the current directory. Compile against it with
  export PKG_CONFIG_PATH=DIR/lib/pkgconfig
  cc main.c $(pkg-config --cflags --libs troupe) -Wl,-rpath,DIR/lib
END
}

fail() {
    echo "install: $*" >&2
    exit 1
}

misused() {
    echo "install: $*; see ./bazelw run //:install -- --help" >&2
    exit 2
}

prefix=
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    --prefix)
        [ $# -ge 2 ] || misused "--prefix needs a directory"
        prefix=$2
        shift 2
        ;;
    --prefix=*)
        prefix=${1#--prefix=}
        shift
        ;;
    *)
        misused "unknown argument '$1'"
        ;;
    esac
done
[ -n "$prefix" ] || misused "--prefix DIR is missing"
case $prefix in
/*) ;;
*) prefix=${BUILD_WORKING_DIRECTORY:-$PWD}/$prefix ;;
esac

# Bazel starts a program at the root of its files, but a program that another one starts is not there.
for root in . "${RUNFILES_DIR:-$0.runfiles}/troupe"; do
    [ -e "$root/packaging/troupe.pc" ] && break
done
[ -e "$root/packaging/troupe.pc" ] || fail "cannot find the built files next to $0"

version=$(sed -n 's/^Version: //p' "$root/packaging/troupe.pc")
soname=libtroupe.so.${version%%.*}
shared=libtroupe.so.$version

mkdir -p "$prefix/include/troupe" "$prefix/lib/pkgconfig" || fail "cannot make directories in $prefix"
[ -w "$prefix/include/troupe" ] && [ -w "$prefix/lib/pkgconfig" ] || fail "cannot write to $prefix"

# By its path: a test's PATH begins with the folder where this script itself is called install.
put() {
    /usr/bin/install -m "$@"
}

# Headers of an older version must not stay behind.
rm -f "$prefix"/include/troupe/*.h "$prefix"/include/troupe/*.hpp
put 644 "$root"/include/troupe.h "$prefix/include/"
put 644 "$root"/include/troupe/* "$prefix/include/troupe/"
put 644 "$root/libtroupe.a" "$prefix/lib/"
put 755 "$root/libtroupe.so" "$prefix/lib/$shared"
ln -sf "$shared" "$prefix/lib/$soname"
ln -sf "$soname" "$prefix/lib/libtroupe.so"
put 644 "$root/packaging/troupe.pc" "$prefix/lib/pkgconfig/"

echo "Troupe $version is in $prefix; compile against it with"
echo "  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig"
echo "  cc main.c \$(pkg-config --cflags --libs troupe) -Wl,-rpath,$prefix/lib"
