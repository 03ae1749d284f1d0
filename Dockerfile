FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY --from=build /build/bin bin
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/config/rollcall.example.yaml config/rollcall.example.yaml
# Config, state and the embedded warehouse: whatever must outlive a container.
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
# Where worker.http has another port, or is off, say so here too.
HEALTHCHECK --interval=1m --timeout=10s --retries=3 --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.ROLLCALL_HTTP_PORT || 9464}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/rollcall.js"]
CMD ["worker", "--config", "/data/rollcall.yaml"]
