#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The pages of metrics of a tuner on the live plane and of a donor, as Debian's prometheus and
# promtool see them; addresses that cannot be had; scrapers that do not read.
# Runs inside a host (tests/vm/host.sh) as root with the module loaded and no plane; prints TAP.
# Loading a plane takes a long time there: all tests but the first share one.
set -u
cd "${DMEM_TOP:-.}" || exit 1

. tests/dmemctl-lib.sh

tuner=$PWD/out/dmem-tuner
page_port=9472
donor_port=9471
prometheus_port=9490

# wait_until WHAT COMMAND...: it says nothing, before long.
wait_until() {
	what=$1
	shift
	for _ in $(seq $((100 * ${DMEM_SLOW:-1}))); do
		if "$@" >"$work/last" 2>&1; then
			return 0
		fi
		sleep 0.5
	done
	no "$what: $(cat "$work/last")"
}

prometheus_is() {
	python3 -IS tests/metrics/ask.py "$1" "$prometheus_port" "$2" ${3+"$3"} ${4+"$4"}
}

# start NAME COMMAND...: in the background, until end_daemons.
start() {
	name=$1
	shift
	"$@" >"$work/$name.log" 2>&1 &
	echo $! >>"$work/daemons"
	echo $! >"$work/$name.pid"
}

end_daemons() {
	[ -s "$work/daemons" ] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null
		for _ in $(seq 100); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null
	done <"$work/daemons"
	rm -f "$work/daemons"
}

# page PORT [FORMAT]: what a scraper gets there.
page() {
	python3 -IS -c '
import sys, urllib.request
request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/metrics",
                                 headers={"Accept": sys.argv[2]})
sys.stdout.buffer.write(urllib.request.urlopen(request, timeout=60).read())' "$1" "${2:-*/*}"
}

start_tuner() {
	start tuner "$tuner" --interval 0.5 --metrics 127.0.0.1:$page_port "$@"
	wait_until "no page of the tuner ($(cat "$work/tuner.log"))" page $page_port
}

no_plane() {
	[ ! -e /sys/fs/bpf/dmem ] || no "the plane is loaded"
}

# tuner_refuses STATUS MESSAGE OPTION...
tuner_refuses() {
	want=$1 message=$2
	shift 2
	status=0
	timeout 60 "$tuner" "$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq "$want" ] && [ "$(cat "$work/err")" = "dmem-tuner: $message" ] ||
		no "$*: status $status: $(cat "$work/err")"
	no_plane
}

test_addresses() {
	wrong='not an address with a port (as 127.0.0.1:9472) (dmem-tuner --help)'
	tuner_refuses 2 "127.0.0.1: $wrong" --metrics 127.0.0.1
	tuner_refuses 2 "localhost:80: $wrong" --metrics localhost:80
	tuner_refuses 2 '--metrics: only of a tuner that goes on (dmem-tuner --help)' \
		--once --metrics 127.0.0.1:$page_port
	tuner_refuses 1 '--metrics 192.0.2.1:80: Cannot assign requested address' \
		--metrics 192.0.2.1:80
	start listener python3 -IS -c '
import socket, time
s = socket.create_server(("127.0.0.1", '$page_port'))
time.sleep(600)'
	wait_until "no listener" python3 -IS -c '
import socket
socket.create_connection(("127.0.0.1", '$page_port')).close()'
	tuner_refuses 1 "--metrics 127.0.0.1:$page_port: somebody else listens there" \
		--metrics 127.0.0.1:$page_port
}

start_prometheus() {
	cat >"$work/prometheus.yml" <<-END
		global: {scrape_interval: 1s}
		scrape_configs:
		  - {job_name: tuner, static_configs: [{targets: ['127.0.0.1:$page_port']}]}
		  - {job_name: donor, static_configs: [{targets: ['127.0.0.1:$donor_port']}]}
	END
	promtool check config "$work/prometheus.yml" >"$work/out" 2>&1 || no "$(cat "$work/out")"
	start prometheus prometheus --config.file "$work/prometheus.yml" \
		--storage.tsdb.path "$work/tsdb" --log.level=warn \
		--web.listen-address 127.0.0.1:$prometheus_port
}

