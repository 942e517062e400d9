#!/bin/sh
# Installs what the package-lock.json of a directory pins, with the Node.js of this machine or, where there is none of
# version 20 or newer, with the one that requirements-graphiql.lock pins. Needs .venv.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
python="$here/../.venv/bin/python"
PATH="$here/../.venv/bin:$PATH"
export PATH
cd "$1"

has_node() {
  command -v npm && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
}

# npm alone would wait minutes for a registry that does not answer.
has_registry() {
  "$python" -c 'import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:], timeout=15))' \
    npm view graphql version --fetch-timeout=10000 --fetch-retries=0
}

has_node || "$python" -m pip --disable-pip-version-check --quiet install --retries 1 \
  --require-hashes --requirement "$here/../requirements-graphiql.lock"
if [ node_modules/.package-lock.json -nt package-lock.json ]; then
  echo "What package-lock.json pins is installed."
elif has_registry; then
  npm ci --ignore-scripts --prefer-offline --fetch-retries=1
else
  echo "No npm registry answers; trying with what npm has in its cache."
  npm ci --ignore-scripts --offline
fi
