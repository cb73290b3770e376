# The whole system in one image: `hrm serve` and every other command of `hrm`. docs/guides/deploy.md says how to run it.
#
# Node 26 is the newest with long-term support. Debian rather than Alpine: lmdb, the embedded queue, brings its binaries for glibc.
FROM node:26-slim AS base
WORKDIR /app
ENV DO_NOT_TRACK=1
COPY package.json package-lock.json ./
COPY packages/hrm-core/package.json packages/hrm-core/
COPY packages/hrm-server/package.json packages/hrm-server/
COPY packages/hrm-cli/package.json packages/hrm-cli/

# `npm install` and not `npm ci`: a lock that was written behind a registry mirror may lack the optional binaries of
# other platforms, which `npm ci` refuses. What the lock holds is installed at its versions all the same.
FROM base AS build
RUN npm install --no-audit --no-fund
COPY turbo.json tsconfig.base.json ./
COPY packages packages
RUN npm run build

# No script of a dependency runs: lmdb's would compile where its binary is missing, and there is no compiler.
# Peers are not looked at: TypeScript, optional to valibot, would come as one, 23 MB; those that are needed are declared.
FROM base AS dependencies
RUN npm install --omit=dev --legacy-peer-deps --ignore-scripts --no-audit --no-fund
# Amazon's own package, for the keys of a role, is 16 MB that only AWS needs: `docker build --build-arg WITH_AWS_ROLES=true`.
ARG WITH_AWS_ROLES=false
RUN test "$WITH_AWS_ROLES" != true || npm install --omit=dev --legacy-peer-deps --ignore-scripts --no-audit --no-fund \
  --no-save '@aws-sdk/credential-provider-node@>=3.700.0 <4'

FROM node:26-slim AS runtime
WORKDIR /app
ENV NODE_ENV=production HRM_DATA_DIR=/data/readings HRM_QUEUE_DIR=/data/queue HRM_SPOOL_DIR=/data/spool
# A fixed uid, so that who owns a volume does not change with the image. Nobody installs anything in it, so npm goes.
RUN groupadd --gid 10001 hrm \
  && useradd --uid 10001 --gid hrm --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin hrm \
  && install -d -o hrm -g hrm -m 0700 /data \
  && rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
    /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
  && ln -s /app/packages/hrm-cli/bin/hrm.js /usr/local/bin/hrm
COPY --from=dependencies /app ./
COPY --from=build /app/packages/hrm-core/dist packages/hrm-core/dist
COPY --from=build /app/packages/hrm-server/dist packages/hrm-server/dist
COPY --from=build /app/packages/hrm-cli/dist packages/hrm-cli/dist
COPY packages/hrm-cli/bin packages/hrm-cli/bin
USER 10001:10001
VOLUME /data
EXPOSE 8000
# The process is its container's first, which no signal ends that it does not handle: `hrm` handles SIGTERM and SIGINT.
# It reaps what it starts, and that starts nothing in turn. All the same run it below an init (`docker run --init`): where it
# stands still it kills itself, and a container's first process is spared by its own SIGKILL.
STOPSIGNAL SIGTERM
# Asks the queue and the storage that the settings name, whatever part of the system the container runs.
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=4 CMD ["node", "/app/packages/hrm-cli/bin/hrm.js", "health"]
ENTRYPOINT ["node", "/app/packages/hrm-cli/bin/hrm.js"]
CMD ["serve"]
