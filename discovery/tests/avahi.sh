#!/bin/sh
# A standard mDNS browser shows what Rollcall announces.
#
# Two network namespaces joined by a veth pair: in one the example `announce`, in the other Avahi, with a
# D-Bus of its own. Needs root on Debian 12; installs Avahi and D-Bus where they are missing. Everything
# it starts and makes is gone at the end. Prints what avahi-browse shows; ends with 0 if it is right.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
crate=$(dirname "$here")
speaker=rollcall-say-$$
browser=rollcall-hear-$$
work=$(mktemp -d)
announcer=

clean() {
    [ -z "$announcer" ] || kill "$announcer" 2>/dev/null || true
    [ -z "$announcer" ] || wait "$announcer" 2>/dev/null || true
    ip netns del "$speaker" 2>/dev/null || true
    ip netns del "$browser" 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "error: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "network namespaces need root"

# Installs what is missing, without starting any of it on this host.
install_missing() {
    for program in ip unshare avahi-daemon avahi-browse dbus-daemon; do
        command -v "$program" >/dev/null || missing=yes
    done
    [ -n "${missing:-}" ] || return 0
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
        ours=yes
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        iproute2 util-linux avahi-daemon avahi-utils dbus >"$work/apt.log" 2>&1 || installed=no
    [ -z "${ours:-}" ] || rm -f /usr/sbin/policy-rc.d
    [ "${installed:-yes}" = yes ] || { cat "$work/apt.log" >&2; fail "cannot install Avahi and D-Bus"; }
}

# Runs in the browser's namespaces, as process 1 of its own: all it starts ends with it.
browse='
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/avahi-daemon
dbus-daemon --system --fork --nopidfile
avahi-daemon --daemonize --no-drop-root --no-chroot --no-rlimits
look() {
    type=$1 wanted=$2 tries=0
    until avahi-browse -rt "$type" >"$work/$type" 2>"$work/said" && [ "$(grep -c "txt = .*tag=" "$work/$type")" = "$wanted" ]
    do
        tries=$((tries + 1))
        [ "$tries" -lt 20 ] || { cat "$work/said" "$work/$type" >&2; echo "error: not $wanted under $type" >&2; exit 1; }
        sleep 0.5
    done
}
work=$1
look _rollcall._tcp 3
look _zone._sub._rollcall._tcp 1
'

install_missing
announce=${ROLLCALL_ANNOUNCE:-}
if [ -z "$announce" ]; then
    cargo build --quiet --manifest-path "$crate/Cargo.toml" --example announce
    announce=$(cargo metadata --format-version 1 --no-deps --manifest-path "$crate/Cargo.toml" |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/examples/announce
fi

ip netns add "$speaker"
ip netns add "$browser"
ip -n "$speaker" link add say0 type veth peer name hear0 netns "$browser"
ip -n "$speaker" addr add 10.77.0.1/24 dev say0
ip -n "$browser" addr add 10.77.0.2/24 dev hear0
ip -n "$speaker" link set say0 up
ip -n "$browser" link set hear0 up

ip netns exec "$speaker" "$announce" say0 10.77.0.1 >"$work/announce.log" 2>&1 &
announcer=$!
ip netns exec "$browser" unshare --mount --pid --fork --kill-child sh -c "$browse" sh "$work" || {
    cat "$work/announce.log" >&2
    fail "the hello was not seen"
}

for type in _rollcall._tcp _zone._sub._rollcall._tcp; do
    echo "\$ avahi-browse -rt $type"
    cat "$work/$type"
done
for wanted in '"tag=zone"' '"v=1"' '"gen=1"' '"broker=10.77.0.1:5671"' 'address = \[10.77.0.1\]' 'port = \[5671\]'; do
    grep -q "$wanted" "$work/_zone._sub._rollcall._tcp" || fail "no $wanted in the hello"
done
for tag in zone group checkin; do
    grep -q "\"tag=$tag\"" "$work/_rollcall._tcp" || fail "no announcement with tag $tag"
done
! grep -q '"tag=group"\|"tag=checkin"' "$work/_zone._sub._rollcall._tcp" || fail "the subtype _zone has strangers"
echo "a standard browser shows the hello, the ACK and the check-in announcement"
