#!/bin/sh
# Collects what "twomsl diagnose" wants to know of a host: its TCP sockets, counters, settings and descriptors.
#
#   sh snapshot.sh >host.txt                where the trouble is; or: ssh HOST sh <snapshot.sh >host.txt
#   twomsl diagnose host.txt                on any machine
#   twomsl snapshot --redact host.txt       before it is shown to somebody else
#
# It takes two looks, @SECONDS@ s apart (another time: sh snapshot.sh 30). It only reads: it writes no file, changes no setting, sends
# no packet and lets the kernel load no module. It needs no root; as root it also names other users' programs, counts their
# descriptors, and tells the size of a TIME_WAIT.

LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH

# ss_loads_nothing: ss is here, and to ask for TCP sockets takes no module that is not loaded.
ss_loads_nothing() {
	[ -e /proc/modules ] || return 0
	while read -r module _; do
		[ "$module" != tcp_diag ] || return 0
	done </proc/modules
	[ "$(cat /proc/sys/kernel/modules_disabled 2>/dev/null)" != 1 ] || return 0
	grep -q '/tcp_diag\.ko' "/lib/modules/$(cat /proc/sys/kernel/osrelease)/modules.builtin" 2>/dev/null
}

# sockets OPTIONS: by ss, or else as /proc has them. (netstat reads the same files, and cuts IPv6 addresses short.)
sockets() {
	if command -v ss >/dev/null 2>&1; then
		if ss_loads_nothing; then
			case $1 in
			*p*) echo "@SOCKETS@ with listeners backlogs timers programs" ;;
			*) echo "@SOCKETS@ with listeners backlogs timers" ;;
			esac
			ss "$1" && return
		else
			echo "@GAP_DIAG@"
		fi
	fi
	echo "@SOCKETS@ with listeners timers"
	cat /proc/net/tcp
	cat /proc/net/tcp6 2>/dev/null
}

# settings are read with cat: some shells read byte by byte, and these files give their first read only.
settings() {
	for key in \
@SYSCTLS@; do
		old=$IFS
		IFS=.
		# shellcheck disable=SC2086 # the key is split at its dots
		set -- $key
		IFS=/
		file="/proc/sys/$*"
		IFS=$old
		if value=$(cat "$file" 2>/dev/null); then
			printf '%s = %s\n' "$key" "$value"
		fi
	done
}

totals() {
	cat /proc/net/snmp /proc/net/netstat
	cat /proc/net/sockstat
	cat /proc/net/stat/nf_conntrack 2>/dev/null
	grep '^tw_sock_TCP ' /proc/slabinfo 2>/dev/null && return
	if { read -r bytes </sys/kernel/slab/tw_sock_TCP/slab_size; } 2>/dev/null; then
		printf 'tw_sock_TCP 0 0 %s\n' "$bytes"
	fi
}

# descriptors: of the processes here that hold many, or half of what they may.
descriptors() {
	echo 'descriptors of programs'
	here=$(readlink /proc/self/ns/net 2>/dev/null)
	for process in /proc/[0-9]*; do
		set -- "$process"/fd/*
		[ $# -ge @FEW@ ] || continue
		there=$(readlink "$process/ns/net" 2>/dev/null)
		[ "$there" = "$here" ] || continue
		limit=0
		while read -r max open files soft _; do
			[ "$max $open $files" != "Max open files" ] || limit=$soft
		done <"$process/limits"
		case $limit in
		'' | 0 | *[!0-9]*) continue ;;
		esac
		[ $# -ge @MANY@ ] || [ $((2 * $#)) -ge "$limit" ] || continue
		name='?'
		read -r name <"$process/comm"
		printf 'descriptors %s of %s %s[%s]\n' "$#" "$limit" "$name" "${process#/proc/}"
	done 2>/dev/null
}

begin_look() {
	read -r uptime _ </proc/uptime
	echo "@LOOK@ $1 at $(date -u +%Y-%m-%dT%H:%M:%SZ) uptime $uptime"
}

main() {
	case $1 in
	'' | *[!0-9]*)
		echo "$1: whole seconds between the two looks, or 0 for one look" >&2
		exit 2
		;;
	esac
	echo "@SNAPSHOT@"
	look=1
	if [ "$1" != 0 ]; then
		begin_look 1
		settings
		sockets -tano
		totals
		sleep "$1"
		look=2
	fi
	begin_look "$look"
	settings
	sockets -tanop
	totals
	descriptors
	if [ "$(id -u)" != 0 ]; then
		echo "@GAP_OTHERS@"
		echo "@GAP_DESCRIPTORS@"
	fi
	echo "@END@"
}

main "${1:-@SECONDS@}" </dev/null
