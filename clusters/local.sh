#!/usr/bin/env bash
# A Ray cluster of this one machine, for `ray job submit`.
#
#   clusters/local.sh start                        start it
#   clusters/local.sh submit examples/quickstart.yaml --out "$PWD/runs/quickstart"
#   clusters/local.sh stop                         stop it, and no other Ray on this machine
#
# Jobs run with Ray's token authentication; the token lies in ~/.ray/auth_token. `start` ends with the two
# variables that let `infraray run` join the cluster. Other ports: RAY_PORT, RAY_DASHBOARD_PORT. RAY: the ray
# command, by default that of the checkout's .venv; infraray is that of the same environment. CPUS: how many (default all).
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
RAY=${RAY:-$([ -x "$ROOT/.venv/bin/ray" ] && echo "$ROOT/.venv/bin/ray" || echo ray)}
PORT=${RAY_PORT:-6379}
DASHBOARD_PORT=${RAY_DASHBOARD_PORT:-8265}
STATE=${TMPDIR:-/tmp}/infraray-cluster-$(id -u)-$PORT
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
unset RAY_ADDRESS

usage() {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
}

running() { [ -f "$STATE.pid" ] && kill -0 "$(cat "$STATE.pid")" 2>/dev/null; }

case ${1:-} in
start | submit)
    RAY=$(command -v "$RAY") || {
        echo "there is no command ray in $ROOT/.venv/bin nor on the PATH; make quickstart first, or name it: RAY=..." >&2
        exit 1
    }
    ;;
esac

case ${1:-} in
start)
    if running; then
        echo "a cluster runs already on port $PORT; stop it first: $0 stop" >&2
        exit 1
    fi
    "$RAY" get-auth-token --generate >/dev/null
    # --block keeps the processes together: when this one ends, they all do. The agent that takes jobs
    # listens on any free port, so that another Ray on this machine cannot hold it.
    nohup "$RAY" start --head --block --port "$PORT" --dashboard-host 127.0.0.1 \
        --dashboard-port "$DASHBOARD_PORT" --dashboard-agent-listen-port 0 ${CPUS:+--num-cpus "$CPUS"} >"$STATE.log" 2>&1 </dev/null &
    echo $! >"$STATE.pid"
    for _ in $(seq 120); do
        # Jobs are listed before they are taken, so only a job shows that the cluster is ready.
        if "$RAY" job submit --address "http://127.0.0.1:$DASHBOARD_PORT" -- true >/dev/null 2>&1; then
            echo "ready: jobs at http://127.0.0.1:$DASHBOARD_PORT, log in $STATE.log; to join it:"
            echo "RAY_AUTH_MODE=token RAY_ADDRESS=127.0.0.1:$PORT"
            exit 0
        fi
        running || break
        sleep 0.5
    done
    echo "the cluster did not start; its log ($STATE.log) ends:" >&2
    tail -n 5 "$STATE.log" >&2
    exit 1
    ;;
submit)
    shift
    [ $# -gt 0 ] || usage
    # The job's own PATH is the cluster's, on which there may be another Python or none.
    exec "$RAY" job submit --address "http://127.0.0.1:$DASHBOARD_PORT" --working-dir . -- \
        "$(cd "$(dirname "$RAY")" && pwd)/python" -m infraray run "$@"
    ;;
stop)
    if running; then
        kill "$(cat "$STATE.pid")"
        while running; do sleep 0.2; done
    fi
    rm -f "$STATE.pid"
    ;;
*) usage ;;
esac