# Both pages, and every query of the dashboard, while a VM memory is in use; then its last figures.
test_prometheus() {
	odd=$(printf 'b\303\274ro "1\\\377')
	new_pool donor=local:256M,direct=50%,order=2,latency_ns=20000,ns_per_page=500
	bash tests/vm/rxe.sh up >"$work/out" || no "no RDMA device"
	start donor out/dmem-memnode --listen 10.77.0.1 --memory 64M --extent 2M \
		--metrics 127.0.0.1:$donor_port
	start_tuner --mode auto
	ctl 0 create "$pool/vm0" --size 16M --direct 4M
	ctl 0 create "$pool/$odd" --size 8M
	# As libvirt has it: the same name in a folder for each domain.
	mkdir "$pool/1-db" "$pool/2-web"
	ctl 0 create "$pool/1-db/pc.ram" --size 4M
	ctl 0 create "$pool/2-web/pc.ram" --size 2M
	start_prometheus
	start user python3 -IS -c '
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
with mmap.mmap(fd, os.fstat(fd).st_size) as m:
    while True:
        for at in range(0, len(m), 4096):
            m[at] = at % 251 + 1' "$pool/vm0"
	wait_until "not up" prometheus_is up tuner donor
	touch_memory "$pool/$odd" $((1 << 20))
	wait_until "an odd name" prometheus_is value \
		'dmem_vm_zero_fills_total{vm=~"büro .1.."}' 256
	for name in 1-db:4 2-web:2; do
		wait_until "a name in a folder" prometheus_is value \
			"dmem_vm_size_bytes{vm=\"${name%:*}/pc.ram\"}" $((${name#*:} << 20))
	done
	# Rates need two samples of each.
	sleep 3
	python3 -IS tests/metrics/pages.py queries <docs/grafana-dashboard.json >"$work/queries"
	wait_until "the dashboard" sh -c \
		"python3 -IS tests/metrics/ask.py some $prometheus_port <'$work/queries'"

	kill "$(cat "$work/user.pid")"
	sleep 1
	ctl 0 show --json "$pool/vm0"
	json 'd["fetched_pages"] > 1000'
	for metric in faults soft_faults zero_fills; do
		wait_until "$metric" prometheus_is value "dmem_vm_${metric}_total{vm=\"vm0\"}" \
			"$(figure "$metric")"
	done
	wait_until "fetched" prometheus_is value 'dmem_vm_fetched_bytes_total{vm="vm0"} / 4096' \
		"$(figure fetched_pages)"
	wait_until "fetches" prometheus_is value \
		'sum(dmem_vm_fetch_seconds_bucket{vm="vm0",le="+Inf"})' \
		"$(python3 -IS -c 'import json, sys; print(sum(json.load(open(sys.argv[1]))["fetches"]))' \
			"$work/out")"
	wait_until "the donor's memory" prometheus_is value dmem_memnode_memory_bytes $((64 << 20))
	wait_until "the mode" prometheus_is value 'dmem_tuner_info{mode="auto"}' 1
	for port in $page_port $donor_port; do
		page $port text/plain | promtool check metrics >"$work/said" 2>&1 ||
			no "promtool of port $port: $(cat "$work/said")"
	done
	page $page_port | tail -n 1 | grep -qx '# EOF' || no "no end"
	page $page_port | python3 -IS tests/metrics/pages.py families | sort >"$work/served"
	python3 -IS tests/metrics/pages.py documented <docs/metrics.md | grep -v memnode | sort |
		diff - "$work/served" >"$work/differs" || no "$(cat "$work/differs")"

	rm "$pool/vm0"
	wait_until "gone" prometheus_is none 'dmem_vm_size_bytes{vm="vm0"}'
	prometheus_is up tuner donor >"$work/said" 2>&1 || no "$(cat "$work/said")"
}

# figure NAME: of the last ctl's JSON.
figure() {
	sed -n "s/^ *\"$1\": \([0-9]*\),*\$/\1/p" "$work/out"
}

rounds() {
	sed -n '1s/.*"rounds":\([0-9]*\).*/\1/p' /run/dmem-tuner.journal
}

rounds_grow() {
	[ "$(rounds)" -gt $((before + 4)) ]
}

# More connections than are served, that ask and never read: the tuner decides, and ends when told.
test_silent_scrapers() {
	start_tuner --mode buddy
	page $page_port | grep -qx 'dmem_tuner_info{mode="buddy"} 1' || no "another mode"
	wait_until "no journal of mode buddy" grep -q '"mode":"buddy"' /run/dmem-tuner.journal
	start scrapers python3 -IS -c '
import socket, sys, time
open_ones = []
for number in range(24):
    s = socket.create_connection(("127.0.0.1", '$page_port'))
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * (number % 3) * 20)
    open_ones.append(s)
open(sys.argv[1], "w").close()
time.sleep(600)' "$work/connected"
	wait_until "not connected" test -e "$work/connected"
	before=$(rounds)
	wait_until "no more rounds" rounds_grow
	pid=$(cat "$work/tuner.pid")
	kill "$pid"
	for _ in $(seq 50); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	! kill -0 "$pid" 2>/dev/null || no "the tuner does not end"
	grep -q '^dmem-tuner: ending after' "$work/tuner.log" || no "$(cat "$work/tuner.log")"
}

for program in prometheus promtool; do
	command -v $program >/dev/null && continue
	echo "not ok 1 $program is not installed (tools/deps.sh)"
	echo 1..1
	exit 1
done
ip link set lo up
[ $# -gt 0 ] || set -- addresses prometheus silent_scrapers
for name; do
	run_test "$name"
	end_daemons
done
clean_up
bash tests/vm/rxe.sh down
[ ! -e /sys/fs/bpf/dmem ] || "$tuner" --unload
rm -f /run/dmem-tuner.journal
rm -rf "$top"
echo "1..$number"
[ "$failed" -eq 0 ]
