#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Open MPI, two processes, by its OFI transport: libfabric's verbs provider for
# connections, ofi_rxm for what MPI wants above them.
. "$(dirname "$0")/lib.sh"
limit=$((60 * ${SIW_SLOW:-1}))

have mpirun mpi || finish
have mpicc mpi || finish
if ! mpicc -O1 -Wall -Wextra -Werror -o "$work/mpi" "$top/tests/usiw/mpi.c" \
	>"$work/client.log" 2>&1
then
	not_ok mpi 'does not compile'
	finish
fi

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export TMPDIR=$work HOME=$work

# rxm - the program over libfabric's verbs
rxm() {
	client mpirun --oversubscribe -np 2 --mca oob_tcp_if_include lo \
		--mca pml cm --mca mtl ofi --mca mtl_base_verbose 1 \
		--mca mtl_ofi_provider_include 'verbs;ofi_rxm' "$work/mpi" &&
		grep -q 'all data is right' "$work/client.log"
}

check ofi 'see above' rxm
check ofi_is_siw0 'it went another way' \
	grep -q 'provider: siw0' "$work/client.log"
finish
