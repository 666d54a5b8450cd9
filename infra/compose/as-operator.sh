#!/bin/sh
# Runs a command of this checkout as the operator of the system that Compose runs here, for example
#   infra/compose/as-operator.sh npm run verify
# NATS and PostgreSQL are reached on this machine's own address for as long as it takes, and closed again afterwards.
set -eu
cd "$(dirname "$0")/../.."
closed=${COMPOSE_FILE:-compose.yml}
if [ -z "${COMPOSE_FILE:-}" ] && [ -f compose.override.yml ]; then closed=$closed:compose.override.yml; fi
opened=$closed:infra/compose/operator.yml

# Before the first `up`: one that fails or is interrupted may have opened the ports already. dash runs no EXIT trap for a
# signal by itself, so that each becomes an exit.
trap 'COMPOSE_FILE=$closed docker compose up --detach --wait >&2' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
COMPOSE_FILE=$opened docker compose up --detach --wait >&2
environment=$(COMPOSE_FILE=$opened docker compose run --rm operator)
(eval "$environment" && "$@")
