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
HEALTHCHECK --interval=1m --timeout=10s --retries=3 CMD ["node", "bin/rollcall.js", "--version"]
ENTRYPOINT ["node", "bin/rollcall.js"]
CMD ["--help"]
