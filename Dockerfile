# Torii in containers.
#
#   docker build --target server -t torii .            docker build --target router -t torii-router .
#   docker run -p 53:5300/udp -p 53:5300/tcp -v torii-state:/var/lib/torii torii
#   docker run --network host --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW torii-router
#
# The Swift runtime is linked in; the runtime stage holds the programs and the few C libraries they use.

FROM swift:6.3-bookworm AS build
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        libldns-dev libsqlite3-dev libnftables-dev libssl-dev ca-certificates git \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib \
 && install -s -D -t /out/bin .build/release/toriid .build/release/torii-router .build/release/toriictl

FROM debian:bookworm-slim AS runtime
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        libldns3 libsqlite3-0 libssl3 libstdc++6 ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 530 --home-dir /var/lib/torii --shell /usr/sbin/nologin torii \
 && install -d -o torii -g torii -m 750 /var/lib/torii /run/torii
ENV SWIFT_BACKTRACE=enable=no

# The DNS server: no capabilities, no root; port 5300 inside.
FROM runtime AS server
COPY --from=build /out/bin/toriid /out/bin/toriictl /usr/local/bin/
COPY zones /etc/torii/zones
COPY conf/torii.yaml /etc/torii/torii.yaml
RUN sed -i -e 's#\.\./state#/var/lib/torii#' -e 's#\.\./run/#/run/torii/#' \
        -e 's#address: 127\.0\.0\.1, port: 5300#address: 0.0.0.0, port: 5300#' \
        -e 's#address: "::1", port: 5300#address: "::", port: 5300#' /etc/torii/torii.yaml
USER torii
EXPOSE 5300/udp 5300/tcp
VOLUME /var/lib/torii
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["toriictl", "--socket", "/run/torii/torii.sock", "status"]
ENTRYPOINT ["toriid", "--config", "/etc/torii/torii.yaml"]

# The router agent works on the packet filter of the namespace it runs in: --network host (or the router's
# namespace) and NET_ADMIN, NET_RAW. Mount the configuration over /etc/torii/torii-router.yaml.
FROM runtime AS router
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libnftables1 \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -m 750 /var/lib/torii-router /run/torii-router
COPY --from=build /out/bin/torii-router /out/bin/toriictl /usr/local/bin/
COPY conf/torii-router.yaml /etc/torii/torii-router.yaml
RUN sed -i -e 's#\.\./state#/var/lib/torii-router#' -e 's#\.\./run/#/run/torii-router/#' /etc/torii/torii-router.yaml
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["toriictl", "--socket", "/run/torii-router/torii-router.sock", "status"]
ENTRYPOINT ["torii-router", "--config", "/etc/torii/torii-router.yaml"]
