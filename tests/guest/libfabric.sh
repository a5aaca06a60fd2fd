#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# libfabric's verbs provider: fi_pingpong checks the data (-c) of all sizes.

. "$(dirname "$0")/lib.sh"

# pingpong PROVIDER ENDPOINT - where there are several devices, its server takes
# the first one, whatever the client asks for: so both are told
pingpong() {
	exchange ${3:-} 47592 fi_pingpong -d @srvdev -p "$1" -e "$2" -I 2 -S all -c -- \
		fi_pingpong -d @clidev -p "$1" -e "$2" -I 2 -S all -c @srv
	expect_client '^[0-9.]+[kmg]? +2 +=?2 ' 46
}

ended() {
	until_true 10 gone "$server" || fail "the server does not end"
}

# reliable_datagrams - over any driver, rxm crashes at its end now and then: when
# all has been exchanged, it uses the connection that the peer has ended
reliable_datagrams() {
	pingpong 'verbs;ofi_rxm' rdm -k
	expect_server '^[0-9.]+[kmg]? +2 +=?2 ' 46
	! is_server || ended
}

tests() {
	check msg 40 pingpong verbs msg
	check rdm 60 reliable_datagrams
}

main() {
	each_topology 'dummy veth two' tests
}

guest_main "$@"
