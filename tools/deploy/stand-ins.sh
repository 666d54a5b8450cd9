#!/bin/sh
# Makes stand-ins for the base images that cannot be pulled here, from Debian packages: same names, same users, same
# places. They prove our Dockerfiles and the wiring, not the upstream images. Root on Debian, with debootstrap; 5 minutes,
# 1.5 GB. Usage: DOCKER_HOST=unix://... stand-ins.sh <folder to work in> <folder of the Node package> <folder of the npm package>
set -eu
work=$1
node_package=$2
npm_package=$3
mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { print $2; exit }' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true)

have() { docker image inspect "$1" > /dev/null 2>&1; }

base() { # suite -> image debian:<suite>-slim
  have "debian:$1-slim" && return
  root=$work/root-$1
  if [ ! -f "$root/etc/debian_version" ]; then
    rm -rf "$root"
    nice debootstrap --variant=minbase --include=ca-certificates "$1" "$root" ${mirror:+"$mirror"} > "$work/debootstrap-$1.log" 2>&1
  fi
  # Hosts behind a proxy with a certificate of its own trust it already; so must what is built here.
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  tar -C "$root" --exclude=./var/cache/apt/archives --exclude=./var/lib/apt/lists --exclude=./usr/share/doc --exclude=./usr/share/locale -c . |
    docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["bash"]' - "debian:$1-slim"
}

build() { # image, context folder; the Dockerfile comes from stdin
  have "$1" && return
  DOCKER_BUILDKIT=1 nice docker build --network host -q -t "$1" -f - "$2"
}

base bookworm
base trixie

mkdir -p "$work/node/bin" "$work/node/npm" "$work/empty"
cp "$node_package/bin/node" "$work/node/bin/node"
cp -R "$npm_package/." "$work/node/npm/"
build node:24-bookworm-slim "$work/node" <<'END'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libstdc++6 > /dev/null && rm -rf /var/lib/apt/lists/*
COPY bin/node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
  && mkdir -p /usr/local/etc && echo 'cafile=/etc/ssl/certs/ca-certificates.crt' > /usr/local/etc/npmrc \
  && groupadd -g 1000 node && useradd -u 1000 -g node -m node
CMD ["node"]
END

cat > "$work/empty/postgres-entrypoint.sh" <<'END'
#!/bin/bash
# What the official entrypoint does with a fresh volume, as far as it is used here.
set -Eeuo pipefail
export PGDATA=${PGDATA:-/var/lib/postgresql/data}
if [ "$(id -u)" = 0 ]; then
  chown postgres:postgres "$PGDATA" /var/run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=${POSTGRES_PASSWORD:-$(cat "$POSTGRES_PASSWORD_FILE")}
  initdb --username="${POSTGRES_USER:-postgres}" --pwfile=<(printf '%s\n' "$password") --auth=scram-sha-256 ${POSTGRES_INITDB_ARGS:-} > /dev/null
  printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
  export PGPASSWORD=$password PGUSER=${POSTGRES_USER:-postgres}
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start > /dev/null
  db=${POSTGRES_DB:-$PGUSER}
  [ "$db" = postgres ] || psql -v ON_ERROR_STOP=1 -d postgres -c "create database \"$db\"" > /dev/null
  for f in /docker-entrypoint-initdb.d/*; do
    case $f in *.sh) . "$f" ;; *.sql) psql -v ON_ERROR_STOP=1 -d "$db" -f "$f" ;; esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop > /dev/null
  unset PGPASSWORD PGUSER
fi
[ "${1:-postgres}" = postgres ] && shift || exec "$@"
exec postgres -c listen_addresses='*' "$@"
END
build postgres:17 "$work/empty" <<'END'
FROM debian:trixie-slim
RUN groupadd -r -g 999 postgres && useradd -r -u 999 -g postgres -d /var/lib/postgresql -s /bin/bash postgres \
  && apt-get update -qq && mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-17 > /dev/null && rm -rf /var/lib/apt/lists/* \
  && mkdir -p /var/lib/postgresql/data /var/run/postgresql /docker-entrypoint-initdb.d \
  && chown -R postgres:postgres /var/lib/postgresql /var/run/postgresql && chmod 1777 /var/lib/postgresql/data && chmod 3777 /var/run/postgresql
COPY --chmod=755 postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/17/bin PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
END

build nats:2.12-alpine "$work/empty" <<'END'
FROM debian:trixie-slim AS parts
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends nats-server busybox-static > /dev/null
RUN mkdir -p /root-of/usr/local/bin /root-of/bin /root-of/etc /root-of/tmp && cp "$(command -v nats-server)" /root-of/usr/local/bin/ && cp /bin/busybox /root-of/bin/ \
  && for tool in sh wget cat ls; do ln -s busybox "/root-of/bin/$tool"; done && echo 'root:x:0:0::/:/bin/sh' > /root-of/etc/passwd && chmod 1777 /root-of/tmp \
  && for l in $(ldd /root-of/usr/local/bin/nats-server 2>/dev/null | awk '$3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'); do mkdir -p "/root-of$(dirname "$l")"; cp -L "$l" "/root-of$l"; done
FROM scratch
COPY --from=parts /root-of /
ENV PATH=/usr/local/bin:/bin
EXPOSE 4222 8222 6222
ENTRYPOINT ["nats-server"]
END

build nginx:1.30-alpine-slim "$work/empty" <<'END'
FROM debian:trixie-slim AS parts
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx-light busybox-static > /dev/null
RUN mkdir -p /root-of/usr/sbin /root-of/bin /root-of/etc/nginx /root-of/tmp /root-of/var/log/nginx /root-of/var/lib/nginx /root-of/usr/share && cp /usr/sbin/nginx /root-of/usr/sbin/ && cp /bin/busybox /root-of/bin/ \
  && for tool in sh wget cat ls; do ln -s busybox "/root-of/bin/$tool"; done && printf 'root:x:0:0::/:/bin/sh\nnginx:x:101:101::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' > /root-of/etc/passwd && printf 'root:x:0:\nnginx:x:101:\nnogroup:x:65534:\n' > /root-of/etc/group && chmod 1777 /root-of/tmp \
  && for l in $(ldd /usr/sbin/nginx | awk '$3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'); do mkdir -p "/root-of$(dirname "$l")"; cp -L "$l" "/root-of$l"; done
FROM scratch
COPY --from=parts /root-of /
ENV PATH=/usr/sbin:/bin
CMD ["nginx", "-g", "daemon off;"]
END

cat > "$work/empty/registry.yml" <<'END'
version: 0.1
storage: { inmemory: {}, delete: { enabled: true } }
http: { addr: ":5000" }
END
build registry:2 "$work/empty" <<'END'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends docker-registry > /dev/null && rm -rf /var/lib/apt/lists/*
COPY registry.yml /etc/registry.yml
EXPOSE 5000
ENTRYPOINT ["docker-registry", "serve", "/etc/registry.yml"]
END

# For libs/testing, which does not need the newest.
have nats:2.10 || docker tag nats:2.12-alpine nats:2.10
