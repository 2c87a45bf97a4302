# Starts a Sentinel with the master that the others know, that it knew itself, that says so, or the first.
set -eu
umask 077
own="$(hostname).{{ sentinel_service }}"
before=/data/sentinel.conf
if [ -f /etc/buffer-auth/password ]; then
  REDISCLI_AUTH=$(cat /etc/buffer-auth/password)
fi
master=
for sentinel in {{ sentinels }}; do
  [ "$sentinel" != "$own" ] || continue
  master=$(timeout 3 redis-cli -h "$sentinel" -p {{ sentinel_port }} --raw \
    sentinel get-master-addr-by-name {{ master_name }} 2>/dev/null | head -n 1) || true
  [ -z "$master" ] || break
done
if [ -z "$master" ] && [ -f "$before" ]; then
  master=$(sed -n 's/^sentinel monitor {{ master_name }} \([^ ]*\) .*/\1/p' "$before")
fi
[ -z "${REDISCLI_AUTH-}" ] || export REDISCLI_AUTH
for server in {{ servers }}; do
  [ -z "$master" ] || break
  role=$(timeout 3 redis-cli -h "$server" -p {{ port }} --raw role 2>/dev/null | head -n 1) || true
  [ "$role" != master ] || master=$server
done
[ -n "$master" ] || master={{ first }}
{
  sed "s/@MASTER@/$master/" /etc/buffer/sentinel.conf
  echo "dir /data"
  echo "sentinel announce-ip $own"
  echo "sentinel announce-port {{ sentinel_port }}"
  # The same one after a restart: another would count as a further Sentinel.
  echo "sentinel myid $(hostname | sha1sum | cut -c 1-40)"
  if [ -n "${REDISCLI_AUTH-}" ]; then
    echo "sentinel auth-pass {{ master_name }} $REDISCLI_AUTH"
  fi
  if [ -f "$before" ]; then
    grep -E '^sentinel (current-epoch|config-epoch|leader-epoch) ' "$before" || true
  fi
} > /data/sentinel.conf.new
mv /data/sentinel.conf.new "$before"
unset REDISCLI_AUTH
exec redis-sentinel "$before"
