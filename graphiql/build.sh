#!/bin/sh
# Builds the page with the Node.js of this machine or, where there is none of version 20 or newer, with the one
# that requirements-graphiql.lock pins. Run by `make graphiql`; needs .venv.
set -eu
cd "$(dirname "$0")"
python="$PWD/../.venv/bin/python"
PATH="$PWD/../.venv/bin:$PATH"
export PATH

has_node() {
  command -v npm && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
}

# npm alone would wait minutes for a registry that does not answer.
has_registry() {
  "$python" -c 'import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:], timeout=15))' \
    npm view graphiql version --fetch-timeout=10000 --fetch-retries=0
}

has_node || "$python" -m pip --disable-pip-version-check --quiet install --retries 1 \
  --require-hashes --requirement ../requirements-graphiql.lock
if [ node_modules/.package-lock.json -nt package-lock.json ]; then
  echo "What package-lock.json pins is installed."
elif has_registry; then
  npm ci --ignore-scripts --prefer-offline --fetch-retries=1
else
  echo "No npm registry answers; trying with what npm has in its cache."
  npm ci --ignore-scripts --offline
fi
node build.js
