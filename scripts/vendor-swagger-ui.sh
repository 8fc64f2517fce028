#!/bin/bash
# `npm run vendor-swagger-ui VERSION`: brings another version of Swagger UI into vendor/swagger-ui, which the page /docs is
# made of. It is kept here, and not a dependency, because the package depends on one that reports each installation to a
# company.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${1:?which version of swagger-ui-dist?}
target=vendor/swagger-ui
files=(swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt favicon-32x32.png LICENSE NOTICE)

making=$(mktemp -d)
trap 'rm -rf "$making"' EXIT
npm pack --silent --pack-destination "$making" "swagger-ui-dist@$version" >/dev/null
tar -xzf "$making"/*.tgz -C "$making"
rm -rf "$target"
mkdir -p "$target"
cp "${files[@]/#/$making/package/}" "$target"
echo "$version" >"$target/VERSION"
