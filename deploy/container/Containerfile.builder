# What Containerfile builds in, where no registry of images is at hand: a Debian with a compiler, Node and npm, as the image
# `node` of that registry is. The context is a folder with both npm packages; `npm run image` makes it.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
COPY node/bin /usr/local/bin
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
# The certificates of whoever builds are mounted there.
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
