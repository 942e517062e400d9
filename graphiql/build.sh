#!/bin/sh
# Builds the page. Run by `make graphiql`; needs .venv.
set -eu
cd "$(dirname "$0")"
sh install.sh .
PATH="$PWD/../.venv/bin:$PATH" node build.js
