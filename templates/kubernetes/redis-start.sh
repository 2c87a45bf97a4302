# Starts Redis as what the Sentinels say it is. Where none answers, the first of the set is the master: what it
# lacks is read from the database, as Redis never decides alone.
set -eu
umask 077
own="$(hostname).{{ service }}"
master=
for sentinel in {{ sentinels }}; do
  master=$(timeout 3 redis-cli -h "$sentinel" -p {{ sentinel_port }} --raw \
    sentinel get-master-addr-by-name {{ master_name }} 2>/dev/null | head -n 1) || true
  [ -z "$master" ] || break
done
[ -n "$master" ] || master={{ first }}
{
  cat /etc/buffer/redis.conf
  echo "dir /data"
  echo "replica-announce-ip $own"
  echo "replica-announce-port {{ port }}"
  if [ -f /etc/buffer-auth/password ]; then
    password=$(cat /etc/buffer-auth/password)
    echo "requirepass \"$password\""
    echo "masterauth \"$password\""
  fi
  [ "$master" = "$own" ] || echo "replicaof $master {{ port }}"
} > /data/redis.conf
exec redis-server /data/redis.conf
