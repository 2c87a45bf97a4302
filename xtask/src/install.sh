# shellcheck shell=sh
# Installs the Debian packages named by its arguments, as root, such that none of their servers runs: not now,
# not after the next start of the machine, and without the cluster that Postgres's package makes by itself.
# What it changes for that time (policy-rc.d, createcluster.conf) it puts back, whatever happens.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.conf
units='redis-server redis-sentinel prometheus'

put_back() {
    if [ -n "${made_policy-}" ]; then rm -f "$policy"; fi
    if [ -n "${kept_clusters-}" ]; then mv -f "$kept_clusters" "$clusters"; fi
}
trap put_back EXIT
trap 'exit 1' HUP INT TERM

if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

new_units=
for package in "$@"; do
    if [ "$package" = postgresql ] && [ ! -e "$clusters" ]; then
        apt-get install --yes --quiet --no-install-recommends postgresql-common
        cp -p "$clusters" "$clusters.vvbill"
        kept_clusters="$clusters.vvbill"
        echo 'create_main_cluster = false' >>"$clusters"
    fi
    for unit in $units; do
        if [ "$package" = "$unit" ] && ! dpkg --status "$package" >/dev/null 2>&1; then
            new_units="$new_units $unit"
        fi
    done
done

apt-get install --yes --quiet --no-install-recommends "$@"

if command -v systemctl >/dev/null 2>&1; then
    for unit in $new_units; do systemctl disable --quiet "$unit" || true; done
fi
