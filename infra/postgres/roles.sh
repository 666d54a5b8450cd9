#!/bin/bash
# Runs once, when the database is made (/docker-entrypoint-initdb.d): the projector owns the read models, the api and the
# backups only read. The passwords come from files that compose.yml's `prepare` wrote.
set -Eeuo pipefail
secrets=/run/secrets/dtm

psql -v ON_ERROR_STOP=1 --no-psqlrc -d postgres \
  -v projector="$(cat "$secrets/projector-password")" -v api="$(cat "$secrets/api-password")" -v backup="$(cat "$secrets/backup-password")" <<'SQL'
create role dtm_projector login password :'projector';
create role dtm_api login password :'api';
alter role dtm_api set default_transaction_read_only = on;
create role dtm_backup login password :'backup' in role pg_read_all_data;
create database dtm owner dtm_projector;
revoke all on database dtm from public;
grant connect on database dtm to dtm_api, dtm_backup;
\connect dtm
revoke create on schema public from public;
alter default privileges for role dtm_projector grant usage on schemas to dtm_api;
alter default privileges for role dtm_projector grant select on tables to dtm_api;
SQL
